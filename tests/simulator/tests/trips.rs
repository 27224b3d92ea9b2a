//! Round trips over HTTPS.

use crate::*;

#[test]
fn a_session_from_sign_in_to_sign_out() {
    let simulator = start(|options| options.agents = vec![155]);
    let path = "/agentgateway/resource/onlineagent/154";
    let body = r#"{"password":"","phonenum":"40038"}"#;
    let answer = send(&simulator, "PUT", path, JSON, body);
    assert_eq!(answer.json()["result"]["workno"], "154");
    let guid = answer.guid().expect("sign-in brings a Guid");
    let again = send(&simulator, "PUT", path, JSON, body);
    assert_eq!(again.json()["retcode"], "100-002");
    let ring = json!({ "agentId": "154", "members": ["155"] });
    let conf_id = control(&simulator, "ring", &ring).json()["confId"].clone();
    let event = json!({
        "eventType": "AgentConf_Ringing",
        "workNo": "154",
        "content": { "confId": conf_id },
    });
    assert_eq!(poll(&simulator, &guid).json()["event"], event);
    let answer = reject(&simulator, &guid);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("Content-Type"), Some("application/json;charset=UTF-8"));
    let success = json!({ "message": "success", "retcode": "0", "result": {} });
    assert_eq!(answer.json(), success);
    let headers = format!("Guid: {guid}\r\n");
    let logout = format!("{path}/logout");
    let answer = send(&simulator, "DELETE", &logout, &headers, "");
    assert_eq!(answer.json(), json!({ "message": "", "retcode": "0" }));
    assert_eq!(reject(&simulator, &guid).json()["retcode"], "100-006");
}

