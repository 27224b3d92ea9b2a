//! Name look-ups, by the operating system.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use socket2::{Domain, Socket, Type};

use super::blocking::Blocking;
use super::cancel::CancelHandle;
use super::deadline::Deadline;
use super::failure::{or_resources, words};
use crate::{Error, Status};

/// Turns a name and a port into addresses; may block for as long as it likes.
pub(crate) type LookUp = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Name look-ups, by the operating system.
#[derive(Clone)]
pub(crate) struct Resolver {
    look_up: Arc<LookUp>,
    blocking: Blocking,
}

impl Resolver {
    pub fn new(look_up: Arc<LookUp>) -> Self {
        Resolver { look_up, blocking: Blocking::default() }
    }

    pub fn system() -> Self {
        Resolver::new(Arc::new(|name: &str, port| {
            #[cfg(debug_assertions)]
            if let Some(planted) = crate::sys::fault::planted_look_up() {
                return planted;
            }
            Ok((name, port).to_socket_addrs()?.collect())
        }))
    }

    /// For a forked child: none of the parent's threads are there.
    pub fn for_child(&self) -> Self {
        Resolver::new(self.look_up.clone())
    }

    pub fn find(
        &self,
        name: &str,
        port: u16,
        deadline: Deadline,
        cancel: &CancelHandle,
    ) -> Result<Vec<SocketAddr>, Error> {
        let look_up = self.look_up.clone();
        let owned = name.to_owned();
        let work = move || look_up(&owned, port);
        match self.blocking.run("agw look-up", work, deadline, cancel) {
            Ok(Ok(addresses)) if addresses.is_empty() => Err(not_found(name, "no address")),
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(why)) => {
                let why = out_of_descriptors().unwrap_or(why);
                let words = words(&why);
                // std's own beginning says again what ours says.
                let words = words.trim_start_matches("failed to lookup address information: ");
                let error = not_found(name, words).with_os_error(why.raw_os_error());
                Err(or_resources(error, &why))
            }
            Err(why) => Err(why.while_doing(&format!("looking up {name}"))),
        }
    }
}

/// The C library says "no such name" also where it could not open a socket to ask.
fn out_of_descriptors() -> Option<io::Error> {
    Socket::new(Domain::IPV4, Type::DGRAM, None).err()
}

fn not_found(name: &str, why: &str) -> Error {
    Error::new(Status::Resolve, format!("cannot look up {name}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::{Duration, Instant};

    pub fn find(resolver: &Resolver, timeout: u64) -> Result<Vec<SocketAddr>, Error> {
        let deadline = Deadline::after(Duration::from_millis(timeout));
        resolver.find("gateway.test", 8043, deadline, &CancelHandle::default())
    }

    #[test]
    fn a_look_up_that_hangs_ends_with_the_call() {
        let resolver = Resolver::new(Arc::new(|_: &str, _| {
            thread::sleep(Duration::from_secs(60));
            Ok(Vec::new())
        }));
        let started = Instant::now();
        let error = find(&resolver, 50).unwrap_err();
        assert_eq!(error.status(), Status::Timeout);
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_look_up_that_fails_says_so() {
        let resolver = Resolver::new(Arc::new(|_: &str, _| Err(io::Error::from_raw_os_error(2))));
        let error = find(&resolver, 5_000).unwrap_err();
        assert_eq!((error.status(), error.os_error()), (Status::Resolve, Some(2)));
        let resolver = Resolver::new(Arc::new(|_: &str, _| Ok(Vec::new())));
        assert_eq!(find(&resolver, 5_000).unwrap_err().status(), Status::Resolve);
        let resolver = Resolver::new(Arc::new(|_: &str, _| panic!("a resolver's bug")));
        assert_eq!(find(&resolver, 5_000).unwrap_err().status(), Status::Internal);
    }
}
