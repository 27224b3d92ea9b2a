//! The C++ binding and the larger C examples: compiled under every compiler and standard that is
//! promised, run against the simulator, and compared with the header.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use support::c::{self, C89, Dialect};
use support::client::simulator as start;
use support::gateway::Step::{Read, Send};
use support::gateway::{self, Gateway};
use support::http;
use support::simulator::Simulator;
use support::simulator::state::Script;
use support::tls::{Over, certificate_pem};

const COMPILERS: [&str; 2] = ["g++", "clang++"];
const STANDARDS: [&str; 4] = ["c++11", "c++14", "c++17", "c++20"];

// ---------------------------------------------------------------------------------- simulator

/// A conference rings at 154; 155's Guid is stale; 156 waits, always; 157 meets a fault, twice at most.
fn gateway() -> (Simulator, Vec<String>) {
    let simulator = start(vec![154, 155, 156, 157]);
    let guids = [154, 155, 156, 157].map(|agent| simulator.guid(agent).expect("signed in"));
    simulator.ring(154, &[]).expect("rings");
    simulator.expire(155).expect("expires");
    let delay = Duration::from_secs(30);
    simulator.answer_with(156, Script { delay, count: u32::MAX, ..Script::default() });
    let fault = Script {
        retcode: Some("100-007".into()),
        message: "Unknown ERROR._40302".into(),
        ..Script::default()
    };
    simulator.answer_with(157, fault);
    let arguments = [simulator.url(), ca(&simulator)].into_iter().chain(guids).collect();
    (simulator, arguments)
}

fn ca(simulator: &Simulator) -> String {
    simulator.ca_path().expect("written").to_str().expect("UTF-8").to_owned()
}

// ------------------------------------------------------------------------------------ binding

fn cpp(compiler: &'static str, standard: &'static str) -> Command {
    c::compiler(Dialect { compiler, language: "c++", standard })
}

/// Compiles a test program together with a second file that includes the binding, and runs it.
fn check(source: &str, compiler: &'static str, standard: &'static str, options: &[&str]) {
    let folder = c::root().join("tests/cpp");
    let mut command = cpp(compiler, standard);
    command.args(["-Wshadow", "-Wconversion", "-Wsign-conversion", "-Wold-style-cast", "-Weffc++"]);
    command.args(options).args([folder.join(source), folder.join("other.cpp")]);
    let program = c::link(command, &format!("{source}-{compiler}-{standard}"));

    let (_simulator, arguments) = gateway();
    let printed = c::run(&program, &arguments);
    assert!(printed.contains(" checks passed, 0 failed"), "{printed}");
}

#[test]
fn the_binding_works_under_each_compiler_and_standard() {
    for compiler in COMPILERS {
        for standard in STANDARDS {
            check("throwing.cpp", compiler, standard, &[]);
        }
    }
}

#[test]
fn the_binding_works_without_exceptions() {
    for compiler in COMPILERS {
        check("nothrow.cpp", compiler, "c++11", &["-fno-exceptions"]);
        check("nothrow.cpp", compiler, "c++20", &["-fno-exceptions"]);
    }
}

#[test]
fn the_twins_that_do_not_throw_work_beside_those_that_do() {
    check("nothrow.cpp", COMPILERS[0], "c++14", &[]);
}

/// The same shift, under every compiler and standard.
#[test]
fn a_shift_from_sign_in_to_sign_out() {
    for compiler in COMPILERS {
        for standard in STANDARDS {
            check("shift.cpp", compiler, standard, &[]);
        }
        check("shift.cpp", compiler, "c++11", &["-fno-exceptions"]);
    }
}

#[test]
fn a_token_ends_its_calls_and_no_others() {
    check("tokens.cpp", COMPILERS[0], "c++11", &[]);
    check("tokens.cpp", COMPILERS[1], "c++20", &["-fno-exceptions"]);
}

/// Each half has a log function; only one of them is ready for an exception that leaves it.
#[test]
fn halves_with_and_without_exceptions_work_in_one_program() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for compiler in COMPILERS {
        let halves = ["-fexceptions", "-fno-exceptions"].map(|mode| {
            let object = folder.join(format!("mixed-{compiler}{mode}.o"));
            let mut command = cpp(compiler, "c++11");
            command.args([mode, "-c"]).arg(c::root().join("tests/cpp/mixed.cpp"));
            c::expect_success(command.arg("-o").arg(&object));
            object
        });
        for order in [[0, 1], [1, 0]] {
            let mut command = Command::new(compiler);
            command.args(order.map(|half| &halves[half]));
            let program = c::link(command, &format!("mixed-{compiler}-{}", order[0]));
            let printed = c::run::<&str>(&program, &[]);
            assert!(printed.contains("4 checks passed, 0 failed"), "{printed}");
        }
    }
}

