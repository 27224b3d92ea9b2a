//! Generates the tables of src/gbk.rs and the C header, and gives a shared library what it needs on the
//! target's system. Crates for the latter two are compiled only with the features `header` and
//! `c-library`.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    gbk_tables();
    #[cfg(feature = "header")]
    header::write();
    // The target's system, never the one that this script runs on.
    match env::var("CARGO_CFG_TARGET_OS").expect("set by cargo").as_str() {
        "linux" => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libagw.so.1");
            // Threads and fork handlers of ours may run at any time: never unload.
            println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
        }
        // Where a program of macOS looks for the library: along its rpath, not in the place where
        // it was built.
        "macos" => println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libagw.1.dylib"),
        #[cfg(feature = "c-library")]
        "windows" => version_information(),
        _ => {}
    }
}

fn out(name: &str) -> PathBuf {
    PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join(name)
}

fn gbk_tables() {
    let character = |bytes: &[u8]| {
        let (text, _) = encoding_rs::GB18030.decode_without_bom_handling(bytes);
        u16::try_from(u32::from(text.chars().next().expect("a character"))).expect("two bytes")
    };
    let trails = || (0x40..0x7F).chain(0x80..0xFF);
    let pairs = (0x81..0xFF).flat_map(|lead| trails().map(move |trail| [lead, trail]));
    let pairs: Vec<u16> = pairs.map(|pair| character(&pair)).collect();
    let mut ranges = Vec::new();
    let mut next = None;
    for number in 0..39_420 {
        let digit = |of: u16| 0x30 + (number / of % 10) as u8;
        let third = 0x81 + (number / 10 % 126) as u8;
        let bytes = [0x81 + (number / 12_600) as u8, digit(1260), third, digit(1)];
        let character = character(&bytes);
        if next != Some(character) {
            ranges.push((number, character));
        }
        next = character.checked_add(1);
    }
    for (name, table) in [("pairs", format!("{pairs:?}")), ("ranges", format!("{ranges:?}"))] {
        std::fs::write(out(&format!("gbk-{name}.rs")), table).expect("OUT_DIR can be written");
    }
}

#[cfg(feature = "header")]
mod header {
    /// Where the header's texts and numbers are, in the order in which they appear in it.
    const SOURCES: [&str; 3] = ["src/status.rs", "src/ffi/types.rs", "src/ffi/mod.rs"];

    pub fn write() {
        let header = generated().unwrap_or_else(|why| panic!("cbindgen: {why}"));
        std::fs::write(super::out("agw.h"), header).expect("OUT_DIR can be written");
        println!("cargo::rerun-if-changed=cbindgen.toml");
        for source in SOURCES {
            println!("cargo::rerun-if-changed={source}");
        }
    }

    fn generated() -> Result<String, Box<dyn std::error::Error>> {
        let config = cbindgen::Config::from_file("cbindgen.toml")?;
        let builder = cbindgen::Builder::new().with_config(config);
        let builder = SOURCES.iter().fold(builder, |builder, source| builder.with_src(source));
        let mut header = Vec::new();
        builder.generate()?.write(&mut header);
        Ok(for_c_readers(&String::from_utf8(header)?))
    }

    /// Leaves out the `struct` in front of names that are typedefs.
    fn for_c_readers(text: &str) -> String {
        let plain = |line: &str| match line.starts_with("typedef struct") {
            true => line.to_owned() + "\n",
            false => line.replace("struct agw_", "agw_") + "\n",
        };
        text.lines().map(plain).collect()
    }
}

/// What Explorer shows of the DLL. A Rust program that has agw within does not need it, nor the
/// resource compiler.
#[cfg(feature = "c-library")]
fn version_information() {
    println!("cargo::rerun-if-changed=src/agw.rc.in");
    let version = env::var("CARGO_PKG_VERSION").expect("set by cargo");
    let template = std::fs::read_to_string("src/agw.rc.in").expect("it is there");
    let text = template
        .replace("@NUMBERS@", &version.split('-').next().unwrap_or_default().replace('.', ","))
        .replace("@VERSION@", &version);
    let script = out("agw.rc");
    std::fs::write(&script, text).expect("OUT_DIR can be written");
    let compiled = embed_resource::compile_for_cdylib(&script, embed_resource::NONE);
    if let Err(why) = compiled.manifest_required() {
        println!("cargo::warning=agw.dll is built without its version information: {why}");
    }
}
