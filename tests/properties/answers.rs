//! Answers: leniency in form, indifference to packets, and the Guid that never shows.

use agw::{Answer, Error};
use proptest::sample::Index;
use serde_json::{Map, Value, json};
use support::client::Lines;
use support::faults::corpus;

use crate::*;

/// The classes of the contract.
const CODES: [(&str, Status); 9] = [
    ("0", Status::Ok),
    ("100-006", Status::Session),
    ("105-007", Status::Session),
    ("101-001", Status::NoConference),
    ("000-006", Status::BadRequest),
    ("999-001", Status::GatewayFault),
    ("105-001", Status::GatewayBusy),
    ("101-002", Status::Gateway),
    ("4711", Status::Gateway),
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The retcode in every form in which it counts as this one.
fn retcode(code: &'static str) -> impl Strategy<Value = Value> {
    let number = code.parse::<u64>().map_or(Value::from(code), Value::from);
    select(vec![json!(code), json!(format!(" {code}\t")), number])
}

#[test]
fn a_readable_retcode_counts_whatever_is_around_it() {
    let (gateway, client) = Gateway::start();
    let codes = select(&CODES[..])
        .prop_flat_map(|(code, status)| (Just(code), Just(status), retcode(code)));
    let more = prop::collection::hash_map("[a-z]{1,6}", any_json(), 0..3);
    let http_statuses = select(vec!["200 OK", "202 Accepted", "404 Not Found", "503 Busy"]);
    proptest!(cases(150), |(
        (code, status, written) in codes,
        message in prop::option::of(any_json()),
        result in prop::option::of(any_json()),
        more in more,
        mark: bool,
        pretty: bool,
        http_status in http_statuses,
    )| {
        let mut body: Map<String, Value> = more.into_iter().collect();
        body.extend(message.clone().map(|message| ("message".to_owned(), message)));
        body.extend(result.map(|result| ("result".to_owned(), result)));
        body.insert("retcode".to_owned(), written);
        let body = Value::from(body);
        let text = if pretty { format!("{body:#}\r\n") } else { body.to_string() };
        let mark = if mark { "\u{FEFF}" } else { "" };
        gateway.give(vec![http(http_status, &format!("{mark}{text}")).into()]);
        let outcome = client.reject_agent_conf("154", "guid");
        let (told, shown) = match &outcome {
            Ok(answer) => {
                ((Status::Ok, Some(answer.retcode), Some(answer.http_status)), &*answer.message)
            }
            Err(error) => {
                prop_assert!(!error.maybe_sent());
                ((error.status(), error.retcode(), error.http_status()), error.message())
            }
        };
        let sent = http_status[..3].parse().expect("a number");
        prop_assert_eq!(told, (status, Some(code), Some(sent)));
        match message {
            Some(Value::String(text)) => prop_assert_eq!(shown, text),
            Some(Value::Number(_)) => prop_assert!(!shown.is_empty()),
            _ => prop_assert_eq!(shown, ""),
        }
    });
}

#[test]
fn an_answer_without_a_readable_retcode_is_none() {
    let (gateway, client) = Gateway::start();
    let unreadable = select(vec![
        None,
        Some(json!("")),
        Some(json!(" ")),
        Some(json!(null)),
        Some(json!(true)),
        Some(json!([])),
        Some(json!({ "a": 1 })),
    ]);
    proptest!(cases(60), |(retcode in unreadable, message in any_json(), success: bool)| {
        let mut body = json!({ "message": message });
        if let Some(retcode) = retcode {
            body["retcode"] = retcode;
        }
        let http_status = if success { "200 OK" } else { "500 Oh" };
        gateway.give(vec![http(http_status, &body.to_string()).into()]);
        let error = client.reject_agent_conf("154", "guid").expect_err("no retcode");
        let expected = if success { Status::Protocol } else { Status::Http };
        prop_assert_eq!((error.status(), error.retcode()), (expected, None));
        prop_assert!(error.maybe_sent());
    });
}

/// Answers in every framing, whole and broken.
fn any_answer() -> impl Strategy<Value = Vec<u8>> {
    let bodies = prop_oneof![
        Just(r#"{"result":{},"message":"success","retcode":"0"}"#.to_owned()),
        any_json()
            .prop_map(|message| json!({ "retcode": "100-006", "message": message }).to_string()),
        "[ -~座é]{0,300}",
    ];
    let framed = (bodies, 0..4_u8, 1..40_usize).prop_map(|(body, framing, size)| match framing {
        0 | 1 => http("200 OK", &body).into(),
        2 => chunked(body.as_bytes(), size),
        _ => format!("HTTP/1.0 200 OK\r\nX: {}\r\n\r\n{body}", "y".repeat(size)).into_bytes(),
    });
    let answers = prop_oneof![3 => framed, 1 => select(corpus::heads())];
    (answers, 0..8_u8, any::<Index>(), any::<u8>()).prop_map(|(mut answer, damage, place, byte)| {
        let place = place.index(answer.len());
        match damage {
            0 => answer.truncate(place),
            1 => answer[place] = byte,
            2 => answer.insert(place, byte),
            _ => {}
        }
        answer
    })
}

fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(size) {
        answer.extend(format!("{:x}\r\n", chunk.len()).bytes());
        answer.extend(chunk);
        answer.extend(b"\r\n");
    }
    answer.extend(b"0\r\n\r\n");
    answer
}

/// The bytes, cut at these places.
fn pieces(bytes: &[u8], places: &[Index]) -> Vec<Vec<u8>> {
    let mut ends: Vec<_> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    ends.extend([0, bytes.len()]);
    ends.sort_unstable();
    ends.windows(2).map(|ends| bytes[ends[0]..ends[1]].to_vec()).collect()
}

#[test]
fn the_same_bytes_give_the_same_outcome_however_they_are_split() {
    let (gateway, client) = Gateway::start();
    let outcome_of = |pieces: Vec<Vec<u8>>| -> Result<Answer, Error> {
        gateway.give(pieces);
        client.reject_agent_conf("154", "guid")
    };
    // A head that has no end: what is wrong with it stands before an odd line, or behind one.
    let heads =
        [("HTTP/1.1 200 OK\rX: y\r\n", "Z : z\r\n"), ("HTTP/1.1 200 OK\r\nX: y\r\n", " z\r\n\r{}")];
    // What comes with the line between two chunks, and the same cut in it.
    let chunks = [
        ("2\r\n{}\n", "x"),
        ("2\n", "{}\r\n"),
        ("2\r\n{}\r", "x\r\n"),
        ("2;x\n", "y\r\n{}\r\n0\r\n\r\n"),
        ("2\r\n{}\r\n0\r\nX: y\n", "Z: z\r\n\r\n"),
    ];
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = chunks.map(|(before, behind)| (head.to_owned() + before, behind));
    let heads = heads.map(|(before, behind)| (before.to_owned(), behind));
    for (before, behind) in chunks.into_iter().chain(heads) {
        let [first, second] = [&before, behind].map(|part| part.as_bytes().to_vec());
        let whole = outcome_of(vec![[&first[..], &second].concat()]);
        assert!(whole.is_err(), "{before:?}");
        assert_eq!(whole, outcome_of(vec![first, second]), "{before:?}");
    }
    let places = prop::collection::vec(any::<Index>(), 1..8);
    proptest!(cases(300), |(answer in any_answer(), places in places)| {
        let whole = outcome_of(vec![answer.clone()]);
        let split = outcome_of(pieces(&answer, &places));
        prop_assert_eq!(whole, split);
    });
}

/// The Guid with some of its characters in JSON's escapes.
fn written(guid: &str, escaped: &[bool]) -> String {
    let escaped = escaped.iter().chain(std::iter::repeat(&false));
    guid.chars().zip(escaped).fold(String::new(), |text, (character, escaped)| match character {
        _ if *escaped => format!("{text}\\u{:04x}", u32::from(character)),
        '"' | '\\' => format!("{text}\\{character}"),
        _ => format!("{text}{character}"),
    })
}

/// Where a gateway may echo the Guid, `@` standing for it.
const ECHOES: [&str; 12] = [
    r#"{"retcode":"0","message":"@"}"#,
    r#"{"retcode":"100-006","message":"no session @@ x"}"#,
    r#"{"retcode":"@","message":""}"#,
    r#"{"retcode":" @ ","message":"JSESSIONID=@"}"#,
    r#"{"retcode":{"@":"@"},"message":"@"}"#,
    r#"{"status":500,"path":"/@","@":1}"#,
    r#"["@"]"#,
    r#""@""#,
    r#"{"retcode":"0" "@""#,
    "<html><p>@</p>",
    "@",
    "",
];

#[test]
fn the_guid_shows_nowhere_even_if_the_gateway_echoes_it() {
    let (gateway, _) = Gateway::start();
    let mut options = gateway.options();
    let lines = Lines::of(&mut options);
    let client = Client::new(&options).expect("a client");
    // A Guid that looks like what is shown in its place is none.
    let guids = prop_oneof![
        "[0-9a-f]{8}-[0-9a-f]{4}\\.AgentGateway1",
        "[!-'*-:<-~]{8,40}",
        "[1-9][0-9]{7,14}"
    ];
    let heads = select(vec![
        "200 OK",
        "200 @",
        "500 @",
        "302 Found\r\nLocation: /@",
        "200 OK\r\nSet-GUID: JSESSIONID=@",
        "200 OK\r\nX-@: @",
        "200 OK\r\nContent-Encoding: @",
        "@",
        "200 OK\r\n@",
    ]);
    let escaped = prop::collection::vec(any::<bool>(), 0..40);
    let places = prop::collection::vec(any::<Index>(), 0..6);
    proptest!(cases(300), |(
        guid in guids, escaped in escaped, echo in select(&ECHOES[..]), head in heads, places in places
    )| {
        let body = echo.replace('@', &written(&guid, &escaped));
        let answer = http(&head.replace('@', &guid), &body);
        gateway.give(pieces(answer.as_bytes(), &places));
        let outcome = client.reject_agent_conf("154", guid.as_str());
        let mut shown: Vec<_> = lines.take().into_iter().map(|(_, line)| line).collect();
        match &outcome {
            Ok(answer) => shown.push(answer.message.clone()),
            Err(error) => {
                shown.extend([error.to_string(), error.message().to_owned()]);
                shown.push(error.retcode().unwrap_or_default().to_owned());
            }
        }
        for text in shown {
            let escapes = text.replace('"', "\\\"");
            let plain = serde_json::from_str(&format!("\"{escapes}\"")).unwrap_or(text.clone());
            prop_assert!(!text.contains(&guid) && !plain.contains(&guid), "{:?} in {:?}", guid, text);
        }
    });
}
