//! The control path over HTTPS.

use crate::*;

#[test]
fn the_control_path_says_what_is_wrong() {
    let simulator = start(|_| {});
    let ring = json!({ "agentId": "154" });
    assert_eq!(control(&simulator, "ring", &ring).status, 200);
    let cases = [
        (409, "ring", ring),
        (409, "ring", json!({ "agentId": "156" })),
        (400, "ring", json!({ "agentId": "0154" })),
        (400, "ring", json!({ "agentId": "155", "member": [] })),
        (400, "answer-with", json!({ "agentId": "154", "httpStatus": 99 })),
        (400, "answer-with", json!({ "agentId": "154", "count": 0 })),
        (400, "ring", json!({ "agentId": "155", "members": ["155"] })),
        (404, "cancel", json!({ "confId": 1 })),
        (404, "cancel", json!({ "agentId": "155" })),
        (400, "cancel", json!({})),
        (400, "cancel", json!({ "agentId": "154", "confId": 1 })),
        (409, "expire", json!({ "agentId": "156" })),
        (400, "fault", json!({ "fault": "half", "count": 0 })),
        (400, "fault", json!({ "fault": "half", "delayMs": 600_001 })),
        (400, "fault", json!({ "fault": "half", "agent": "154" })),
        (400, "fault", json!({ "fault": "tls12", "path": "x" })),
        (400, "fault", json!({})),
        (404, "nothing", json!({})),
        (405, "agents", json!({})),
        (413, "ring", json!({ "agentId": "1".repeat(2 << 20) })),
    ];
    for (status, path, body) in cases {
        let answer = control(&simulator, path, &body);
        assert_eq!(answer.status, status, "{path} {body}");
        let error = answer.json()["error"].clone();
        assert!(error.as_str().is_some_and(|text| !text.is_empty()));
    }
}

#[test]
fn a_fault_that_there_is_not_is_named_whatever_it_is() {
    let simulator = start(|_| {});
    for (fault, named) in [(json!("fire"), "\"fire\""), (json!(5), "5"), (json!(null), "null")] {
        let answer = control(&simulator, "fault", &json!({ "fault": fault }));
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json()["error"], format!("there is no fault {named}"));
    }
}

#[test]
fn pages_from_elsewhere_steer_nothing() {
    let simulator = start(|options| options.tls = false);
    for (origin, status) in [
        ("http://elsewhere.test", 403),
        ("http://localhost.elsewhere.test", 403),
        ("null", 403),
        // The Host that is asked here.
        ("http://localhost", 200),
    ] {
        let headers = format!("Origin: {origin}\r\n");
        let answer = send(&simulator, "POST", "/simulator/reset", &headers, "");
        assert_eq!(answer.status, status, "{origin}");
    }
}

#[test]
fn a_reset_makes_everything_as_at_the_start() {
    let (simulator, guid) = signed_in(|options| options.ring = vec![154]);
    let state = || send(&simulator, "GET", "/simulator/state", "", "").json();
    let at_start = state();
    assert_eq!(at_start["agents"][0]["ringingConfId"], 1_031_168);
    assert_eq!(at_start["agents"][0]["waitingEvents"], 1);
    assert_eq!(at_start["faults"], json!([]));
    thread::scope(|scope| {
        reject(&simulator, &guid);
        for _ in ["ringing", "released", "ready"] {
            assert_eq!(poll(&simulator, &guid).json()["event"]["workNo"], "154");
        }
        let waiting = scope.spawn(|| poll(&simulator, &guid));
        wait_until(|| agent_154(&simulator)["polling"] == true);
        let script = json!({ "agentId": "156", "retcode": "1" });
        control(&simulator, "answer-with", &script);
        control(&simulator, "fault", &json!({ "fault": "late", "path": "x" }));
        simulator.expire(155).expect("is signed in");
        assert_eq!(control(&simulator, "reset", &Value::Null).status, 200);
        let ended = waiting.join().expect("the poll is answered");
        assert_eq!(ended.json(), json!({ "message": "", "retcode": "0" }));
    });
    let mut fresh = state();
    for (agent, before) in [(0, &at_start), (1, &at_start)] {
        // The age of a Guid begins anew.
        for time in ["guidIssuedAtMs", "guidDiesAtMs"] {
            fresh["agents"][agent][time] = before["agents"][agent][time].clone();
        }
    }
    assert_eq!(fresh, at_start);
    assert_eq!(simulator.requests(), []);
    assert_eq!(simulator.guid(154), Some(guid.clone()));
    assert_eq!(reject(&simulator, &guid).json()["retcode"], "0");
}

/// Who has been given none is not sent astray: an agent of the start.
#[test]
fn after_a_reset_a_balancer_has_given_no_cookie() {
    let (simulator, guid) = signed_in(|options| options.sticky = true);
    for _ in ["at the start", "after a reset"] {
        assert_eq!(reject(&simulator, &guid).json()["retcode"], "101-001");
        assert_eq!(reject(&simulator, &guid).json()["retcode"], "100-006");
        simulator.reset();
    }
}

#[test]
fn the_journal_has_requests_and_events_and_begins_where_one_asks() {
    let simulator = start(|_| {});
    let conf_id = simulator.ring(154, &[]).expect("nothing else rings");
    send(&simulator, "POST", REJECT, "", "");
    let journal = |query: &str| {
        let path = format!("/simulator/journal{query}");
        let entries = send(&simulator, "GET", &path, "", "").json();
        let entries = entries.as_array().expect("a list").clone();
        let shown = entries.iter().map(|entry| {
            let [kind, name, detail] = ["kind", "name", "detail"].map(|key| entry[key].clone());
            format!("{} {} {}", kind.as_str().expect("a text"), name, detail).replace('"', "")
        });
        shown.collect::<Vec<_>>()
    };
    let ringing = format!("event AgentConf_Ringing {{\\confId\\:{conf_id}}}");
    let refused = "request rejectAgentConf retcode=000-002: no Content-Type".to_owned();
    assert_eq!(journal(""), [ringing, refused.clone()]);
    assert_eq!(journal("?after=1"), [refused], "who looks is not seen there");
    assert_eq!(send(&simulator, "GET", "/simulator/journal?after=x", "", "").status, 400);
}

#[test]
fn what_rings_at_an_agent_is_cancelled_without_its_number() {
    let simulator = start(|_| {});
    let conf_id = simulator.ring(154, &[]).expect("nothing else rings");
    let (agent, number) = (json!({ "agentId": "154" }), json!({ "confId": conf_id }));
    assert_eq!(control(&simulator, "cancel", &agent).json(), number);
    assert_eq!(control(&simulator, "cancel", &agent).status, 404);
    assert_eq!(control(&simulator, "cancel", &number).status, 404);
}
