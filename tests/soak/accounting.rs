//! Holds what the callers were told against what the gateway has in its log.

use std::ops::RangeInclusive;

use agw::Status;
use agw::ffi::{AGW_RESULT_MAYBE_SENT, AGW_RESULT_RESENT};
use serde::{Deserialize, Serialize};

/// A call that returned, as its caller saw it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Call {
    /// 1 for the first call; the gateway finds it in the Guid.
    pub number: u32,
    /// What was to go wrong: a place in the list of faults, or 0.
    pub fault: u16,
    pub status: i32,
    pub flags: u32,
    pub http_status: i32,
    /// Who has cancelled it: [`BY_NUMBER`], [`WITH_ALL`], both or nobody.
    pub cancels: u8,
    /// How much later than its time-out the call, or the agw_connect before it, returned.
    pub late_us: u32,
}

/// Its own number was cancelled, before it was over.
pub const BY_NUMBER: u8 = 1;
/// All calls of its client were cancelled in its time, or the client freed.
pub const WITH_ALL: u8 = 2;

/// A request that the gateway has read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arrival {
    pub number: u32,
    pub agent: u32,
}

/// What the comparison found.
#[derive(Debug, Default)]
pub struct Balance {
    pub wrong: u64,
    /// The first of what is wrong, in words.
    pub examples: Vec<String>,
}

const EXAMPLES: usize = 10;

impl Balance {
    fn note(&mut self, text: String) {
        self.wrong += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(text);
        }
    }
}

impl Call {
    pub fn is_cancelled(&self) -> bool {
        self.status == Status::Cancelled.number()
    }

    /// How often the gateway may have the request. An answer proves that it came; twice it may be
    /// there only after a second sending, and never after a failure that says "not sent".
    fn arrivals(&self) -> RangeInclusive<usize> {
        let resent = self.flags & AGW_RESULT_RESENT != 0;
        let most = if resent { 2 } else { 1 };
        // 408 is what a gateway says to a connection that was idle for too long, request or not.
        if self.http_status != 0 && self.http_status != 408 {
            1..=most
        } else if self.flags & AGW_RESULT_MAYBE_SENT != 0 {
            0..=most
        } else {
            0..=0
        }
    }
}

/// The agent of a call: another one for each of very many calls in a row.
pub fn agent_of(number: u32) -> u32 {
    const FIRST: u32 = 101;
    const LAST: u32 = 59_999;
    FIRST + number % (LAST - FIRST + 1)
}

/// What the gateway has written down.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub arrivals: Vec<Arrival>,
    /// The calls to which the first bytes of an answer went out.
    pub answered: Vec<u32>,
}

/// Every number from 1 on is one call, and the log has its request as often as it may. Once an
/// answer has begun nothing is sent again: none is answered twice. No call ends cancelled that nobody
/// has cancelled.
pub fn balance(calls: &[Call], log: &Log) -> Balance {
    let mut balance = Balance::default();
    let mut came = vec![0_usize; calls.len() + 1];
    for arrival in &log.arrivals {
        match came.get_mut(arrival.number as usize) {
            Some(count) if arrival.number > 0 => *count += 1,
            _ => balance.note(format!("{arrival:?} is of no call")),
        }
        if arrival.agent != agent_of(arrival.number) {
            balance.note(format!("{arrival:?} names another call's agent"));
        }
    }
    let mut returned = vec![0_usize; calls.len() + 1];
    for call in calls {
        let place = call.number as usize;
        let Some(count) = returned.get_mut(place) else {
            balance.note(format!("{call:?} has a number beyond the number of calls"));
            continue;
        };
        *count += 1;
        if call.is_cancelled() && call.cancels == 0 {
            balance.note(format!("{call:?} was cancelled by nobody"));
        }
        let (came, may) = (came[place], call.arrivals());
        if !may.contains(&came) {
            balance.note(format!("{call:?} is {came} times in the log, not {may:?}"));
        }
    }
    for (number, count) in returned.iter().enumerate().skip(1).filter(|(_, count)| **count != 1) {
        balance.note(format!("call {number} returned {count} times"));
    }
    let mut answered = log.answered.clone();
    answered.sort_unstable();
    for twice in answered.windows(2).filter(|pair| pair[0] == pair[1]) {
        balance.note(format!("call {} was sent again after an answer had begun", twice[0]));
    }
    balance
}

/// How many errors [`overlooked`] plants.
pub const PLANTED: usize = 5;

/// Whether the comparison still sees: with a request less, one more, one that "was not sent", one
/// that is answered again, and a call that nobody has cancelled, it must find just that. Gives what it
/// overlooks.
pub fn overlooked(calls: &[Call], log: &Log) -> Vec<&'static str> {
    type Plant<'a> = &'a dyn Fn(&mut [Call], &mut Log) -> Option<()>;
    let arrival = |may| {
        let call = calls.iter().find(|call| call.arrivals() == may)?;
        Some(Arrival { number: call.number, agent: agent_of(call.number) })
    };
    let (once, never) = (arrival(1..=1), arrival(0..=0));
    let planted: [(_, Plant); PLANTED] = [
        ("a request that is missing", &|_, log| {
            once.map(|gone| log.arrivals.retain(|arrival| *arrival != gone))
        }),
        ("a request that came twice", &|_, log| once.map(|more| log.arrivals.push(more))),
        ("a request that was not sent", &|_, log| never.map(|more| log.arrivals.push(more))),
        ("a request that was answered twice", &|_, log| {
            let first = log.answered.first().copied();
            first.map(|again| log.answered.push(again))
        }),
        ("a call that was cancelled by nobody", &|calls, _| {
            let cancelled = calls.iter_mut().find(|call| call.is_cancelled() && call.cancels > 0);
            cancelled.map(|call| call.cancels = 0)
        }),
    ];
    let finds = |plant: Plant| {
        let (mut calls, mut log) = (calls.to_vec(), log.clone());
        plant(&mut calls, &mut log).is_some() && balance(&calls, &log).wrong == 1
    };
    planted.into_iter().filter_map(|(what, plant)| (!finds(plant)).then_some(what)).collect()
}
