//! Where the tests write their files.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

/// What `CARGO_TARGET_TMPDIR` is in the sources of the test that runs.
pub fn temporary() -> PathBuf {
    let test = env::current_exe().expect("a test has a path");
    let root = test.ancestors().nth(3).expect("it is in target/debug/deps");
    root.join("tmp")
}

/// The files below a folder that have this ending, but for what builds leave and git keeps.
pub fn below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_str().expect("UTF-8");
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(below(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// A folder for one test, gone with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn create() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-{}-{number}", process::id());
        let folder = temporary().join(name);
        fs::create_dir_all(&folder).expect("a folder for the test's files");
        Folder(folder)
    }

    /// The path of a file in it that need not be there.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }

    /// Writes a file and gives its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("the folder can be written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
