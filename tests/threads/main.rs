//! Threads and processes: many callers at once, cancels, frees, forks, and a signal.

mod cancel_call;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use agw::{Client, Level, Status, Trust};
use support::client::{client, options};
use support::gateway::Step::{Await, Hang, Reset, Tell};
use support::gateway::{Gateway, Script};
use support::held::Held;
use support::tls::Over;
use support::{ACCEPTED, GUID, c, http};

static HOST: LazyLock<PathBuf> =
    LazyLock::new(|| c::compile("tests/c/process.c", "process", c::GNU11));

/// How long the calls in progress live on after a cancel.
fn time_to_cancel(scheme: &str) -> Duration {
    const CALLERS: usize = 8;
    // Of each connection it awaits the first request, or handshake, tells that, and says nothing.
    let (begun, calls_begun) = mpsc::channel();
    let tell = Tell(Arc::new(move || begun.send(()).expect("somebody waits")));
    let silent = Gateway::start(vec![Script::Tcp(vec![Await, tell, Hang])], None);
    let url = format!("{scheme}://{}", silent.address());
    let client = client(&url);
    thread::scope(|scope| {
        let call = || client.reject_agent_conf("154", GUID).expect_err("cancelled");
        let calls: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
        for _ in 0..CALLERS {
            calls_begun.recv_timeout(Duration::from_secs(20)).expect("it calls");
        }
        // Into the wait for the answer, or for the other side's part of the handshake.
        thread::sleep(Duration::from_millis(30));
        let cancelled = Instant::now();
        client.cancel();
        for call in calls {
            let error = call.join().expect("no panic");
            assert_eq!(error.status(), Status::Cancelled, "{error}");
            assert_eq!(error.maybe_sent(), scheme == "http", "{error}");
        }
        cancelled.elapsed()
    })
}

/// `cancel_call` has the other places where a call may be.
#[test]
fn a_cancel_ends_all_calls_that_wait_for_the_other_side() {
    for scheme in ["http", "https"] {
        // At best of three, as a machine may be busy.
        let took = (0..3).map(|_| time_to_cancel(scheme)).min().expect("three");
        assert!(took < Duration::from_millis(50), "{scheme}: {took:?}");
    }
}

#[test]
fn calls_that_come_after_a_cancel_are_not_touched() {
    let gateway = Gateway::accepting();
    let client = client(&gateway.url());
    for _ in 0..50 {
        client.cancel();
        client.reject_agent_conf("154", GUID).expect("accepted");
    }
    assert_eq!(gateway.seen().connections, 1, "the kept connection was nobody's to cancel");
}

/// Answers with the agent ID of the request, so that a mixed-up answer shows.
fn echoing_gateway() -> Gateway {
    let answer = |request: &str| {
        let agent = request.split('/').nth(4).unwrap_or_default();
        http("200 OK", &format!(r#"{{"retcode":"0","message":"agent {agent}"}}"#))
    };
    Gateway::serving_each(Over::Tls13.config(false), answer)
}

#[test]
fn sixty_four_threads_share_a_client_while_others_cancel_and_free() {
    const THREADS: usize = 64;
    const CALLS: usize = 100;
    let gateway = echoing_gateway();
    let client = client(&gateway.url());
    let done = AtomicBool::new(false);
    let before = Held::now();
    let accepted: usize = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                client.cancel();
                thread::sleep(Duration::from_millis(100));
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let passing = self::client(&gateway.url());
                passing.reject_agent_conf("59999", GUID).expect("accepted");
            }
        });
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (client, agent) = (&client, (1000 + thread).to_string());
                let is_accepted = move || match client.reject_agent_conf(&agent, GUID) {
                    Ok(answer) => {
                        assert_eq!(answer.message, format!("agent {agent}"));
                        true
                    }
                    Err(error) => {
                        assert_eq!(error.status(), Status::Cancelled, "{error}");
                        false
                    }
                };
                scope.spawn(move || (0..CALLS).filter(|_| is_accepted()).count())
            })
            .collect();
        let accepted: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        done.store(true, Ordering::Relaxed);
        accepted.into_iter().map(|count| count.expect("a thread saw a wrong outcome")).sum()
    });
    assert!(0 < accepted && accepted < THREADS * CALLS, "{accepted} accepted");
    drop(client);
    gateway.wait_until_idle();
    // Other tests of this program run at the same time, so a few descriptors and threads and some
    // memory more are theirs; what 6,400 calls or hundreds of clients would leak is far above.
    let after = Held::now();
    assert!(after.descriptors < before.descriptors + 60, "{before:?} {after:?}");
    assert!(after.threads < before.threads + 60, "{before:?} {after:?}");
    // A sanitizer keeps what was freed for a while, and books of its own.
    assert!(
        std::env::var_os("AGW_SANITIZER").is_some()
            || after.memory_kib < before.memory_kib + 32 * 1024,
        "{before:?} {after:?}"
    );
}

