//! What the gateway begins with, at the start and after every reset.

use std::time::Instant;

use super::guid::{Node, random_guid};
use super::state::{ControlError, Settings, State};

pub struct Start {
    settings: Settings,
    /// The agents that are signed in, each with the Guid that it has then.
    agents: Vec<(u32, String)>,
    /// Where a conference of the others rings.
    ring: Vec<u32>,
}

impl Start {
    /// Guids are made here, so that what was said of them holds after a reset, too.
    pub fn new(settings: Settings, agents: &[u32], ring: Vec<u32>) -> Self {
        let agents = agents.iter().map(|agent| (*agent, random_guid(Node::default()))).collect();
        Self { settings, agents, ring }
    }

    /// The state at `now` of a gateway that was started then or before.
    pub fn state(&self, started: Instant, now: Instant) -> Result<State, ControlError> {
        let mut state = State::new(self.settings.clone(), started);
        for (agent, guid) in &self.agents {
            state.sign_in_at_start(*agent, guid, now);
        }
        for agent in &self.ring {
            let ids = self.agents.iter().map(|(id, _)| *id);
            let others: Vec<u32> = ids.filter(|id| id != agent).collect();
            state.ring(*agent, &others, now)?;
            state.ring_on(*agent); // whoever tries it first has to compile a program meanwhile
        }
        Ok(state)
    }
}
