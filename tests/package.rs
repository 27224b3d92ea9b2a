//! The package: what Cargo.toml says about it is true.

use std::collections::{HashMap, HashSet};
use std::process::Command;

use serde_json::Value;

fn metadata() -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--locked", "--format-version", "1"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
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