#[test]
fn nothing_is_logged_once_a_client_is_freed() {
    use agw::ffi::AGW_LOG_DEBUG;
    use agw::status::{AGW_E_INVALID_HANDLE, AGW_OK};
    use std::ffi::{c_char, c_void};
    use support::faults::abi::Options;
    use support::faults::library::{LINKED, Log};

    /// Takes its time, so that agw_free meets it.
    unsafe extern "C" fn slow(_: i32, _: *const c_char, lines: *mut c_void) {
        thread::sleep(Duration::from_millis(5));
        // SAFETY: the counter that the client was made with, which outlives it.
        unsafe { &*lines.cast::<AtomicUsize>() }.fetch_add(1, Ordering::SeqCst);
    }

    let gateway = Gateway::accepting();
    let options = Options { base_url: gateway.url(), ..Options::default() };
    let lines = AtomicUsize::new(0);
    let log = Log(Some(slow), (&raw const lines).cast_mut().cast(), AGW_LOG_DEBUG);
    for _ in 0..20 {
        let (client, made) = LINKED.client(&options, &log, 0);
        assert_eq!(made.returned, AGW_OK);
        let call = move || LINKED.reject(client, c"154", Some(c"some-guid"), 0).returned;
        let until_freed = move || while call() != AGW_E_INVALID_HANDLE {};
        let callers: Vec<_> = (0..4).map(|_| thread::spawn(until_freed)).collect();
        thread::sleep(Duration::from_millis(7));
        assert_eq!(LINKED.free(client), AGW_OK);
        let at_free = lines.load(Ordering::SeqCst);
        for caller in callers {
            caller.join().expect("no panic");
        }
        assert_eq!(lines.load(Ordering::SeqCst), at_free, "a line after agw_free");
        assert_eq!(LINKED.free(client), AGW_E_INVALID_HANDLE);
    }
    assert!(lines.into_inner() > 0);
}

#[test]
fn a_rust_sink_that_panics_leaves_the_client_usable() {
    let gateway = Gateway::accepting();
    let lines = Arc::new(AtomicUsize::new(0));
    let counted = lines.clone();
    let mut options = options(&gateway.url());
    options.trust = Trust::System;
    options.log_level = Level::Info;
    options.log = Some(Arc::new(move |_, _: &str| {
        let line = counted.fetch_add(1, Ordering::SeqCst);
        assert!(line > 0, "a bug of the sink's first line");
    }));
    let client = Client::new(&options).expect("client");
    let call = || client.reject_agent_conf("154", GUID).map(drop);
    thread::scope(|scope| scope.spawn(call).join().expect_err("the sink's panic is its caller's"));
    call().expect("accepted");
    assert_eq!(lines.load(Ordering::SeqCst), 2);
}

fn host(mode: &str, url: &str) -> String {
    c::run(&HOST, &[mode, url])
}

#[test]
fn a_fork_among_threads_leaves_no_lock_behind() {
    let gateway = Gateway::accepting();
    let printed = host("threads", &gateway.url());
    assert!(printed.contains("100 forks among 4 threads, 0 failures"), "{printed}");
}

/// As C++'s thread_local objects and pthread's keys have it. Once by name, for the look-up's sake.
#[test]
fn a_thread_that_is_ending_can_still_call() {
    let gateway = Gateway::serving_each(Over::Tls13.config(false), |_| http("200 OK", ACCEPTED));
    for url in [gateway.url(), gateway.url().replace("127.0.0.1", "localhost")] {
        host("ending", &url);
    }
    assert_eq!(gateway.seen().requests.len(), 2 * 2 * 20);
}

/// Behind the handshake the library writes once more to a connection that is reset: its goodbye.
#[test]
fn sigpipe_at_its_default_does_not_kill_the_host() {
    let survives = |url: &str| {
        let printed = host("sigpipe", url);
        assert!(printed.contains("alive after 200 calls"), "{printed}");
    };
    let resets = Gateway::start(vec![Script::Tcp(vec![Reset])], None);
    survives(&resets.url());
    survives(&format!("https://{}", resets.address()));
    for over in [Over::Tls12, Over::Tls13] {
        let script = Script::Http(vec![Reset]);
        survives(&Gateway::start(vec![script], over.config(false)).url());
    }
}