#[test]
fn the_binding_compiles_with_the_static_library_announced() {
    let text = "#define AGW_STATIC\n#include \"agw.hpp\"\n#include \"agw.hpp\"\n";
    for compiler in COMPILERS {
        c::expect_success_with_input(cpp(compiler, "c++11").args(["-fsyntax-only", "-"]), text);
    }
}

#[test]
fn an_outcome_that_nobody_looks_at_is_a_warning() {
    let text = |call: &str| {
        let call = call.replace("CALL", "c.connect(std::nothrow)");
        format!("#include \"agw.hpp\"\nbool call(agw::client &c) {{ {call} }}\n")
    };
    for compiler in COMPILERS {
        for standard in STANDARDS {
            let mut command = cpp(compiler, standard);
            command.args(["-fsyntax-only", "-"]);
            c::expect_success_with_input(&mut command, &text("return static_cast<bool>(CALL);"));
            let refused = c::output_of(&mut command, &text("CALL; return true;"));
            let said = String::from_utf8_lossy(&refused.stderr);
            assert!(!refused.status.success(), "{compiler} {standard}");
            assert!(said.contains("ignoring return value"), "{said}");
        }
    }
}

#[test]
fn the_binding_has_all_of_the_header() {
    let mut check = Command::new("python3");
    check.current_dir(c::root()).env("PYTHONPATH", "bindings");
    check.args(["-B", "bindings/cpp/tests/check_header.py"]);
    c::expect_success(check.args(["include/agw.h", "bindings/cpp/agw.hpp"]));
}

// ----------------------------------------------------------------------------------- examples

fn example(name: &str) -> PathBuf {
    c::compile(&format!("bindings/c/examples/{name}.c"), name, C89)
}

/// A larger example that runs; what it prints comes line by line.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        command.env("AGW_PASSWORD", "secret").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Running { child, lines: receiver }
    }

    /// Waits until it prints this.
    fn says(&self, what: &str) {
        loop {
            let line = self.lines.recv_timeout(Duration::from_secs(20)).expect(what);
            assert!(!line.contains("secret"), "{line}");
            if line.contains(what) {
                return;
            }
        }
    }

    fn press(&mut self, keys: &str) {
        let keyboard = self.child.stdin.as_mut().expect("piped");
        keyboard.write_all(keys.as_bytes()).expect("it reads");
    }

    fn interrupt(&self) {
        // SAFETY: a child of this process that was not waited for.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGINT) };
    }

    /// Whether it ends well.
    fn ends(mut self) -> bool {
        self.child.wait().expect("it ends").success()
    }
}

/// The GUI example; with a phone it signs the agent in, without it takes the agent's Guid.
fn gui(simulator: &Simulator, agent: u32, rest: &[&str]) -> Running {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| example("gui"));
    let mut command = Command::new(&*PROGRAM);
    command.args([simulator.url(), ca(simulator), agent.to_string()]).args(rest);
    command.env("AGW_GUID", simulator.guid(agent).unwrap_or_default());
    Running::start(&mut command)
}

#[test]
fn the_gui_example_rejects_and_cancels() {
    let simulator = start(vec![154, 155, 156]);
    let mut window = gui(&simulator, 154, &[]);
    window.says("signed in: 0 ");
    simulator.ring(154, &[]).expect("rings");
    window.says("AgentConf_Ringing");
    window.press("r");
    window.says("rejectAgentConf: 0 ");
    window.says("AgentState_Ready");
    let late = Script { retcode: Some("101-001".into()), ..Script::default() };
    simulator.answer_with(154, late);
    simulator.ring(154, &[]).expect("rings");
    window.says("AgentConf_Ringing");
    window.press("xr");
    window.says("rejectAgentConf: 302 ");
    window.press("\n");
    assert!(window.ends());
    assert!(simulator.guid(154).is_some(), "it did not sign in, and does not sign out");

    let delay = Duration::from_secs(30);
    for (agent, rest, keys) in [(155, ["--cancel-after", "300"].as_slice(), "r"), (156, &[], "r\n")]
    {
        simulator.answer_with(agent, Script { delay, ..Script::default() });
        simulator.ring(agent, &[]).expect("rings");
        let mut window = gui(&simulator, agent, rest);
        window.says("AgentConf_Ringing");
        let begun = Instant::now();
        window.press(keys);
        window.says("rejectAgentConf: 105 ");
        assert!(window.ends());
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    }
}

