//! Holds the events that the agents were told of against those that the gateway has handed out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a poll ended.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Poll {
    pub agent: u32,
    /// The number of its event; 0: none.
    pub event: u32,
    /// Its flags say that an event may be missing.
    pub lossy: bool,
}

/// What the comparison found.
#[derive(Default)]
pub struct Books {
    pub lost: usize,
    pub wrong: Vec<String>,
}

/// How many polls of an agent may be missing an event is how many may be lost: two, where the request
/// was sent once more.
const LOST_BY_ONE: usize = 2;

/// `handed_out`: agents, and the numbers of their events.
pub fn balance(polls: &[Poll], handed_out: &[(u32, u32)]) -> Books {
    let mut agents = BTreeMap::<u32, (Vec<u32>, usize, Vec<u32>)>::new();
    for poll in polls {
        let (told, lossy, _) = agents.entry(poll.agent).or_default();
        told.extend((poll.event > 0).then_some(poll.event));
        *lossy += usize::from(poll.lossy);
    }
    for (agent, event) in handed_out {
        agents.entry(*agent).or_default().2.push(*event);
    }
    let mut books = Books::default();
    for (agent, (told, lossy, handed_out)) in agents {
        let mut left = handed_out.iter();
        for event in &told {
            // In order, and each once.
            if !left.any(|handed_out| handed_out == event) {
                let text = format!("agent {agent} was told of {event}, at that place not its");
                books.wrong.push(text);
                left = [].iter();
            }
        }
        let lost = handed_out.len().saturating_sub(told.len());
        if lost > lossy * LOST_BY_ONE {
            let text =
                format!("agent {agent} lost {lost} events; {lossy} polls say that one may be");
            books.wrong.push(text);
        }
        books.lost += lost;
    }
    books
}

/// How many errors [`overlooked`] plants.
pub const PLANTED: usize = 3;

/// Whether the comparison still sees: an event told twice, one of another agent's, and one that is
/// missing without a word. Gives what it overlooks.
pub fn overlooked(polls: &[Poll], handed_out: &[(u32, u32)]) -> Vec<&'static str> {
    let first = polls.iter().find(|poll| poll.event > 0).copied();
    let other = first.map(|first| Poll { agent: first.agent + 1, event: u32::MAX, ..first });
    let with = |poll: Poll| [polls, &[poll]].concat();
    let without = |poll: Poll| polls.iter().filter(|it| it.agent != poll.agent).copied().collect();
    let planted = [
        ("an event told twice", first.map(with)),
        ("an event of nobody's", other.map(with)),
        ("an event that is missing without a word", first.map(without)),
    ];
    let finds = |polls: Vec<_>| !balance(&polls, handed_out).wrong.is_empty();
    let overlooked = planted.into_iter().filter(|(_, polls)| !polls.clone().is_some_and(finds));
    overlooked.map(|(what, _)| what).collect()
}
