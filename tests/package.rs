//! The package: what Cargo.toml says about it is true.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const README: &str = include_str!("../README.md");

fn cargo(folder: &Path, arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(arguments).current_dir(folder).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn metadata() -> Value {
    let arguments = ["metadata", "--locked", "--all-features", "--format-version", "1"];
    serde_json::from_str(&cargo(Path::new(ROOT), &arguments)).expect("JSON")
}

/// The packages that a user of the library compiles: all but those that only tests need.
fn compiled_by_users(metadata: &Value) -> HashSet<&str> {
    let nodes = metadata["resolve"]["nodes"].as_array().expect("nodes");
    let nodes: HashMap<_, _> =
        nodes.iter().map(|node| (node["id"].as_str().expect("an ID"), node)).collect();
    let mut found = HashSet::new();
    let mut pending = vec![metadata["resolve"]["root"].as_str().expect("a root")];
    while let Some(id) = pending.pop() {
        if !found.insert(id) {
            continue;
        }
        for dependency in nodes[id]["deps"].as_array().expect("a list") {
            let kinds = dependency["dep_kinds"].as_array().expect("a list");
            if kinds.iter().any(|kind| kind["kind"] != "dev") {
                pending.push(dependency["pkg"].as_str().expect("an ID"));
            }
        }
    }
    found
}

fn version(text: &str) -> [u32; 3] {
    let mut version = [0; 3];
    for (place, part) in version.iter_mut().zip(text.split('.')) {
        *place = part.parse().expect("a number");
    }
    version
}

#[test]
fn no_dependency_needs_a_newer_rust_than_is_stated() {
    let metadata = metadata();
    let compiled = compiled_by_users(&metadata);
    let stated = version(env!("CARGO_PKG_RUST_VERSION"));
    let mut seen = 0;
    for package in metadata["packages"].as_array().expect("packages") {
        if !compiled.contains(package["id"].as_str().expect("an ID")) {
            continue;
        }
        if let Some(needed) = package["rust_version"].as_str() {
            seen += 1;
            assert!(version(needed) <= stated, "{} needs {needed}", package["name"]);
        }
    }
    assert!(seen > 10, "most crates state theirs");
}

#[test]
fn build_rs_needs_no_crate_without_features() {
    let tree = |features| {
        let tree = ["tree", "--locked", "-e", "build", "--prefix", "none"];
        cargo(Path::new(ROOT), &[&tree[..], features].concat())
    };
    assert!(tree(&[]).contains("\ncbindgen v"), "{}", tree(&[]));
    let alone = tree(&["--no-default-features"]);
    assert_eq!(alone.lines().count(), 1, "{alone}");
}

/// The README's lines in a program's manifest, with the path of these sources for the version.
#[test]
fn a_rust_program_as_the_readme_has_it_compiles_no_cbindgen() {
    let (_, rest) = README.split_once("```toml\n").expect("the lines have a beginning");
    let (dependencies, _) = rest.split_once("```").expect("the lines have an end");
    let dependencies = dependencies.replace("version = \"1\"", &format!("path = {ROOT:?}"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("program");
    std::fs::create_dir_all(program.join("src")).expect("created");
    let package = "[package]\nname = \"program\"\nedition = \"2024\"\n[workspace]\n";
    std::fs::write(program.join("Cargo.toml"), format!("{package}{dependencies}"))
        .expect("written");
    std::fs::write(program.join("src/main.rs"), "fn main() {}\n").expect("written");
    std::fs::copy(Path::new(ROOT).join("Cargo.lock"), program.join("Cargo.lock")).expect("copied");
    let tree = cargo(&program, &["tree", "--offline", "-e", "all", "--prefix", "none"]);
    assert!(tree.contains("\nagw v") && tree.contains("\nrustls v"), "{tree}");
    assert!(!tree.contains("cbindgen") && !tree.contains("embed-resource"), "{tree}");
}
