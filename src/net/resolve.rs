//! Name look-ups, by the operating system.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use socket2::{Domain, Socket, Type};

use super::blocking::Blocking;
use super::cancel::CancelHandle;
use super::deadline::Deadline;
use super::failure::{caused_by, exhausted, words};
use crate::{Error, Status};

/// The addresses of a name, with this port; never none.
pub(crate) fn find(
    name: &str,
    port: u16,
    look_ups: &Blocking,
    deadline: Deadline,
    cancel: &CancelHandle,
) -> Result<Vec<SocketAddr>, Error> {
    let owned = name.to_owned();
    let work = move || look_up(&owned, port);
    let what = format!("looking up {name}");
    found(name, look_ups.run("agw look-up", &what, work, deadline, cancel)?)
}

/// May block for as long as it likes.
fn look_up(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    #[cfg(debug_assertions)]
    if let Some(planted) = crate::sys::fault::planted_look_up() {
        return planted;
    }
    (name, port).to_socket_addrs().map(Iterator::collect).map_err(|why| {
        // The C library says "no such name" also where it had no descriptor to find it by. The number
        // can only be of this look-up, which has its thread to itself.
        let last = io::Error::last_os_error();
        if exhausted(&last).is_some() { last } else { why }
    })
}

fn found(name: &str, outcome: io::Result<Vec<SocketAddr>>) -> Result<Vec<SocketAddr>, Error> {
    let why = match outcome {
        Ok(addresses) if addresses.is_empty() => return Err(not_found(name, "no address")),
        Ok(addresses) => return Ok(addresses),
        Err(why) => out_of_descriptors().unwrap_or(why),
    };
    let words = words(&why);
    // std's own beginning says again what ours says.
    let words = words.trim_start_matches("failed to lookup address information: ");
    Err(caused_by(&why, not_found(name, words)))
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

    #[test]
    fn a_look_up_that_fails_says_so() {
        for (outcome, os_error) in
            [(Err(io::Error::from_raw_os_error(2)), Some(2)), (Ok(Vec::new()), None)]
        {
            let error = found("gateway.test", outcome).unwrap_err();
            assert_eq!((error.status(), error.os_error()), (Status::Resolve, os_error));
        }
    }
}
