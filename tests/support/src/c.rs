//! Compiles C programs against the header and the shared library under test, and runs them.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Output, Stdio};
use std::sync::LazyLock;
use std::{env, fs};

use crate::files;

/// How a program is compiled: compiler, language, standard.
#[derive(Clone, Copy)]
pub struct Dialect {
    pub compiler: &'static str,
    pub language: &'static str,
    pub standard: &'static str,
}

pub const C89: Dialect = Dialect { compiler: "cc", language: "c", standard: "c89" };
pub const C99: Dialect = Dialect { compiler: "cc", language: "c", standard: "c99" };
pub const C11: Dialect = Dialect { compiler: "cc", language: "c", standard: "c11" };
pub const GNU11: Dialect = Dialect { compiler: "cc", language: "c", standard: "gnu11" };
pub const CXX98: Dialect = Dialect { compiler: "c++", language: "c++", standard: "c++98" };
pub const CXX11: Dialect = Dialect { compiler: "c++", language: "c++", standard: "c++11" };

/// The folder of the library's package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("it is two folders up")
}

/// A folder with `libagw.so.1` and `libagw.so`: those of this very test run.
pub fn library_folder() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let test = env::current_exe().expect("a test has a path");
        let folder = files::temporary().join("lib");
        link_library(&folder, &test.with_file_name("libagw.so"));
        folder
    });
    &FOLDER
}

/// Another library's link may be there, of a target folder that was copied.
pub fn link_library(folder: &Path, library: &Path) {
    fs::create_dir_all(folder).expect("a folder for the links");
    for name in ["libagw.so", "libagw.so.1"] {
        // Another test's programs find the old link or the new one.
        let fresh = folder.join(format!("{name}-{}", process::id()));
        symlink(library, &fresh).expect("a new link");
        fs::rename(&fresh, folder.join(name)).expect("it takes the place of the old one");
    }
}

/// Compiles and links a source file of this package; `name` is the program's. `AGW_PROGRAMS` is a
/// folder with those that are compiled already, for another system.
pub fn compile(source: &str, name: &str, dialect: Dialect) -> PathBuf {
    if let Some(folder) = env::var_os("AGW_PROGRAMS") {
        return Path::new(&folder).join(name);
    }
    let mut command = compiler(dialect);
    command.arg(root().join(source));
    link(command, name)
}

/// Makes a program of what the command names and the library.
pub fn link(mut command: Command, name: &str) -> PathBuf {
    let program = files::temporary().join(name);
    let folder = library_folder();
    command.arg("-o").arg(&program);
    command.arg("-L").arg(folder).args(["-lagw", "-pthread"]);
    command.arg(format!("-Wl,-rpath,{}", folder.display()));
    expect_success(&mut command);
    program
}

/// The compiler with its dialect, warnings as errors, and the header's folder.
pub fn compiler(dialect: Dialect) -> Command {
    let mut command = Command::new(named(dialect.compiler));
    command.arg(format!("-std={}", dialect.standard)).args(["-x", dialect.language]);
    command.args(["-pedantic-errors", "-Wall", "-Wextra", "-Werror"]);
    for folder in ["include", "bindings/cpp"] {
        command.arg("-I").arg(root().join(folder));
    }
    command
}

/// What `cc` and `c++` are, `CC` and `CXX` of the environment may say, as they do to make.
fn named(compiler: &'static str) -> OsString {
    let variable = match compiler {
        "cc" => "CC",
        "c++" => "CXX",
        other => return other.into(),
    };
    env::var_os(variable).unwrap_or(compiler.into())
}

/// Runs a program and gives what it printed; panics with that if it fails.
pub fn run<S: AsRef<OsStr>>(program: &Path, arguments: &[S]) -> String {
    let output = expect_success(Command::new(program).args(arguments));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs a program to its end with a text on its standard input.
pub fn output_of(command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    // Closed again at the end of this statement; a program may leave its input unread.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("the program ends")
}

/// Runs a program to its end; panics with what it printed if it fails.
pub fn expect_success(command: &mut Command) -> Output {
    expect_success_with_input(command, "")
}

pub fn expect_success_with_input(command: &mut Command, input: &str) -> Output {
    let output = output_of(command, input);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
