//! The package: what Cargo.toml says about it is true, its documents lead somewhere, and their tables
//! of platforms and packages say what the scripts build, no more and no less, in the same order.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::Value;
use support::files;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const README: &str = include_str!("../README.md");
/// What docs.rs shows first.
const RUST: &str = include_str!("../src/lib.rs");

fn cargo(folder: &Path, arguments: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    let output = cargo.args(arguments).current_dir(folder).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn packages() -> Vec<Value> {
    let arguments = ["metadata", "--locked", "--all-features", "--format-version", "1"];
    let metadata: Value = serde_json::from_str(&cargo(Path::new(ROOT), &arguments)).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

/// The packages that a user of the library compiles, on any system: all but those that only tests
/// need. Each as `name vVersion`, then perhaps more.
fn compiled_by_users() -> String {
    let tree = ["tree", "--locked", "--all-features", "--target", "all", "-e", "no-dev"];
    cargo(Path::new(ROOT), &[&tree[..], &["--prefix", "none"]].concat())
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
    let compiled = compiled_by_users();
    let compiled: HashSet<Vec<_>> =
        compiled.lines().map(|line| line.split(' ').take(2).collect()).collect();
    let stated = version(env!("CARGO_PKG_RUST_VERSION"));
    let mut seen = 0;
    for package in packages() {
        let [name, number] = ["name", "version"].map(|key| package[key].as_str().expect("a text"));
        if !compiled.contains(&vec![name, &format!("v{number}")]) {
            continue;
        }
        if let Some(needed) = package["rust_version"].as_str() {
            seen += 1;
            assert!(version(needed) <= stated, "{name} needs {needed}");
        }
    }
    assert!(seen > 10, "most crates state theirs");
}

/// They are released together.
#[test]
fn the_programs_of_the_archives_have_the_crates_version() {
    let packages = packages();
    for name in ["agw-check", "agw-simulator"] {
        let package = packages.iter().find(|one| one["name"] == name).expect(name);
        assert_eq!(package["version"], env!("CARGO_PKG_VERSION"), "{name}");
        assert_eq!(package["publish"], serde_json::json!([]), "{name} is on no registry");
    }
}

#[test]
fn without_features_build_rs_needs_the_tables_of_gbk_alone() {
    let tree = |features| {
        let tree = ["tree", "--locked", "-e", "build", "--prefix", "none"];
        cargo(Path::new(ROOT), &[&tree[..], features].concat())
    };
    assert!(tree(&[]).contains("\ncbindgen v"), "{}", tree(&[]));
    let alone = tree(&["--no-default-features"]);
    let names: Vec<_> = alone.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["agw-client", "encoding_rs"], "{alone}");
}

/// The documented lines in a program's manifest, with the path of these sources for the version.
#[test]
fn a_rust_program_as_it_is_documented_compiles_no_cbindgen() {
    let (_, rest) = RUST.split_once("```toml\n").expect("the lines have a beginning");
    let (dependencies, _) = rest.split_once("//! ```").expect("the lines have an end");
    let dependencies = dependencies.replace("//! ", "");
    let dependencies = dependencies.replace("version = \"1\"", &format!("path = {ROOT:?}"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("program");
    std::fs::create_dir_all(program.join("src")).expect("created");
    let package = "[package]\nname = \"program\"\nedition = \"2024\"\n[workspace]\n";
    std::fs::write(program.join("Cargo.toml"), format!("{package}{dependencies}"))
        .expect("written");
    std::fs::write(program.join("src/main.rs"), "fn main() {}\n").expect("written");
    std::fs::copy(Path::new(ROOT).join("Cargo.lock"), program.join("Cargo.lock")).expect("copied");
    let tree = cargo(&program, &["tree", "--offline", "-e", "all", "--prefix", "none"]);
    assert!(tree.contains("\nagw-client v") && tree.contains("\nrustls v"), "{tree}");
    assert!(!tree.contains("cbindgen") && !tree.contains("embed-resource"), "{tree}");
}

/// Elsewhere `agw` is another's. An old name left in a document would install that.
#[test]
fn the_documents_call_the_packages_by_their_names() {
    let said = |file: &str, text: &str| {
        let content = std::fs::read_to_string(Path::new(ROOT).join(file)).expect("UTF-8");
        assert!(content.contains(text), "{file} lacks {text}");
    };
    let distribution = env!("CARGO_PKG_NAME");
    said("bindings/python/pyproject.toml", &format!("\nname = \"{distribution}\"\n"));
    said("bindings/csharp/Agw.csproj", "<PackageId>Agw.Client</PackageId>");
    for document in ["README.md", "bindings/python/README.md"] {
        said(document, &format!("pip install {distribution}"));
    }
    said("bindings/simulator/README.md", "pip install agw-simulator ");
    said("src/lib.rs", &format!("\n//! {distribution} = {{ version"));
    said("CONTRIBUTING.md", &format!("cargo update -p {distribution}`"));
    said("bindings/csharp/README.md", "dotnet add package Agw.Client\n");
}

/// What the text has between these two, if it has.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

/// Whoever publishes fills it in: everywhere, or nowhere.
#[test]
fn every_package_has_the_same_home_page() {
    let read = |file: &str| std::fs::read_to_string(Path::new(ROOT).join(file)).expect("UTF-8");
    let page = option_env!("CARGO_PKG_HOMEPAGE").filter(|page| !page.is_empty());
    let python = read("bindings/python/pyproject.toml");
    let simulator = read("bindings/simulator/pyproject.toml");
    let dotnet = read("bindings/csharp/Agw.csproj");
    assert_eq!(between(&python, "\nHomepage = \"", "\"\n"), page);
    assert_eq!(between(&simulator, "\nHomepage = \"", "\"\n"), page);
    assert_eq!(between(&dotnet, "<PackageProjectUrl>", "<"), page);
}

/// What docs.rs, crates.io, PyPI, NuGet and the archives show where the repository is not beside it.
const SHOWN_ALONE: [&str; 6] = [
    "README.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "bindings/python/README.md",
    "bindings/simulator/README.md",
    "bindings/csharp/README.md",
];

/// Where the links and pictures of a Markdown text lead to.
fn links(text: &str) -> Vec<String> {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES);
    let links = events.filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    });
    links.collect()
}

