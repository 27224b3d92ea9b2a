//! Generates the C header, and sets what a shared library needs on the target's system.

use std::env;
use std::path::PathBuf;

/// Where the header's texts and numbers are, in the order in which they appear in it.
const SOURCES: [&str; 3] = ["src/status.rs", "src/ffi/types.rs", "src/ffi/mod.rs"];

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    let header = header(&root).unwrap_or_else(|why| panic!("cbindgen: {why}"));
    std::fs::write(out.join("agw.h"), header).expect("OUT_DIR can be written");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    link_arguments(&env::var("CARGO_CFG_TARGET_OS").expect("set by cargo"));
}

fn header(root: &std::path::Path) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let builder = cbindgen::Builder::new().with_config(config);
    let builder =
        SOURCES.iter().fold(builder, |builder, source| builder.with_src(root.join(source)));
    let mut header = Vec::new();
    builder.generate()?.write(&mut header);
    Ok(for_c_readers(&String::from_utf8(header)?).into_bytes())
}

/// Leaves out Rust's own chapters on safety, which say again what the parameters say, and the
/// `struct` in front of names that are typedefs.
fn for_c_readers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut skipping = false;
    for line in text.lines() {
        if line.trim() == "* # Safety" {
            skipping = true;
            kept.truncate(kept.trim_end_matches(['\n', ' ', '*']).len());
            kept.push('\n');
        }
        skipping &= line.trim() != "*/";
        if skipping {
            continue;
        }
        if line.starts_with("typedef struct") {
            kept.push_str(line);
        } else {
            kept.push_str(&line.replace("struct agw_", "agw_"));
        }
        kept.push('\n');
    }
    kept
}

/// By the target's system, never by the one that this script runs on.
fn link_arguments(target_os: &str) {
    if target_os == "linux" {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libagw.so.1");
        // Threads and fork handlers of ours may run at any time: never unload.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
