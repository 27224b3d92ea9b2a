//! Holds the events that the agents were told of against those that the gateway has handed out.

use std::collections::BTreeMap;

/// How a poll ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poll {
    pub agent: u32,
    /// The number of its event; 0: none.
    pub event: u32,
    /// Its flags say that an event may be missing.
    pub lossy: bool,
}

/// What the comparison found.
#[derive(Debug, Default, PartialEq)]
pub struct Books {
    pub told: usize,
    pub lost: usize,
    pub wrong: Vec<String>,
}

/// How many polls of an agent may be missing an event is how many may be lost: two, where the request
/// was sent once more.
const LOST_BY_ONE: usize = 2;

/// Lines with agent, event, and whether the flags say that one may be missing.
pub fn polls(lines: &str) -> Option<Vec<Poll>> {
    let poll = |line: &str| {
        let mut words = line.split(' ').map(|word| word.parse::<u32>().ok());
        let (agent, event) = (words.next()??, words.next()??);
        Some(Poll { agent, event, lossy: words.next()?? == 1 })
    };
    lines.lines().map(poll).collect()
}

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
                books
                    .wrong
                    .push(format!("agent {agent} was told of {event}, at that place not its"));
                left = [].iter();
            }
        }
        let lost = handed_out.len().saturating_sub(told.len());
        if lost > lossy * LOST_BY_ONE {
            let text =
                format!("agent {agent} lost {lost} events; {lossy} polls say that one may be");
            books.wrong.push(text);
        }
        books.told += told.len();
        books.lost += lost;
    }
    books
}

/// How many errors [`overlooked`] plants.
pub const PLANTED: usize = 3;

/// Whether the comparison still sees: an event told twice, one of another agent's, and one that is
/// missing without a word. Gives what it overlooks.
pub fn overlooked(polls: &[Poll], handed_out: &[(u32, u32)]) -> Vec<&'static str> {
    let sees =
        |polls: &[Poll], handed_out: &[(u32, u32)]| !balance(polls, handed_out).wrong.is_empty();
    let first = polls.iter().find(|poll| poll.event > 0).copied();
    let with =
        |poll: Option<Poll>| poll.is_some_and(|poll| sees(&[polls, &[poll]].concat(), handed_out));
    let other = first.map(|first| Poll { agent: first.agent + 1, event: u32::MAX, ..first });
    let silent = first.is_some_and(|first| {
        let mut missing = polls.to_vec();
        missing.retain(|poll| poll.agent != first.agent);
        sees(&missing, handed_out)
    });
    let found = [
        ("an event told twice", with(first)),
        ("an event of nobody's", with(other)),
        ("an event that is missing without a word", silent),
    ];
    found.into_iter().filter_map(|(what, found)| (!found).then_some(what)).collect()
}