/// A heading as the part of an address that leads to it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches(['#', ' ']).to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let mut seen = 0;
    for path in files::below(Path::new(ROOT), ".md") {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let anchors: Vec<_> =
            text.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
        let alone = SHOWN_ALONE.iter().any(|name| path == Path::new(ROOT).join(name));
        for link in links(&text) {
            seen += 1;
            let leads = match link.strip_prefix('#') {
                Some(part) => anchors.iter().any(|anchor| anchor == part),
                None if link.starts_with("https://") => true,
                None => !alone && path.with_file_name(&link).exists(),
            };
            assert!(leads, "{}: {link}", path.display());
        }
    }
    assert!(seen > 3, "{seen}");
}

/// A link to an item has no slash; rustdoc itself looks whether the item is there.
#[test]
fn no_link_in_the_documentation_is_relative() {
    for path in files::below(&Path::new(ROOT).join("src"), ".rs") {
        let source = std::fs::read_to_string(&path).expect("UTF-8");
        let lines = source.lines().map(str::trim_start);
        let comments =
            lines.filter_map(|line| line.strip_prefix("///").or_else(|| line.strip_prefix("//!")));
        for link in links(&comments.collect::<Vec<_>>().join("\n")) {
            let elsewhere = link.starts_with("https://");
            assert!(elsewhere || !link.contains(['/', '.']), "{}: {link}", path.display());
        }
    }
}

/// What a person reads who has ten minutes; the rest has pages of its own.
#[test]
fn the_readme_is_read_in_ten_minutes() {
    let (first, _) = README.split_once("\n## More\n").expect("a part for those who want more");
    let words = first.split_whitespace().count();
    assert!(words <= 1300, "{words} words");
}

