//! The plan of the code, held: no import runs up or in a circle, and what belongs into one room
//! stands in no other. src/README.md says why.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use support::files;

/// From top to bottom; a file imports from its own layer and those below.
const LAYERS: [&[&str]; 10] = [
    &["ffi"],
    &["client"],
    &["carrier"],
    &["session", "cookies", "sign_in", "event", "request", "answer"],
    &["net"],
    &["route"],
    &["address", "options"],
    &["error", "gbk", "json", "log", "retcode", "text"],
    &["status"],
    &["sys"],
];

/// A word, and the places under `src` where it may stand.
const ROOMS: [(&str, &[&str]); 5] = [
    ("unsafe", &["ffi/", "sys/"]),
    ("ureq_proto", &["net/http.rs"]),
    ("httparse", &["net/proxy.rs"]),
    ("socket2", &["net/", "sys/"]),
    ("rustls", &["net/"]),
];

type Sources = BTreeMap<String, String>;

/// Every file under `src` by its path there, without comments, texts and tests.
fn sources() -> Sources {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let source = |path: PathBuf| {
        let name = path.strip_prefix(&folder).expect("below it").to_str().expect("UTF-8");
        (name.to_owned(), plain(&fs::read_to_string(&path).expect("readable")))
    };
    files::below(&folder, ".rs").into_iter().map(source).collect()
}

