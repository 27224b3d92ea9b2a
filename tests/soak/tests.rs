//! Whether the soak's accounting finds what it is there to find.

mod accounting;
mod events;
mod tag;

use agw::Status;
use agw::ffi::{AGW_RESULT_MAYBE_SENT as MAYBE_SENT, AGW_RESULT_RESENT as RESENT};

use accounting::{Arrival, BY_NUMBER, Call, Log, PLANTED, WITH_ALL, agent_of, balance, overlooked};
use events::Poll;
use tag::{Tag, shows_guid};

fn call(number: u32, status: Status, flags: u32, http_status: i32) -> Call {
    Call { number, status: status.number(), flags, http_status, ..Call::default() }
}

fn calls() -> Vec<Call> {
    vec![
        call(1, Status::Ok, 0, 200),
        call(2, Status::Ok, RESENT, 200),
        call(3, Status::Io, MAYBE_SENT, 0),
        call(4, Status::Timeout, MAYBE_SENT | RESENT, 0),
        call(5, Status::Connect, 0, 0),
        call(6, Status::Session, 0, 200),
        Call { cancels: BY_NUMBER, ..call(7, Status::Cancelled, MAYBE_SENT, 0) },
        Call { cancels: WITH_ALL, ..call(8, Status::Cancelled, 0, 0) },
        Call { cancels: BY_NUMBER | WITH_ALL, ..call(9, Status::Timeout, MAYBE_SENT, 0) },
    ]
}

fn log(numbers: &[u32]) -> Log {
    let arrival = |&number| Arrival { number, agent: agent_of(number) };
    Log { arrivals: numbers.iter().map(arrival).collect(), answered: vec![2, 1] }
}

#[track_caller]
fn finds(numbers: &[u32], wrong: u64) {
    let balance = balance(&calls(), &log(numbers));
    assert_eq!(balance.wrong, wrong, "{balance:#?}");
    assert_eq!(balance.examples.len() as u64, wrong);
}

#[test]
fn what_may_be_there_balances() {
    finds(&[1, 2, 6], 0);
    finds(&[6, 2, 4, 3, 2, 4, 1], 0);
}

#[test]
fn a_request_that_is_missing_is_found() {
    finds(&[2, 6], 1);
    finds(&[1, 6], 1);
    finds(&[], 3);
}

#[test]
fn a_request_that_came_once_too_often_is_found() {
    finds(&[1, 1, 2, 6], 1);
    finds(&[1, 2, 2, 2, 6], 1);
    finds(&[1, 2, 3, 3, 6], 1);
    finds(&[1, 2, 4, 4, 4, 6], 1);
}

#[test]
fn a_request_that_was_not_sent_is_found() {
    finds(&[1, 2, 5, 6], 1);
}

#[test]
fn a_request_that_is_sent_again_after_an_answer_is_found() {
    let mut log = log(&[1, 2, 2, 6]);
    log.answered.push(2);
    assert_eq!(balance(&calls(), &log).wrong, 1);
}

#[test]
fn a_request_that_nobody_made_is_found() {
    finds(&[1, 2, 6, 10], 1);
    let mut log = log(&[1, 2, 6]);
    log.arrivals[0].agent += 1;
    assert_eq!(balance(&calls(), &log).wrong, 1);
    log.arrivals[0] = Arrival { number: 0, agent: agent_of(0) };
    assert_eq!(balance(&calls(), &log).wrong, 2, "a stranger, and call 1 is missing");
}

#[test]
fn a_call_that_did_not_return_is_found() {
    let mut calls = calls();
    calls[4] = calls[5];
    assert_eq!(balance(&calls, &log(&[1, 2, 6])).wrong, 1 + 1);
}

#[test]
fn a_call_that_nobody_cancelled_is_found() {
    let mut calls = calls();
    for (place, cancelled) in [(6, 1), (7, 2), (8, 2)] {
        calls[place].cancels = 0;
        assert_eq!(balance(&calls, &log(&[1, 2, 6])).wrong, cancelled, "a time-out is none");
    }
}

