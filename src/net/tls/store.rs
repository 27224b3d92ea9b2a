//! The system's store where it is files: Linux and its like.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs, io};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls_native_certs::{CertificateResult, ErrorKind, load_certs_from_paths, load_native_certs};

use super::chain_source;
use super::pem::bad_option;
use super::verify::TrustSource;
use crate::net::failure::{caused_by, words};
use crate::sys::files;
use crate::sys::process::is_privileged;
use crate::{Error, Status};

const FILE: &str = "SSL_CERT_FILE";
const FOLDERS: &str = "SSL_CERT_DIR";

/// What it has, and `trusted`, too.
pub(super) fn system_source(
    mut trusted: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<TrustSource, Error> {
    let store = load()?;
    trusted.extend(store.certs);
    let told = |why: &rustls_native_certs::Error| match &why.kind {
        ErrorKind::Io { inner, path } => Some(unreadable(path, inner)),
        _ => None,
    };
    let fatal = |error: &Error| trusted.is_empty() || error.status() == Status::Resources;
    match store.errors.iter().filter_map(told).find(fatal) {
        Some(error) => Err(error),
        None => chain_source(trusted, provider),
    }
}

/// From where the system keeps it, or the environment says it is. In a program with more rights than
/// its caller the caller's environment must not say whom it trusts.
fn load() -> Result<CertificateResult, Error> {
    let names = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    // To its reader an empty name is a file that is not there.
    let names_nothing = env::var_os(FILE).is_some() && !names(FILE) && !names(FOLDERS);
    if !is_privileged() && !names_nothing {
        refuse_endless()?;
        return Ok(load_native_certs());
    }
    let mut store = CertificateResult::default();
    for folder in openssl_probe::candidate_cert_dirs() {
        let found = load_certs_from_paths(None, Some(folder));
        store.certs.extend(found.certs);
        store.errors.extend(found.errors);
    }
    Ok(store)
}

/// What reads the store reads all that the environment names: a FIFO, a device, any length.
fn refuse_endless() -> Result<(), Error> {
    let file = env::var_os(FILE).map(PathBuf::from);
    let folders = env::var_os(FOLDERS).unwrap_or_default();
    let entries = env::split_paths(&folders).filter_map(|folder| fs::read_dir(folder).ok());
    let entries = entries.flatten().flatten().map(|entry| entry.path());
    // Of a folder it reads regular files only.
    let mut named = file.into_iter().chain(entries.filter(|path| path.is_file()));
    let endless = named.find_map(|path| Some((files::is_endless(&path)?, path)));
    endless.map_or(Ok(()), |(why, path)| Err(unreadable(&path, &why)))
}

fn unreadable(path: &Path, why: &io::Error) -> Error {
    let detail = format!(
        "the system's store: '{}' cannot be read: {}; see SSL_CERT_FILE and SSL_CERT_DIR",
        path.display(),
        words(why)
    );
    caused_by(why, bad_option(detail))
}