#[test]
fn a_forced_sign_in_over_the_wire() {
    let (simulator, old) = signed_in(|_| {});
    let path = "/agentgateway/resource/onlineagent/154/forcelogin";
    let answer = send(&simulator, "PUT", path, JSON, r#"{"phonenum":"1"}"#);
    let new = answer.guid().expect("sign-in brings a Guid");
    assert_eq!(reject(&simulator, &old).json()["retcode"], "100-006");
    assert_eq!(reject(&simulator, &new).json()["retcode"], "101-001");
    let answer = send(&simulator, "PUT", path, JSON, "{}");
    assert_eq!(answer.json()["retcode"], "100-001");
    let answer = send(&simulator, "PUT", path, JSON, "not JSON");
    assert_eq!(answer.json()["retcode"], "000-002");
}

#[test]
fn a_waiting_poll_is_answered_when_something_happens() {
    let (simulator, guid) = signed_in(|_| {});
    thread::scope(|scope| {
        let waiting = scope.spawn(|| poll(&simulator, &guid));
        wait_until(|| agent_154(&simulator)["polling"] == true);
        simulator.ring(154, &[]).expect("nothing else rings");
        let answer = waiting.join().expect("the poll is answered");
        assert_eq!(answer.json()["event"]["eventType"], "AgentConf_Ringing");
    });
    assert_eq!(agent_154(&simulator)["polling"], false);
}

#[test]
fn a_poll_without_an_event_ends_and_renews_the_guid() {
    let simulator = start(|options| {
        options.poll_wait = Duration::from_millis(50);
        options.settings.guids.renew_after = Duration::from_millis(10);
    });
    let old = simulator.guid(154).expect("is signed in at start");
    let answer = poll(&simulator, &old);
    assert_eq!(answer.json(), json!({ "message": "", "retcode": "0" }));
    assert_eq!(answer.guid(), simulator.guid(154));
    assert_ne!(answer.guid(), Some(old));
}

/// A poll of agent 154 that the simulator lets wait.
fn waiting_poll(simulator: &Simulator) -> impl Sized + use<> {
    let guid = simulator.guid(154).expect("is signed in at start");
    let mut stream = connect(simulator, "localhost");
    let request = format!("GET {POLL} HTTP/1.1\r\nHost: localhost\r\nGuid: {guid}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the request goes out");
    wait_until(|| agent_154(simulator)["polling"] == true);
    stream
}

#[test]
fn a_caller_who_hangs_up_polls_no_longer() {
    let simulator = start(|_| {});
    drop(waiting_poll(&simulator));
    wait_until(|| agent_154(&simulator)["polling"] == false);
}

#[test]
fn a_conference_rings_out_by_itself() {
    let (simulator, guid) =
        signed_in(|options| options.settings.ring_time = Duration::from_millis(10));
    simulator.ring(154, &[]).expect("nothing else rings");
    let kinds: Vec<Value> =
        (0..3).map(|_| poll(&simulator, &guid).json()["event"]["eventType"].clone()).collect();
    let expected = ["AgentConf_Ringing", "AgentOther_PhoneRelease", "AgentState_Ready"];
    assert_eq!(kinds, expected);
}

#[test]
fn a_reject_wants_its_headers_and_no_body() {
    let (simulator, guid) = signed_in(|_| {});
    let guid = format!("Guid: {guid}\r\n");
    let typed = |content_type: &str| format!("{guid}Content-Type: {content_type}\r\n");
    for (code, headers, body) in [
        ("101-001", typed("application/json"), ""),
        ("101-001", typed("Application/JSON;charset=utf-8"), ""),
        ("000-002", typed("text/plain"), ""),
        ("000-002", typed("application/json; charset=GBK"), ""),
        ("000-002", guid.clone(), ""),
        ("000-002", format!("{JSON}{guid}"), "{}"),
        ("100-006", JSON.to_owned(), ""),
    ] {
        let answer = send(&simulator, "POST", REJECT, &headers, body);
        assert_eq!(answer.json()["retcode"], code, "{headers}");
    }
}

#[test]
fn scripted_answers_over_the_wire() {
    let (simulator, guid) = signed_in(|_| {});
    let script = json!({
        "agentId": "154",
        "retcode": "100-007",
        "message": "Unknown ERROR._40302",
        "httpStatus": 500,
    });
    assert_eq!(control(&simulator, "answer-with", &script).status, 200);
    let answer = reject(&simulator, &guid);
    assert_eq!(answer.status, 500);
    let expected = json!({ "message": "Unknown ERROR._40302", "retcode": "100-007" });
    assert_eq!(answer.json(), expected);
    let script = json!({ "agentId": "154", "httpStatus": 502, "delayMs": 100 });
    control(&simulator, "answer-with", &script);
    let start = Instant::now();
    let answer = reject(&simulator, &guid);
    assert!(start.elapsed() >= Duration::from_millis(100));
    assert_eq!(answer.status, 502);
    assert!(answer.body.starts_with("<!doctype html>"));
    let records = send(&simulator, "GET", "/simulator/requests", "", "").json();
    assert_eq!(records[0]["retcode"], "100-007");
    assert_eq!(records[1]["retcode"], Value::Null);
    assert_eq!(records[1]["httpStatus"], 502);
    assert!(!records.to_string().contains(&guid));
}

#[test]
fn unknown_paths_and_methods_get_a_page() {
    let simulator = start(|_| {});
    let answer = send(&simulator, "POST", "/agentgateway/x", "", "");
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("Content-Type"), Some("text/html; charset=utf-8"));
    let answer = send(&simulator, "GET", REJECT, "", "");
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("Allow"), Some("POST"));
    assert!(answer.body.contains("Method Not Allowed"));
}

