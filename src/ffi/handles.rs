//! The ticket table: a handle is looked up, never dereferenced, and never issued twice.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::ptr;
use std::sync::{Arc, RwLock};

use super::types::agw_client;
use crate::sys::fork;
use crate::sys::lock::unpoisoned;
use crate::{Client, Error, Status};

/// Far more than a host needs; a loop that forgets `agw_free` ends here and not in the swap space.
const MAX_CLIENTS: usize = 65_536;

struct Table {
    clients: BTreeMap<usize, Arc<Client>>,
    issued: usize,
    /// Zero until the first ticket is issued.
    secret: usize,
}

/// Nothing about it is made at its first use: a fork just then would leave the child a table that is
/// for ever being made.
static TABLE: RwLock<Table> = RwLock::new(Table { clients: BTreeMap::new(), issued: 0, secret: 0 });

impl Table {
    /// A number that was never issued and is hard to guess: the counter, scrambled by a bijection.
    fn next_ticket(&mut self) -> Option<usize> {
        // All bits set is what .NET's SafeHandle takes for no handle.
        const NO_TICKETS: [usize; 2] = [0, usize::MAX];
        if self.secret == 0 {
            self.secret = RandomState::new().hash_one("agw") as usize | 1 << 1;
        }
        let odd = self.secret | 1;
        loop {
            self.issued = self.issued.checked_add(1)?;
            let ticket = self.issued.wrapping_mul(odd) ^ self.secret.rotate_left(7);
            if !NO_TICKETS.contains(&ticket) {
                return Some(ticket);
            }
        }
    }

    fn insert(&mut self, client: Arc<Client>, max: usize) -> Option<usize> {
        if self.clients.len() >= max {
            return None;
        }
        let ticket = self.next_ticket()?;
        self.clients.insert(ticket, client);
        Some(ticket)
    }
}

pub(super) fn issue(client: Client) -> Result<*mut agw_client, Error> {
    let ticket = change(|table| table.insert(Arc::new(client), MAX_CLIENTS));
    let ticket =
        ticket.ok_or_else(|| Error::new(Status::Resources, "too many clients; agw_free some"))?;
    Ok(ptr::without_provenance_mut(ticket))
}

pub(super) fn find(handle: *mut agw_client) -> Result<Arc<Client>, Error> {
    let _whole = fork::held_off();
    unpoisoned(TABLE.read()).clients.get(&handle.addr()).cloned().ok_or_else(no_such_handle)
}

pub(super) fn remove(handle: *mut agw_client) -> Result<Arc<Client>, Error> {
    change(|table| table.clients.remove(&handle.addr())).ok_or_else(no_such_handle)
}

fn no_such_handle() -> Error {
    Error::new(Status::InvalidHandle, "client: NULL, freed, or never issued")
}

/// A child finds the table whole and open.
fn change<T>(change: impl FnOnce(&mut Table) -> T) -> T {
    let _whole = fork::held_off();
    let mut table = unpoisoned(TABLE.write());
    change(&mut table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientOptions;

    #[test]
    fn tickets_are_never_zero_and_never_issued_twice() {
        // With these, the second and the third would be 0 and all bits set.
        let rotated = |ticket: usize| ticket.rotate_right(7);
        for secret in [0, 1, 3, usize::MAX, 0x9E37_79B9_usize, rotated(1), rotated(!1)] {
            let mut table = Table { clients: BTreeMap::new(), issued: 0, secret };
            let mut seen = std::collections::HashSet::new();
            for _ in 0..10_000 {
                let ticket = table.next_ticket().expect("ticket");
                assert!(ticket != 0 && ticket != usize::MAX && seen.insert(ticket));
            }
            table.issued = usize::MAX;
            assert_eq!(table.next_ticket(), None);
        }
    }

    #[test]
    fn too_many_clients_are_refused() {
        let mut options = ClientOptions::new("http://gw");
        options.allow_http = true;
        let client = Arc::new(Client::new(&options).expect("client"));
        let mut table = Table { clients: BTreeMap::new(), issued: 0, secret: 5 };
        assert!(table.insert(client.clone(), 1).is_some());
        assert!(table.insert(client, 1).is_none());
    }
}
