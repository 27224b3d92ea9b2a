//! The C side: the header, the exported symbols, and C programs that use and misuse the library.

use std::path::Path;
use std::process::Command;

use support::c::{self, C11, C89, C99, CXX11, CXX98, Dialect, GNU11};

const HEADER: &str = include_str!("../include/agw.h");

/// What the Rust sources say just now.
const GENERATED: &str = include_str!(concat!(env!("OUT_DIR"), "/agw.h"));

#[test]
fn the_committed_header_is_the_generated_one() {
    let differs = HEADER.lines().zip(GENERATED.lines()).position(|(a, b)| a != b);
    assert!(
        HEADER == GENERATED,
        "include/agw.h differs from the Rust sources, first at line {}: run `make header`",
        differs.map_or(HEADER.lines().count().min(GENERATED.lines().count()), |line| line) + 1
    );
}

/// Compiles a text; gives the compiler's complaints if it refuses.
fn compile_text(text: &str, dialect: Dialect) -> Result<(), String> {
    let mut compiler = c::compiler(dialect);
    let output = c::output_of(compiler.args(["-c", "-o", "/dev/null", "-"]), text);
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn the_header_compiles_in_every_dialect() {
    let hosts = [
        ("twice", "#include \"agw.h\"\n#include \"agw.h\"\n"),
        ("packed", "#pragma pack(1)\n#include \"agw.h\"\n"),
        ("statically", "#define AGW_STATIC\n#include \"agw.h\"\n"),
    ];
    for dialect in [C89, C99, C11, CXX98, CXX11] {
        for (how, host) in hosts {
            let text = format!("{host}int agw_host(void);\n");
            compile_text(&text, dialect)
                .unwrap_or_else(|complaint| panic!("{} {how}: {complaint}", dialect.standard));
        }
    }
}

#[test]
fn the_headers_size_checks_stop_a_compiler_with_another_idea() {
    let packed = HEADER.replace("#pragma pack(push, 8)", "").replace("#pragma pack(pop)", "");
    let shorter = packed.replace("char detail[512]", "char detail[508]");
    let complaint = compile_text(&shorter, C89).expect_err("the check is there");
    assert!(complaint.contains("agw_check_result_size"), "{complaint}");
}

/// The dynamic symbols that a shared library defines, one a line, sorted.
fn exports(library: &Path) -> String {
    let output = c::expect_success(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut names: Vec<_> = text.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    names.sort_unstable();
    names.join("\n") + "\n"
}

#[test]
fn the_tests_files_are_where_cargo_wants_them() {
    assert_eq!(support::files::temporary(), Path::new(env!("CARGO_TARGET_TMPDIR")));
}

/// A target folder may be copied with the links in it, which lead to the library it comes from.
#[test]
fn another_librarys_link_is_replaced() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("linked");
    for library in ["/elsewhere/libagw.so", "/here/libagw.so"] {
        c::link_library(&folder, Path::new(library));
        for name in ["libagw.so", "libagw.so.1"] {
            let link = std::fs::read_link(folder.join(name)).expect("a link");
            assert_eq!(link, Path::new(library));
        }
    }
}

const CONTRACT: &str = include_str!("c/exports.txt");

#[test]
fn exactly_the_functions_of_the_contract_are_exported() {
    assert_eq!(exports(&c::library_folder().join("libagw.so")), CONTRACT);
}

#[test]
fn one_symbol_more_would_be_seen() {
    let names = CONTRACT.lines().chain(["agw_one_more"]);
    let source: String = names.map(|name| format!("int {name}(void) {{ return 0; }}\n")).collect();
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("one_more.so");
    let mut compiler = c::compiler(C99);
    compiler.args(["-Wno-missing-prototypes", "-shared", "-fPIC", "-o"]).arg(&library).arg("-");
    c::expect_success_with_input(&mut compiler, &source);
    assert_ne!(exports(&library), CONTRACT);
}

#[test]
fn every_exported_function_is_in_the_header() {
    for name in CONTRACT.lines() {
        assert!(HEADER.contains(&format!(" {name}(")), "{name} is not declared");
    }
}

#[test]
fn the_library_has_its_soname_and_is_never_unloaded() {
    let library = c::library_folder().join("libagw.so");
    let output = c::expect_success(Command::new("readelf").arg("-d").arg(library));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("soname: [libagw.so.1]"), "{text}");
    assert!(text.contains("NODELETE"), "{text}");
}

#[test]
fn the_numbers_and_the_version_are_those_of_the_package() {
    let mut parts = env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse::<u32>());
    let number = parts.by_ref().take(3).fold(0, |number, part| number * 256 + part.expect("part"));
    assert_eq!(agw::ffi::AGW_VERSION_NUM, number);
    let mut failures = 0;
    for line in HEADER.lines().filter(|line| line.starts_with("#define AGW_E_")) {
        let mut words = line.split(' ').skip(1);
        let (name, number) = (words.next().expect("name"), words.next().expect("number"));
        let status = agw::Status::from_number(number.parse().expect("a number"));
        assert_eq!(status.map(agw::Status::name), Some(name), "no row in the status table");
        assert!(status.is_some_and(|status| status.sentence().ends_with('.')), "{name}");
        failures += 1;
    }
    assert_eq!(failures, 27, "and as many with AGW_OK are in tests/c/abi/layout.h");
}

fn checks_pass(source: &str, name: &str, dialect: Dialect) {
    let printed = c::run::<&str>(&c::compile(source, name, dialect), &[]);
    assert!(printed.contains(" checks passed"), "{printed}");
}

#[test]
fn misuse_is_harmless_in_c_and_cxx() {
    for dialect in [C89, C11, CXX11] {
        checks_pass("tests/c/abi.c", &format!("abi-{}", dialect.standard), dialect);
    }
}

#[test]
fn a_panic_stays_inside_and_the_client_stays_usable() {
    checks_pass("tests/c/panic.c", "panic", GNU11);
}

#[test]
fn the_example_compiles_wherever_c_does() {
    for dialect in [C89, C11, CXX98] {
        let name = format!("reject-{}", dialect.standard);
        let program = c::compile("bindings/c/examples/reject.c", &name, dialect);
        assert!(c::run(&program, &["--help"]).contains("--guid-file"));
    }
}
