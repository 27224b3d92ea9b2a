//! The CA and the server's certificates: good ones, and those that no client should take.

use std::fs::{self, OpenOptions};
use std::io::{self, Error, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rcgen::CertificateParams;
use rustls::ServerConfig;
use rustls::pki_types::ServerName;

use super::faults::Fault;
use super::guid::random_name;
use crate::certs::{Authority, Leaf};
use crate::tls::Plan;

const CA_NAME: &str = "Agent gateway simulator CA";

/// The files in the folder of a CA that is kept.
const CA_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca-key.pem";

/// Whether and where the CA's certificate is written for clients to read.
#[derive(Clone, Debug, PartialEq)]
pub enum CaFile {
    /// Nowhere: [`Simulator::ca_pem`](super::Simulator::ca_pem) has it.
    None,
    /// To a new file in the system's directory for temporary files, removed at the stop.
    Temporary,
    /// To this file, which stays.
    At(PathBuf),
    /// To `ca.pem` in this folder, with the CA's key beside it: the next start takes both again.
    Kept(PathBuf),
}

/// What the server presents, with a fault or without one.
pub struct Certificates {
    pub ca_pem: String,
    pub pin: String,
    good: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
    foreign: Arc<ServerConfig>,
    tls12: Arc<ServerConfig>,
}

impl Certificates {
    /// Made anew at every start, as gateways have them as a rule; the CA, too, if it is not kept.
    pub fn new(names: &[String], target: &CaFile) -> io::Result<Self> {
        let ca = match target {
            CaFile::Kept(folder) => kept_authority(folder)?,
            _ => Authority::new(CA_NAME),
        };
        if let Some(name) = names.iter().find(|name| !can_be_asked_for(name)) {
            let text = format!("{name:?} is neither a host name nor an IP address");
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let params = CertificateParams::new(names)
            .map_err(|why| Error::new(ErrorKind::InvalidInput, format!("{names:?}: {why}")))?;
        let leaf = |valid| Leaf {
            common_name: "Agent gateway simulator",
            valid,
            ..Leaf::server(params.subject_alt_names.clone())
        };
        let good = ca.issue(&leaf((-1, 365)));
        let expired = ca.issue(&leaf((-30, -1)));
        let foreign = Authority::new("Some other CA").issue(&leaf((-1, 365)));
        Ok(Self {
            ca_pem: ca.pem(),
            pin: good.fingerprint(),
            good: config(&Plan::new(&good)),
            expired: config(&Plan::new(&expired)),
            foreign: config(&Plan::new(&foreign)),
            tls12: config(&Plan::new(&good).only(&rustls::version::TLS12)),
        })
    }

    pub fn config(&self, fault: Option<Fault>) -> Arc<ServerConfig> {
        let config = match fault {
            Some(Fault::ExpiredCertificate) => &self.expired,
            Some(Fault::ForeignCertificate) => &self.foreign,
            Some(Fault::Tls12) => &self.tls12,
            _ => &self.good,
        };
        config.clone()
    }

    /// Writes what clients trust, and tells where.
    pub fn write_ca(&self, target: &CaFile) -> io::Result<Option<PathBuf>> {
        let path = match target {
            CaFile::None => return Ok(None),
            CaFile::Kept(folder) => folder.join(CA_FILE),
            CaFile::At(path) => {
                fs::write(path, &self.ca_pem).map_err(|why| cannot_write(path, &why))?;
                path.clone()
            }
            CaFile::Temporary => {
                let name = format!("agent-gateway-simulator-{}.pem", random_name());
                let path = std::env::temp_dir().join(name);
                write_new(&path, &self.ca_pem, OpenOptions::new().write(true).create_new(true))?;
                path
            }
        };
        Ok(Some(path))
    }
}

/// Whether a client can ask for it; `*.` stands for one label.
fn can_be_asked_for(name: &str) -> bool {
    let host = name.strip_prefix("*.").unwrap_or(name);
    !host.ends_with('.') && ServerName::try_from(host).is_ok()
}

fn config(plan: &Plan<'_>) -> Arc<ServerConfig> {
    let mut config = plan.config();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// The CA in a folder; if nothing is there, a new one is put there.
fn kept_authority(folder: &Path) -> io::Result<Authority> {
    let (ca, key) = (folder.join(CA_FILE), folder.join(KEY_FILE));
    for _ in 0..20 {
        if ca.exists() == key.exists() {
            break;
        }
        thread::sleep(Duration::from_millis(50)); // another start may be between the two
    }
    match (ca.exists(), key.exists()) {
        (true, true) => {
            let (ca_pem, key_pem) = (read(&ca)?, read(&key)?);
            Authority::kept(CA_NAME, &ca_pem, &key_pem).map_err(|why| {
                let (ca, key) = (ca.display(), key.display());
                broken(format!("{ca} and {key} are no pair of the simulator's: {why}"))
            })
        }
        (false, false) => {
            fs::create_dir_all(folder).map_err(|why| cannot_write(folder, &why))?;
            let authority = Authority::new(CA_NAME);
            match write_new(&key, &authority.key_pem(), &for_the_owner()) {
                Err(why) if why.kind() == ErrorKind::AlreadyExists && key.exists() => {
                    return kept_authority(folder);
                }
                written => written?,
            }
            let whole = ca.with_extension("new");
            let written = fs::write(&whole, authority.pem()).and_then(|()| fs::rename(&whole, &ca));
            written.map_err(|why| cannot_write(&ca, &why))?;
            Ok(authority)
        }
        (there, _) => {
            let (there, missing) = if there { (ca, key) } else { (key, ca) };
            let (there, missing) = (there.display(), missing.display());
            Err(broken(format!("{there} is there, {missing} is not: bring it, or remove both")))
        }
    }
}

fn broken(text: String) -> Error {
    Error::new(ErrorKind::InvalidData, text)
}

fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path)
        .map_err(|why| Error::new(why.kind(), format!("cannot read {}: {why}", path.display())))
}

fn for_the_owner() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn write_new(path: &Path, pem: &str, options: &OpenOptions) -> io::Result<()> {
    let file = options.open(path);
    file.and_then(|mut file| file.write_all(pem.as_bytes())).map_err(|why| cannot_write(path, &why))
}

fn cannot_write(path: &Path, why: &Error) -> Error {
    Error::new(why.kind(), format!("cannot write {}: {why}", path.display()))
}