/// One call of agent 154 below `onlineagent`: its return code and its `result`.
fn online(simulator: &Simulator, method: &str, call: &str, headers: &str) -> (Value, Value) {
    let path = format!("/agentgateway/resource/onlineagent/154{call}");
    let answer = send(simulator, method, &path, headers, r#"{"phonenum":"1"}"#);
    assert_eq!(answer.status, 200, "{method} {call}: {answer:?}");
    (answer.json()["retcode"].clone(), answer.json()["result"].clone())
}

#[test]
fn other_calls_of_real_clients_are_accepted_and_logged() {
    let (simulator, lines) = start_logged(|_| {});
    let guid = simulator.guid(154).expect("is signed in at start");
    let headers = format!("{JSON}Guid: {guid}\r\n");
    let calls = [
        ("POST", "/resetskill/true?skillid=&phonelinkage=0", "resetSkill", json!({})),
        ("PUT", "/updateGuid", "updateGuid", json!({ "guid": guid })),
        ("POST", "/handshake", "handShake", json!({})),
        ("GET", "/agentstatus", "getAgentStatus", json!({ "agentState": 4, "isWorking": false })),
        ("POST", "/saybusy?reason=200", "sayBusy", json!({})),
        ("POST", "/sayfree", "sayFree", json!({})),
        ("POST", "/work", "work", json!({})),
        ("POST", "/cancelwork", "cancelWork", json!({})),
    ];
    for (method, call, name, result) in calls {
        assert_eq!(online(&simulator, method, call, &headers), (json!("0"), result), "{call}");
        assert_eq!(online(&simulator, method, call, JSON).0, "100-006", "{call}");
        for outcome in ["0", "100-006: no header Guid"] {
            let line = lines.try_recv().expect("each call is logged");
            assert!(line.ends_with(&format!(" {name} agent=154 retcode={outcome}")), "{line}");
        }
    }
    simulator.ring(154, &[]).expect("nothing else rings");
    assert_eq!(reject(&simulator, &guid).json()["retcode"], "0");
}

#[test]
fn any_other_interface_is_refused_as_a_gateway_does_and_named_in_the_log() {
    let (simulator, lines) = start_logged(|_| {});
    let guid = simulator.guid(154).expect("is signed in at start");
    let headers = format!("{JSON}Guid: {guid}\r\n");
    assert_eq!(online(&simulator, "POST", "/notifybulletin", &headers).0, "000-002");
    assert_eq!(online(&simulator, "POST", "/a%0Ab?guid=secret", &headers).0, "000-002");
    let call = "/agentgateway/resource/voicecall/154/callout";
    assert_eq!(send(&simulator, "PUT", call, &headers, "{}").json()["retcode"], "000-002");
    for call in ["POST /onlineagent/154/notifybulletin", "POST ?", "PUT /voicecall/154/callout"] {
        let line = lines.try_recv().expect("each call is logged");
        let end = format!(" unknownInterface agent=- retcode=000-002: not simulated: {call}");
        assert!(line.ends_with(&end), "{line}");
    }
    assert_eq!(lines.try_iter().count(), 0);
}

#[test]
fn a_balancers_nodes_know_their_own_guids_only() {
    let (simulator, lines) = start_logged(|options| {
        options.sticky = true;
        options.agents = vec![155];
        options.poll_wait = Duration::from_millis(10);
    });
    let login = |agent: u32, call: &str| {
        let path = format!("/agentgateway/resource/onlineagent/{agent}{call}");
        let answer = send(&simulator, "PUT", &path, JSON, r#"{"phonenum":"1"}"#);
        let cookie = answer.header("Set-Cookie").expect("a cookie comes along");
        let (pair, attributes) = cookie.split_once(';').expect("attributes follow");
        assert_eq!(attributes, " Path=/agentgateway; HttpOnly");
        (answer.guid().expect("sign-in brings a Guid"), pair.to_owned())
    };
    let code = |guid: &str, cookie: &str| {
        let headers = format!("{JSON}Guid: {guid}\r\nCookie: a=b; {cookie}\r\n");
        let answer = send(&simulator, "GET", POLL, &headers, "");
        let given = answer.header("Set-Cookie").is_some();
        (answer.json()["retcode"].as_str().expect("a text").to_owned(), given)
    };
    let (guid, cookie) = login(154, "");
    let (_, other) = login(156, "");
    assert_ne!(cookie, other, "agents are spread over the nodes");
    assert!(guid.ends_with(&format!(".AgentGateway{}", &cookie[5..])), "{guid} {cookie}");
    let expected = |code: &str, given| (code.to_owned(), given);
    assert_eq!(code(&guid, &cookie), expected("0", false));
    assert_eq!(code(&guid, &other), expected("100-006", false));
    assert_eq!(code(&guid, "NSLB=3"), expected("100-006", true), "no node: as without a cookie");
    assert_eq!(code(&guid, "c=d"), expected("100-006", true), "the cookie was set");
    assert_eq!(code(&guid, &cookie), expected("0", false), "it is still signed in");
    assert!(lines.try_iter().all(|line| !line.contains(&guid)));
    // A sign-in stays where its cookie sends it, and may go elsewhere without one.
    let path = "/agentgateway/resource/onlineagent/154/forcelogin";
    let headers = format!("{JSON}Cookie: {other}\r\n");
    let answer = send(&simulator, "PUT", path, &headers, r#"{"phonenum":"1"}"#);
    let moved = answer.guid().expect("sign-in brings a Guid");
    assert_eq!(code(&moved, &other), expected("0", false));
    assert_eq!(code(&moved, &cookie), expected("100-006", false));
}

#[test]
fn the_log_names_the_method_the_agent_and_what_came_of_it_and_hides_the_guid() {
    let (simulator, lines) = start_logged(|options| {
        options.settings.guids.renew_after = Duration::from_millis(1);
    });
    let guid = simulator.guid(154).expect("is signed in at start");
    reject(&simulator, &guid);
    send(&simulator, "DELETE", "/agentgateway/resource/onlineagent/a%0Ab/logout", "", "");
    send(&simulator, "GET", "/simulator/agents", "", "");
    control(&simulator, "ring", &json!({ "agentId": "154" }));
    thread::sleep(Duration::from_millis(2));
    poll(&simulator, &guid);
    control(&simulator, "ring", &json!({ "agentId": "a\nb" }));
    for end in [
        " rejectAgentConf agent=154 retcode=101-001: no conference rings at agent 154",
        " logout agent=? retcode=000-002: agent ID is not a number from 101 to 59999",
        " simulator.agents agent=- http=200",
        " simulator.ring agent=154 http=200",
        " getAgentEvent agent=154 retcode=0 event=AgentConf_Ringing new-guid",
        " simulator.ring agent=? http=400: \"a\\nb\" is no agent id of this gateway",
    ] {
        let line = lines.try_recv().expect("each call is logged");
        assert!(line.ends_with(end) && !line.contains(&guid), "{line}");
    }
}

#[test]
fn a_reason_is_one_line_in_the_log() {
    let (simulator, lines) = start_logged(|_| {});
    assert_eq!(control(&simulator, "ring", &json!({ "x\ny": 1 })).status, 400);
    let line = lines.try_recv().expect("each call is logged");
    assert!(line.contains("http=400: unknown field `x?y`"), "{line}");
}

#[test]
fn the_certificate_is_for_its_names_only() {
    let simulator = start(|_| {});
    let handshake = |name: &str| {
        let mut stream = connect(&simulator, name);
        stream.conn.complete_io(&mut stream.sock)
    };
    for name in ["localhost", "127.0.0.1", "::1"] {
        handshake(name).expect("the certificate has the name");
    }
    assert!(handshake("gateway.example").is_err());
}

#[test]
fn the_ca_file_goes_with_the_simulator() {
    let simulator = start(|options| options.ca_file = CaFile::Temporary);
    let path = simulator.ca_path().expect("was asked for").to_owned();
    let written = std::fs::read_to_string(&path).expect("is there");
    assert_eq!(written, simulator.ca_pem());
    #[cfg(unix)]
    {
        let permissions = |path| std::fs::metadata(path).expect("is there").permissions();
        let usual = path.with_extension("usual");
        std::fs::write(&usual, "").expect("the folder can be written to");
        assert_eq!(permissions(&path), permissions(&usual), "other users' clients read it");
        std::fs::remove_file(&usual).expect("is there");
    }
    drop(simulator);
    assert!(!path.exists());
}

#[test]
fn a_stop_does_not_wait_for_polls() {
    let simulator = start(|_| {});
    let _poll = waiting_poll(&simulator);
    let (address, stop) = (simulator.address(), Instant::now());
    drop(simulator);
    assert!(stop.elapsed() < Duration::from_secs(2));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_ca_file_that_cannot_be_written_is_an_error() {
    let options = SimulatorOptions {
        ca_file: CaFile::At(std::env::temp_dir().join("no-such-directory/ca.pem")),
        ..SimulatorOptions::default()
    };
    let error = Simulator::start(options).err().expect("cannot start");
    assert!(error.to_string().starts_with("cannot write "));
}