#[test]
fn the_gui_example_signs_in_and_out_and_ends_with_the_session() {
    let simulator = start(vec![155]);
    let window = gui(&simulator, 154, &["40038"]);
    window.says("signed in: 0 ");
    simulator.ring(154, &[]).expect("rings");
    window.says("AgentConf_Ringing");
    window.interrupt();
    window.says("signed out: 0 ");
    assert!(window.ends());
    assert_eq!(simulator.guid(154), None, "signed out");

    let window = gui(&simulator, 155, &[]);
    window.says("signed in: 0 ");
    simulator.expire(155).expect("expires");
    window.says("getAgentEvent: 301 ");
    assert!(!window.ends(), "the session is over");
    let window = gui(&simulator, 155, &["40038"]);
    window.says("100-002");
    assert!(!window.ends(), "signed in already");
}

#[test]
fn the_server_example_serves_many_agents() {
    let agents: Vec<u32> = (200..300).collect();
    let simulator = start(agents.clone());
    let mut list = String::new();
    for agent in &agents {
        simulator.ring(*agent, &[]).expect("rings");
        list += &format!("{agent} {}\n", simulator.guid(*agent).expect("signed in"));
    }
    let program = example("server");
    let server = || {
        let mut command = Command::new(&program);
        command.args([&simulator.url(), &ca(&simulator), "16"]);
        command
    };
    let output = c::expect_success_with_input(&mut server(), &list);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("calls=100 accepted=100 too_late=0 failed=0"), "{printed}");

    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("server-agents.txt");
    std::fs::write(&file, list + "300 no-guid-of-anybody\n").expect("written");
    let output = c::output_of(server().arg(&file), "");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("calls=101 accepted=0 too_late=100 failed=1"), "{printed}");
    assert!(printed.contains("agent 300: 301 "), "{printed}");
}

/// The shift example, for agent 154.
fn shift(simulator: &Simulator, rest: &[&str]) -> Running {
    let mut command = Command::new(example("shift"));
    command.args([&simulator.url(), &ca(simulator), "154", "40038"]).args(rest);
    Running::start(&mut command)
}

#[test]
fn the_shift_example_rejects_what_rings_and_ends_at_once() {
    let simulator = start(Vec::new());
    let running = shift(&simulator, &[]);
    running.says("login");
    simulator.ring(154, &[]).expect("rings");
    for what in ["AgentConf_Ringing", "rejectAgentConf", "AgentState_Ready"] {
        running.says(what);
    }
    // Into the next poll, which would wait for 10 s.
    thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    running.interrupt();
    running.says("logout");
    assert!(running.ends());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(simulator.guid(154), None, "signed out");

    // Without --force it is refused where the agent is signed in already.
    let simulator = start(vec![154]);
    let running = shift(&simulator, &[]);
    running.says("100-002");
    assert!(!running.ends());
    let mut running = shift(&simulator, &["--force", "--ask"]);
    running.says("login");
    simulator.ring(154, &[]).expect("rings");
    running.says("AgentConf_Ringing");
    running.press("y\n");
    running.says("rejectAgentConf");
    simulator.expire(154).expect("expires");
    running.says("100-006");
    assert!(!running.ends(), "the session is over");
}

/// The gateway's text may hold anything, but a terminal obeys nobody else.
#[test]
fn the_shift_example_shows_no_control_character() {
    let event = r#"{"retcode":"0","event":{"eventType":"\u001b[2J"}}"#;
    let over = r#"{"retcode":"105-005"}"#;
    let answers = [event, event, over]
        .map(|body| http("200 OK\r\nSet-GUID: JSESSIONID=guid-of-the-test", body));
    let steps = answers.into_iter().flat_map(|answer| [Read, Send(answer.into())]).collect();
    let gateway = Gateway::start(vec![gateway::Script::Http(steps)], Over::Tls13.config(false));
    let mut command = Command::new(example("shift"));
    let running =
        Running::start(command.args([&gateway.url(), &certificate_pem(), "154", "40038"]));
    running.says("   [2J ");
    assert!(!running.ends(), "the session is over");
}
