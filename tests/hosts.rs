//! Processes that do more than call: tests/c/process.c, a part each.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use support::c;
use support::gateway::{Gateway, Order, Step};
use support::tls::{self, Over};
use support::{ACCEPTED, http};

static PROCESS: LazyLock<PathBuf> =
    LazyLock::new(|| c::compile("tests/c/process.c", "process", c::GNU11));

/// Accepts for every agent but 155, who gets no answer.
fn gateway(over: Over) -> Gateway {
    let orders = |request: &str| match request.contains("/155/") {
        true => Order { steps: vec![Step::Hang], stays: false },
        false => Order { steps: vec![Step::Send(http("200 OK", ACCEPTED).into())], stays: true },
    };
    Gateway::obeying(orders, over.config(false))
}

/// Runs a part; what it printed.
fn part(arguments: &[&str]) -> String {
    c::run(&PROCESS, arguments)
}

#[test]
fn a_fork_in_the_middle_of_a_first_call_leaves_no_child_hanging() {
    let printed = part(&["first", "300", "http://127.0.0.1:9"]);
    assert!(printed.contains("300 forks in a first call: 0 children hang, 0 runs failed"));
}

#[test]
fn a_cancellation_takes_effect_after_the_call() {
    part(&["cancel", &gateway(Over::Plain).url()]);
}

#[test]
fn a_slow_log_callback_holds_up_nobody_but_its_own_call_and_agw_free() {
    part(&["gate", &gateway(Over::Plain).url()]);
}

/// Made for the test: a machine need not have any.
#[test]
fn texts_are_english_whatever_the_hosts_locale_is() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("locales");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (source, charset) in [("zh_CN", "GBK"), ("tr_TR", "UTF-8")] {
        let name = format!("{source}.{charset}");
        let mut make = Command::new("localedef");
        // It warns of what it finds odd in its own sources, and then ends with 1.
        let made = make.args(["-i", source, "-f", charset]).arg(folder.join(&name)).output();
        made.expect("localedef, of Debian's libc-bin, with the sources in locales");
        let mut process = Command::new(&*PROCESS);
        process.args(["locale", &name]).env("LOCPATH", &folder).env_remove("LANGUAGE");
        c::expect_success(&mut process);
    }
}

#[test]
fn a_socket_does_not_take_the_place_of_a_standard_stream() {
    let gateway = gateway(Over::Plain);
    part(&["closed", &gateway.url()]);
    let requests = gateway.seen().requests;
    // What the host wrote would stand before the second one.
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.starts_with("POST ")), "{requests:?}");
}

#[test]
fn where_no_descriptor_is_left_it_is_said() {
    let gateway = gateway(Over::Plain);
    part(&["full", &gateway.url(), &gateway.url_as("localhost"), "Cargo.toml"]);
}

/// A daemon closes the sockets that it came with; a call in a fork handler of the host's, which may be
/// older than agw's, does not hang.
#[test]
fn a_forked_child_calls_over_connections_of_its_own() {
    for (name, connections, requests) in [
        ("daemon", 2, 3),
        // The child's calls in its handler and behind it.
        ("handlers", 3, 6),
    ] {
        let gateway = gateway(Over::Plain);
        part(&[name, &gateway.url()]);
        let seen = gateway.seen();
        assert_eq!((seen.connections, seen.requests.len()), (connections, requests), "{name}");
    }
}

/// The first connection dies as the second request comes over it.
#[test]
fn a_child_that_is_forked_in_the_log_callback_sends_nothing() {
    let count = AtomicU32::new(0);
    let orders = move |_: &str| match count.fetch_add(1, Ordering::Relaxed) {
        1 => Order { steps: Vec::new(), stays: false },
        _ => Order { steps: vec![Step::Send(http("200 OK", ACCEPTED).into())], stays: true },
    };
    let gateway = Gateway::obeying(orders, None);
    part(&["logging", &gateway.url()]);
    assert_eq!(gateway.seen().requests.len(), 3);
}

