//! The files of tests/corpus are what their script makes; the fault table plays them.

use std::fs;
use std::path::Path;
use std::process::Command;

use support::c;
use support::files::Folder;

const SCRIPT: &str = "make_heads.py";

fn check(folder: &Path) -> (bool, String) {
    let mut script = Command::new("python3");
    script.arg("-B").arg(folder.join(SCRIPT)).arg("--check");
    let output = c::output_of(&mut script, "");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_files_are_what_their_script_makes() {
    let (good, said) = check(&c::root().join("tests/corpus"));
    assert!(good, "{said}");
}

#[test]
fn a_file_of_another_making_is_found() {
    let folder = Folder::create();
    let script = fs::read_to_string(c::root().join("tests/corpus").join(SCRIPT)).expect("a text");
    let script = folder.write(SCRIPT, &script);
    let folder = Path::new(&script).parent().expect("a folder");
    fs::create_dir(folder.join("heads")).expect("a folder");
    fs::write(folder.join("heads/odd"), "x").expect("written");
    let (good, said) = check(folder);
    assert!(!good);
    for line in ["heads/odd: not of this script", "heads/100: is not what this script makes"] {
        assert!(said.contains(line), "{said}");
    }
}
