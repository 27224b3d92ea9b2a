//! Tests of the console: who may use it, and what it tells. tests/console has those of its page.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};

use crate::*;

fn start_with_console(agents: impl Iterator<Item = u32>) -> Simulator {
    start(|options| {
        options.console = Some(0);
        options.agents = agents.collect();
    })
}

/// `127.0.0.1:PORT` of the console.
fn place(simulator: &Simulator) -> &str {
    let url = simulator.console_url().expect("was asked for");
    url.trim_start_matches("http://").trim_end_matches('/')
}

/// Sends a request, each header in a line of its own.
fn open(simulator: &Simulator, line: &str, headers: &[&str], body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(place(simulator)).expect("the console listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("is more than none");
    let (headers, length) = (headers.join("\r\n"), body.len());
    let request = format!(
        "{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n\
         {headers}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("the request goes out");
    stream
}

/// The whole answer.
fn ask(simulator: &Simulator, line: &str, headers: &[&str], body: &str) -> String {
    let mut answer = String::new();
    let mut stream = open(simulator, line, headers, body);
    stream.read_to_string(&mut answer).expect("the answer comes to its end");
    answer
}

fn own_host(simulator: &Simulator) -> String {
    format!("Host: {}", place(simulator))
}

#[test]
fn the_page_is_served_and_kept_to_itself() {
    let simulator = start_with_console([154].into_iter());
    let answer = ask(&simulator, "GET /", &[&own_host(&simulator)], "");
    let (head, page) = answer.split_once("\r\n\r\n").expect("the head has an end");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
    for policy in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(head.contains(policy), "{head}");
    }
    assert!(!head.contains("unsafe"), "{head}");
    assert!(head.contains("x-content-type-options: nosniff"), "{head}");
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    // What stands in an attribute or a style would be fetched.
    for elsewhere in ["src=\"http", "href=\"http", "url(", "@import"] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
    let absent = ask(&simulator, "GET /absent", &[&own_host(&simulator)], "");
    assert!(absent.starts_with("HTTP/1.1 404 "), "{absent}");
}

#[test]
fn a_name_that_was_pointed_to_this_machine_is_refused() {
    let simulator = start_with_console([154].into_iter());
    let port = place(&simulator).trim_start_matches("127.0.0.1:");
    let refused = [
        format!("Host: rebound.example:{port}"),
        "Host: 127.0.0.1".to_owned(),
        "Host: 127.0.0.1:1".to_owned(),
        format!("Host: 127.0.0.1:{port}.rebound.example"),
        format!("Host: localhost.rebound.example:{port}"),
        format!("Host: user@127.0.0.1:{port}"),
        "X: no Host".to_owned(),
    ];
    for host in &refused {
        for path in ["/", "/stream", "/simulator/agents"] {
            let answer = ask(&simulator, &format!("GET {path}"), &[host], "");
            assert!(answer.starts_with("HTTP/1.1 403 "), "{host} {path}: {answer}");
            assert!(!answer.contains("154"), "{host} {path}: {answer}");
        }
    }
    let known = format!("Host: localhost:{port}");
    assert!(ask(&simulator, "GET /", &[&known], "").starts_with("HTTP/1.1 200 "));
}

#[test]
fn only_its_own_page_changes_anything() {
    let simulator = start_with_console([154].into_iter());
    let (host, place) = (own_host(&simulator), place(&simulator));
    let post = |headers: &[&str]| {
        let headers = [&[host.as_str()], headers].concat();
        ask(&simulator, "POST /simulator/ring", &headers, r#"{"agentId":"154"}"#)
    };
    let port = place.trim_start_matches("127.0.0.1:");
    let others = [
        "Origin: http://other.example".to_owned(),
        "Origin: null".to_owned(),
        format!("Origin: https://{place}"),
        "Origin: http://127.0.0.1".to_owned(),
        "Origin: http://127.0.0.1:1".to_owned(),
        // Another origin to the browser, whoever may be there.
        format!("Origin: http://localhost:{port}"),
        "X: no Origin".to_owned(),
    ];
    for origin in &others {
        let answer = post(&[origin]);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{origin}: {answer}");
    }
    let mut stream = Stream::open(&simulator, None);
    assert_eq!(stream.next("state")["agents"][0]["ringingConfId"], Value::Null);
    let answer = post(&[&format!("Origin: http://{place}")]);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("confId"), "{answer}");
    assert!(stream.next("state")["agents"][0]["ringingConfId"].is_u64());
}

// --- The stream ---

/// An open stream of the console, event by event.
struct Stream {
    lines: BufReader<TcpStream>,
    id: String,
    /// Entries that have come and were not asked for yet.
    entries: VecDeque<Value>,
}

impl Stream {
    fn open(simulator: &Simulator, last: Option<&str>) -> Self {
        let host = own_host(simulator);
        let last = last.map(|id| format!("Last-Event-ID: {id}"));
        let headers: Vec<_> = [host.as_str()].into_iter().chain(last.as_deref()).collect();
        let lines = BufReader::new(open(simulator, "GET /stream", &headers, ""));
        Self { lines, id: String::new(), entries: VecDeque::new() }
    }

    /// The data of the next event with this name.
    fn next(&mut self, wanted: &str) -> Value {
        let mut name = String::new();
        for line in self.lines.by_ref().lines() {
            let line = line.expect("the stream goes on");
            match line.split_once(": ") {
                Some(("event", event)) => event.clone_into(&mut name),
                Some(("id", id)) => id.clone_into(&mut self.id),
                Some(("data", data)) if name == wanted => {
                    return serde_json::from_str(data).expect("is JSON");
                }
                _ => {}
            }
        }
        panic!("the stream has ended");
    }

    fn entry(&mut self) -> Value {
        while self.entries.is_empty() {
            let entries = self.next("entries");
            self.entries.extend(entries.as_array().expect("a list").iter().cloned());
        }
        self.entries.pop_front().expect("one has come")
    }

    fn entry_named(&mut self, name: &str) -> Value {
        loop {
            let entry = self.entry();
            if entry["name"] == name {
                return entry;
            }
        }
    }
}

#[test]
fn the_stream_tells_what_the_gateway_is_and_what_happens() {
    let simulator = start_with_console([154].into_iter());
    let guid = simulator.guid(154).expect("is signed in at start");
    let mut stream = Stream::open(&simulator, None);
    let about = stream.next("about");
    assert_eq!(about["gateway"]["url"], simulator.url());
    let agent = stream.next("state")["agents"][0].clone();
    assert_eq!((&agent["agentId"], &agent["signedIn"]), (&json!("154"), &json!(true)));
    let lives =
        |agent: &Value| Some(agent["guidDiesAtMs"].as_u64()? - agent["guidIssuedAtMs"].as_u64()?);
    assert_eq!(lives(&agent), Some(120_000));
    let conf_id = simulator.ring(154, &[]).expect("nothing else rings");
    let entry = stream.entry();
    assert_eq!((&entry["kind"], &entry["name"]), (&json!("event"), &json!("AgentConf_Ringing")));
    assert_eq!(entry["detail"], json!({ "confId": conf_id }).to_string());
    reject(&simulator, &guid);
    let entry = stream.entry_named("rejectAgentConf");
    assert_eq!((&entry["kind"], &entry["detail"]), (&json!("request"), &json!("retcode=0")));
    simulator.expire(154).expect("is signed in");
    while !stream.next("state")["agents"][0]["guidIssuedAtMs"].is_null() {}
    reject(&simulator, &guid);
    let entry = stream.entry_named("rejectAgentConf");
    let detail = entry["detail"].as_str().expect("a text");
    assert!(detail.starts_with("retcode=100-006: "), "{detail}");
    assert!(!entry.to_string().contains(&guid));
}

#[test]
fn a_page_that_was_cut_off_goes_on_where_it_was() {
    let simulator = start_with_console([154, 155].into_iter());
    simulator.ring(154, &[]).expect("nothing else rings");
    let mut stream = Stream::open(&simulator, None);
    assert_eq!(stream.entry()["agentId"], "154");
    let id = stream.id.clone();
    drop(stream);
    simulator.ring(155, &[]).expect("nothing else rings");
    assert_eq!(Stream::open(&simulator, Some(&id)).entry()["agentId"], "155");
    // Another simulator's, or nobody's.
    for id in ["1-1", "1", "no number"] {
        assert_eq!(Stream::open(&simulator, Some(id)).entry()["agentId"], "154", "{id}");
    }
}

#[test]
fn an_agent_who_is_signed_out_for_want_of_polls_is_told_of() {
    let simulator = start(|options| {
        options.console = Some(0);
        options.settings.idle_sign_out = Duration::from_millis(10);
        options.poll_wait = Duration::from_millis(1);
    });
    let mut stream = Stream::open(&simulator, None);
    let guid = simulator.guid(154).expect("is signed in at start");
    poll(&simulator, &guid);
    let entry = stream.entry_named("signed out for want of polls");
    assert_eq!(entry["agentId"], "154");
}

/// What it has not fetched in time is gone, and nobody waits for it.
#[test]
fn a_reader_who_does_not_read_holds_up_nobody() {
    const AGENTS: u32 = 2_000;
    let simulator = start_with_console(154..154 + AGENTS);
    let mut slow = Stream::open(&simulator, None);
    let first = slow.next("state");
    assert_eq!(first["agents"].as_array().map(Vec::len), Some(AGENTS as usize));
    let mut quick = Stream::open(&simulator, None);
    let guid = simulator.guid(154).expect("is signed in at start");
    // Each time the whole list goes out, half a megabyte: more than the sockets take.
    for round in 0..25 {
        let begun = Instant::now();
        for agent in 200..250 {
            simulator.ring(agent, &[]).and_then(|id| simulator.cancel(id)).expect("did not ring");
        }
        simulator.answer_with(155 + round, support::simulator::state::Script::default());
        reject(&simulator, &guid);
        quick.entry_named("rejectAgentConf");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
    let (mut newest, mut missed) = (0, 0);
    while newest < 25 * 151 {
        let sequence = slow.entry()["sequence"].as_u64().expect("a number");
        missed += sequence - newest - 1;
        newest = sequence;
    }
    assert!(missed > 0, "it was never behind: this tests nothing");
}

#[test]
fn a_stop_does_not_wait_for_pages() {
    let simulator = start_with_console([154].into_iter());
    let mut stream = Stream::open(&simulator, None);
    stream.next("about");
    let place = place(&simulator).to_owned();
    let stop = Instant::now();
    drop(simulator);
    assert!(stop.elapsed() < Duration::from_secs(2));
    wait_until(|| TcpStream::connect(&place).is_err());
}