/// The pages that the README names.
#[test]
fn every_file_that_the_readme_names_is_there() {
    let paths = README.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".md"));
    let (found, missing): (Vec<_>, Vec<_>) =
        paths.partition(|name| Path::new(ROOT).join(name).exists());
    assert_eq!(missing, [""; 0]);
    assert!(found.len() > 8, "{found:?}");
}

const TABLES: &str = include_str!("../bindings/packaging/README.md");

/// The rows of the tables of platforms and packages, cell by cell.
fn rows() -> Vec<Vec<&'static str>> {
    let rows = TABLES.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").collect()).collect()
}

fn released() -> impl Iterator<Item = Vec<&'static str>> {
    let table = include_str!("../bindings/packaging/platforms.txt").lines();
    table.filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace().collect())
}

#[test]
fn the_table_has_the_platforms_that_are_built() {
    let mut built: Vec<[String; 2]> = Vec::new();
    for row in released() {
        let (name, libc) = (row[0], row[3]);
        let (system, made) = match name.split('-').collect::<Vec<_>>()[..] {
            ["linux", "musl", machine] => (format!("Linux {machine} with musl (Alpine)"), "linux"),
            ["linux", machine] => (format!("Linux {machine}, glibc {libc} and newer"), "linux"),
            ["windows", width] => (format!("Windows {width}, from 7 on by its imports"), "windows"),
            _ => panic!("what is {name}?"),
        };
        built.push([system, format!("`make {made}`")]);
    }
    let said: Vec<_> = rows()
        .into_iter()
        .filter(|row| row.len() == 3 && ["`make linux`", "`make windows`"].contains(&row[1]))
        .map(|row| [row[0].to_owned(), row[1].to_owned()])
        .collect();
    assert_eq!(said, built);
}

#[test]
fn the_table_has_the_platforms_that_are_only_compiled() {
    let script = include_str!("targets.sh");
    let (_, targets) = script.split_once("set -- ").expect("a list");
    let (targets, _) = targets.split_once("\ntarget=").expect("it has an end");
    let mut systems: Vec<(&str, Vec<&str>)> = Vec::new();
    for target in targets.split_whitespace().filter(|word| *word != "\\") {
        let (machine, rest) = target.split_once('-').expect("a target");
        let names = [("apple", "macOS"), ("linux", "Linux"), ("windows", "Windows")];
        let (_, system) = names.iter().find(|(part, _)| rest.contains(part)).expect("a system");
        let machine = match machine {
            "aarch64" => "arm64",
            "loongarch64" => "LoongArch",
            other => other,
        };
        match systems.iter_mut().find(|(known, _)| known == system) {
            Some((_, machines)) => machines.push(machine),
            None => systems.push((system, vec![machine])),
        }
    }
    let parts = systems.iter().map(|(system, list)| format!("{system} on {}", list.join(" and ")));
    let compiled = parts.collect::<Vec<_>>().join(", ");
    let said: Vec<_> = rows()
        .into_iter()
        .filter(|row| row.len() == 3 && row[1].starts_with("`make check-targets`"))
        .map(|row| row[0])
        .collect();
    assert_eq!(said, [compiled]);
}

#[test]
fn the_table_has_the_packages_that_are_made() {
    let names: Vec<_> = rows().into_iter().map(|row| row[0]).collect();
    let named = |part: &str| names.iter().filter(|name| name.contains(part)).count() == 1;
    for row in released() {
        let ending = if row[0].starts_with("windows") { "zip" } else { "tar.gz" };
        assert!(named(&format!("-{}.{ending}`", row[0])), "the archive for {}", row[0]);
    }
    let script = include_str!("../bindings/packaging/system.py");
    let table = script.lines().filter_map(|line| line.strip_prefix("    (\"linux-"));
    let table: Vec<Vec<_>> = table.map(|row| row.split("\", \"").collect()).collect();
    for manager in ["deb", "rpm", "apk"] {
        let machines: Vec<_> = table
            .iter()
            .filter(|row| row[1] == manager)
            .map(|row| row[0].trim_start_matches("musl-"))
            .collect();
        let said = format!("as .{manager} for {}", machines.join(" and "));
        assert!(!machines.is_empty() && named(&said), "{said}");
    }
}
