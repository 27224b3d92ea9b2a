//! The books of both sides: files with a value a line, as JSON.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Mutex;

use serde::Serialize;
use serde::de::DeserializeOwned;
use support::lock;

pub struct Ledger(Mutex<BufWriter<File>>);

impl Ledger {
    pub fn create(folder: &Path, name: &str) -> io::Result<Self> {
        Ok(Ledger(Mutex::new(BufWriter::new(File::create(folder.join(name))?))))
    }

    pub fn note(&self, value: &impl Serialize) {
        let line = serde_json::to_string(value).expect("it has a form in JSON");
        writeln!(lock(&self.0), "{line}").expect("the ledger can be written");
    }

    pub fn flush(&self) -> io::Result<()> {
        lock(&self.0).flush()
    }

    pub fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> io::Result<Vec<T>> {
        let text = fs::read_to_string(folder.join(name))?;
        let values: Result<_, _> = text.lines().map(serde_json::from_str).collect();
        values.map_err(|why| io::Error::other(format!("{name} cannot be read: {why}")))
    }
}