/// An early cancel of the parent's holds in the child, too.
#[test]
fn calls_are_cancelled_by_number_in_parent_and_child() {
    let gateway = gateway(Over::Plain);
    part(&["numbers", &gateway.url()]);
    // One for 154 and one for 155 in each process; one for 155 before, and one for 154 after.
    assert_eq!(gateway.seen().requests.len(), 2 * 2 + 2);
}

/// A child has the sessions as they were, also where the parent's threads poll and renew them at that
/// moment, and polls for an agent of theirs. What it renews, drops and cancels is its own.
#[test]
fn a_fork_in_a_shift_leaves_parent_and_child_their_sessions() {
    let count = AtomicU32::new(0);
    let gateway = Gateway::serving_each(None, move |request| {
        // No event: held back for a moment.
        if request.starts_with("GET ") {
            thread::sleep(Duration::from_millis(5));
        }
        let agent = request.split(['/', ' ']).nth(5).expect("an agent");
        let guid = format!("{agent}-{:08}", count.fetch_add(1, Ordering::Relaxed));
        let head = format!("HTTP/1.1 200 OK\r\nSet-GUID: JSESSIONID={guid}\r\n");
        head + "Content-Length: 15\r\n\r\n{\"retcode\":\"0\"}"
    });
    let printed = part(&["sessions", "300", &gateway.url()]);
    assert!(printed.contains("300 forks in a shift: 0 children hang, 0 failed"), "{printed}");
}

#[test]
fn a_look_up_is_cancelled_by_number_and_another_goes_on() {
    c::expect_success(Command::new(&*PROCESS).arg("look-up").env("AGW_FAULT", "look-up-hangs"));
}

#[test]
fn signals_of_the_host_are_not_handled_in_threads_of_the_librarys() {
    c::expect_success(Command::new(&*PROCESS).arg("signals").env("AGW_FAULT", "look-up-hangs"));
}

#[test]
fn the_environment_is_not_read_by_calls() {
    part(&["getenv", &gateway(Over::Plain).url()]);
}

#[test]
fn a_look_up_does_not_depend_on_rusts_environment() {
    let gateway = gateway(Over::Plain);
    let mut process = Command::new(&*PROCESS);
    process.args(["connect", &gateway.url_as("localhost")]);
    c::expect_success(process.env("RUST_MIN_STACK", "9000000000000000000"));
}

/// SSL_CERT_FILE says whom to trust, but not in a program with more rights than its caller.
#[test]
fn a_setuid_program_does_not_believe_its_callers_environment() {
    let gateway = gateway(Over::Tls13);
    let ca = Path::new(env!("CARGO_TARGET_TMPDIR")).join("setuid-ca.pem");
    std::fs::write(&ca, tls::certificate_pem()).expect("written");
    let url = gateway.url();
    let run = |program: &mut Command| -> Output {
        program.arg("connect").arg(&url).env("SSL_CERT_FILE", &ca).output().expect("it starts")
    };
    let trusting = run(&mut Command::new(&*PROCESS));
    assert!(trusting.status.success(), "{trusting:?}");

    // SAFETY: it only asks.
    if unsafe { libc::geteuid() } != 0 {
        assert!(std::env::var_os("CI").is_none(), "needs root");
        let _ = writeln!(std::io::stderr(), "skipped: only root can make a setuid program");
        return;
    }
    let setuid = PROCESS.with_file_name("process-setuid");
    std::fs::copy(&*PROCESS, &setuid).expect("copied");
    c::expect_success(Command::new("chmod").arg("4755").arg(&setuid));
    let mut as_nobody = Command::new("setpriv");
    as_nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&setuid);
    let refused = run(&mut as_nobody);
    let printed = String::from_utf8_lossy(&refused.stdout);
    assert!(printed.starts_with("102 "), "{refused:?}");
}