fn plain(source: &str) -> String {
    let shipped = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = shipped.lines().map(|line| {
        let line = line.split("//").next().unwrap_or_default();
        // What stands between quotes is every second piece.
        line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `net/tls/mod.rs` is the module `net::tls`.
fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// The paths that a source names from `crate` or `super` on, braces spread out.
fn named_paths(source: &str, module: &[String]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (root, base) in [("crate", 0), ("super", module.len().saturating_sub(1))] {
        for (place, _) in source.match_indices(&format!("{root}::")) {
            let before = source[..place].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            spread(&source[place + root.len() + 2..], module[..base].to_vec(), &mut paths);
        }
    }
    paths
}

/// Reads one path, or the paths in braces; gives what follows.
fn spread<'a>(text: &'a str, mut path: Vec<String>, paths: &mut Vec<Vec<String>>) -> &'a str {
    let mut rest = text.trim_start();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.trim_start().starts_with('}') && !rest.trim().is_empty() {
            rest = spread(rest, path.clone(), paths).trim_start().trim_start_matches(',');
        }
        return rest.trim_start().trim_start_matches('}');
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    if end == 0 {
        paths.push(path);
        return rest.get(1..).unwrap_or_default();
    }
    match &rest[..end] {
        "self" => {}
        "super" => drop(path.pop()),
        word => path.push(word.to_owned()),
    }
    match rest[end..].strip_prefix("::") {
        Some(more) => spread(more, path, paths),
        None => {
            paths.push(path);
            let rest = &rest[end..];
            let renamed = rest
                .strip_prefix(" as ")
                .map(|new| new.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'));
            renamed.unwrap_or(rest)
        }
    }
}

/// Who imports from whom, by module.
fn arrows(sources: &Sources) -> BTreeMap<String, BTreeSet<String>> {
    let modules: BTreeSet<_> = sources.keys().map(|file| module_of(file).join("::")).collect();
    let reexported = reexported(sources.get("lib.rs").map_or("", String::as_str));
    let mut arrows = BTreeMap::new();
    for (file, source) in sources.iter().filter(|(file, _)| *file != "lib.rs") {
        let module = module_of(file);
        let mut targets = BTreeSet::new();
        for path in named_paths(source, &module) {
            let longest = (1..=path.len()).rev().map(|length| path[..length].join("::"));
            let target = longest.into_iter().find(|target| modules.contains(target));
            let target = target.or_else(|| reexported.get(path.first()?).cloned());
            targets.extend(target.filter(|target| *target != module.join("::")));
        }
        arrows.insert(module.join("::"), targets);
    }
    arrows
}

/// The names that lib.rs gives on, and their modules.
fn reexported(lib: &str) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for line in lib.lines().filter_map(|line| line.strip_prefix("pub use ")) {
        let mut paths = Vec::new();
        spread(line, Vec::new(), &mut paths);
        names.extend(paths.into_iter().filter_map(|path| match &path[..] {
            [module, name] => Some((name.clone(), module.clone())),
            _ => None,
        }));
    }
    names
}

fn layer_of(module: &str) -> Option<usize> {
    let top = module.split("::").next().unwrap_or_default();
    LAYERS.iter().position(|layer| layer.contains(&top))
}

/// What is wrong with the plan that these sources follow.
fn complaints(sources: &Sources) -> Vec<String> {
    let arrows = arrows(sources);
    let mut complaints = Vec::new();
    for (module, targets) in &arrows {
        let Some(layer) = layer_of(module) else {
            complaints.push(format!("{module} is in no layer"));
            continue;
        };
        let up = targets.iter().filter(|target| layer_of(target).is_some_and(|own| own < layer));
        complaints.extend(up.map(|target| format!("{module} imports from {target}, above it")));
    }
    complaints.extend(circle(&arrows).map(|circle| format!("a circle: {circle}")));
    for (file, source) in sources {
        let words: BTreeSet<_> = source.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for (word, rooms) in ROOMS {
            if words.contains(word) && !rooms.iter().any(|room| file.starts_with(room)) {
                complaints.push(format!("{word} in {file}: it belongs into {rooms:?}"));
            }
        }
    }
    complaints
}

/// A module from which one comes back to itself, if there is one.
fn circle(arrows: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let mut open = arrows.clone();
    let mut names = Vec::from_iter(open.keys().cloned());
    // Who imports from nobody that is left is in no circle.
    loop {
        open.retain(|_, targets| names.iter().any(|name| targets.contains(name)));
        if open.len() == names.len() {
            break;
        }
        names = open.keys().cloned().collect();
    }
    (!names.is_empty()).then(|| names.join(", "))
}

#[test]
fn no_import_runs_up_or_in_a_circle() {
    let sources = sources();
    assert!(sources.len() > 20, "{} files", sources.len());
    assert_eq!(complaints(&sources), [""; 0]);
}

/// The same for what is wrong on purpose.
#[test]
fn what_breaks_the_plan_is_found() {
    let lib = ("lib.rs", "pub use client::Client;\npub use error::{Answer, Error};");
    let table = [
        ("net/pool.rs", "use crate::ffi::fork;", "net::pool imports from ffi, above it"),
        ("net/pool.rs", "fn f() { crate::client::g() }", "net::pool imports from client"),
        ("error.rs", "use crate::{Status, Client};", "error imports from client, above it"),
        ("net/http.rs", "use crate::{a, b::{c, request::R}, answer};", "imports from answer"),
        ("net/tls/mod.rs", "use super::super::client;", "net::tls imports from client"),
        ("net/socket.rs", "use super::pool::Pool;", "a circle: net::pool, net::socket"),
        ("client.rs", "unsafe { f() }", "unsafe in client.rs"),
        ("route.rs", "use ureq_proto::Error;", "ureq_proto in route.rs"),
        ("odd.rs", "", "odd is in no layer"),
    ];
    for (file, source, expected) in table {
        let files = [
            lib,
            ("client.rs", ""),
            ("answer.rs", ""),
            ("ffi/mod.rs", ""),
            ("error.rs", "use crate::status::Status; // not crate::client"),
            ("status.rs", "const TEXT: &str = \"crate::client\";"),
            ("net/pool.rs", "use super::socket::Socket;"),
        ];
        let mut sources: Sources =
            files.iter().map(|(file, source)| ((*file).into(), plain(source))).collect();
        assert_eq!(complaints(&sources), [""; 0]);
        sources.insert(file.into(), plain(source));
        let complaints = complaints(&sources).join("; ");
        assert!(complaints.contains(expected), "{file}: {source}: {complaints}");
    }
}