#[test]
fn the_proof_of_the_accounting_can_fail() {
    assert!(overlooked(&calls(), &log(&[1, 2, 6])).is_empty());
    let few = ["a request that was not sent", "a call that was cancelled by nobody"];
    assert_eq!(overlooked(&calls()[..4], &log(&[1, 2])), few);
    assert_eq!(overlooked(&calls(), &log(&[1, 2])).len(), PLANTED, "a log that is wrong already");
}

#[test]
fn a_408_is_no_proof_of_arrival() {
    let told = [call(1, Status::Http, MAYBE_SENT, 408)];
    assert_eq!(balance(&told, &log(&[])).wrong, 0);
    assert_eq!(balance(&told, &log(&[1])).wrong, 0);
    assert_eq!(balance(&told, &log(&[1, 1])).wrong, 1);
}

#[test]
fn events_are_told_once_in_order_or_lost_with_a_word() {
    let poll = |agent, event, lossy| Poll { agent, event, lossy };
    let handed_out = [(1, 1), (2, 1), (1, 2), (1, 3), (2, 2)];
    let wrong = |polls: &[Poll]| events::balance(polls, &handed_out).wrong.len();
    let all = [(1, 1), (1, 0), (1, 2), (1, 3), (2, 1), (2, 2)];
    let all = all.map(|(agent, event)| poll(agent, event, false));
    assert_eq!(wrong(&all), 0);
    assert_eq!(wrong(&all[..5]), 1, "2 of agent 2 is missing");
    assert_eq!(wrong(&[&all[..5], &[poll(2, 0, true)]].concat()), 0);
    assert_eq!(wrong(&[&all[..1], &[poll(1, 3, false)], &all[4..]].concat()), 1, "2 of agent 1");
    assert_eq!(wrong(&[&all[..], &[poll(1, 3, true)]].concat()), 1, "twice");
    assert_eq!(wrong(&[&all[1..], &[poll(1, 1, true)]].concat()), 1, "not in order");
    assert_eq!(wrong(&[&all[..], &[poll(3, 1, true)]].concat()), 1, "nobody's");
    assert!(events::overlooked(&all, &handed_out).is_empty());
    assert_eq!(events::overlooked(&[], &handed_out).len(), events::PLANTED);
}

#[test]
fn a_guid_carries_the_call_and_shows_as_one() {
    let tag = Tag { number: 1_234_567, fault: 0xABC };
    let guid = tag.guid();
    assert_eq!(guid.len(), "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1".len());
    assert_eq!(Tag::of(&format!("POST / HTTP/1.1\r\nGuid: {guid}\r\n\r\n")), Some(tag));
    assert_eq!(Tag::of("POST / HTTP/1.1\r\n\r\n"), None);
    assert!(shows_guid(&format!("no session {guid}")));
    assert!(shows_guid(&guid[..20]) && shows_guid(&guid[20..]));
    assert!(!shows_guid("no session (Guid)"));
}

/// As a cancelled call does it that reads what had come already.
#[test]
#[cfg(target_os = "linux")]
fn a_gateway_that_floods_notices_that_its_client_is_gone() -> std::io::Result<()> {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpStream};
    use std::thread;
    use std::time::Duration;

    use support::gateway::{Gateway, Script, Step};

    let flood = Step::Repeat(vec![b'x'; 1500], usize::MAX);
    let gateway = Gateway::start(vec![Script::Http(vec![Step::Read, flood])], None);
    let mut client = TcpStream::connect(gateway.address())?;
    client.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
    // Until there is no room for more.
    let mut came = vec![0; 1 << 24];
    let mut before = 0;
    loop {
        thread::sleep(Duration::from_secs(1));
        let now = client.peek(&mut came)?;
        if now == before {
            break;
        }
        before = now;
    }
    client.shutdown(Shutdown::Both)?;
    while client.read(&mut came)? > 0 {}
    drop(client);
    gateway.wait_until_idle();
    Ok(())
}
