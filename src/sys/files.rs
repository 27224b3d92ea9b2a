//! Files that a caller names: read whole, or refused before they can do harm.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};

/// Far more than a bundle of certificates.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Reads a regular file of a bounded size. Anything else is refused at once: a FIFO would block for
/// ever, a device might never end.
pub(crate) fn read(path: &str) -> io::Result<Vec<u8>> {
    // First by its name: on Windows opening a pipe has an effect.
    check(&fs::metadata(path)?)?;
    let file = open(path)?;
    let metadata = file.metadata()?;
    check(&metadata)?;
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES { Err(too_large()) } else { Ok(bytes) }
}

/// Why a file of this name, if there is one, must not be read by others: it would have no end.
#[cfg(all(unix, not(target_vendor = "apple")))]
pub(crate) fn is_endless(path: &std::path::Path) -> Option<io::Error> {
    let metadata = fs::metadata(path).ok().filter(|metadata| !metadata.is_dir())?;
    check(&metadata).err()
}

fn check(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_dir() {
        Err(io::Error::other("it is a folder"))
    } else if !metadata.is_file() {
        Err(io::Error::other("it is no regular file"))
    } else if metadata.len() > MAX_BYTES {
        Err(too_large())
    } else {
        Ok(())
    }
}

fn too_large() -> io::Error {
    io::Error::other("it is larger than 16 MiB")
}

fn open(path: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    // The name may have become that of a FIFO meanwhile.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    options.open(path)
}
