//! The tables of platforms and packages say what the scripts build, no more and no less, in the same
//! order.

const TABLES: &str = include_str!("../bindings/packaging/README.md");

/// The rows of the tables, cell by cell.
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
