//! Agents at the simulator, whose Guids rotate: each rejects what rings, one call after the other.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use support::faults::abi::Options;
use support::lock;

use crate::host::{Host, count};
use crate::library::Ticket;
use crate::server::{Notice, RENEWED};
use crate::texts;

impl Host {
    pub fn agents_client(&self) -> Ticket {
        let options = Options {
            base_url: self.ready.simulator.clone(),
            timeout_ms: 20_000,
            ca: Some(self.ready.simulator_ca.clone()),
            ..Options::default()
        };
        self.client(&options, true)
    }

    /// Rejects what rings at an agent with the newest Guid; now and then once more, when nothing
    /// rings any longer, or with a Guid that is long dead.
    pub fn follow_agent(&self, agent: u32, client: Ticket) {
        let mut last = Notice::default();
        let (mut old, mut taken) = (String::new(), Instant::now());
        while !self.is_over() {
            thread::sleep(Duration::from_millis(10));
            let notice = self.notice_of(agent);
            if notice.rings == last.rings {
                continue;
            }
            if taken.elapsed() > RENEWED * 4 {
                if !old.is_empty() {
                    self.agent_call(agent, client, &old);
                }
                (old, taken) = (notice.guid.clone(), Instant::now());
            }
            self.agent_call(agent, client, &notice.guid);
            if notice.rings % 4 == 1 {
                self.agent_call(agent, client, &notice.guid);
            }
            last = notice;
        }
    }

    fn notice_of(&self, agent: u32) -> Notice {
        let board = lock(&self.board);
        board.get(&agent).cloned().unwrap_or_default()
    }

    fn agent_call(&self, agent: u32, client: Ticket, guid: &str) {
        let outcome = self.library.reject(client, agent, guid, 0);
        texts::take_result(&outcome);
        count(&self.counts.agent_calls);
        let retcode = outcome.retcode().unwrap_or_default();
        if outcome.result.http_status != 200 {
            texts::find(format!("agent {agent}: {} {:?}", outcome.returned, outcome.detail()));
        }
        let mut ledger = lock(&self.agents_ledger);
        writeln!(ledger, "{agent} {retcode}").expect("the ledger can be written");
    }
}
