#!/usr/bin/env python3
"""Plays the whole story against a simulated agent gateway on this machine.

    python3 tests/demo.py

Two agents are on shift with one agw client, called by ctypes: one signs in, both wait for events, a
conference rings and is rejected, they sign out. In between, the C program `reject` shows what goes
wrong in practice. Each step checks what it shows.
"""

import argparse
import contextlib
import ctypes
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / f"bindings/{name}/src") for name in ("python", "simulator")]

from agw import _abi as abi
from agw._abi import Status
from agw_simulator import Simulator, SimulatorError

WINDOWS = platform.system() == "Windows"
LIBRARY = {"Windows": "agw.dll", "Darwin": "libagw.dylib"}.get(platform.system(), "libagw.so")
RUNTIME_NAME = {"Linux": "libagw.so.1"}.get(platform.system(), LIBRARY)
SUFFIX = ".exe" if WINDOWS else ""

AGENT, MEMBER = "154", "155"
TIMEOUT_MS = 500
STALL_MS = 10000
RENEW_AFTER_S = "1"
PATIENCE_S = 10  # nothing here takes that long: whoever waits longer is stuck


class StepError(Exception):
    """A step did not come out as it should."""


def check(holds, what):
    if not holds:
        raise StepError(what)


# --- Showing -----------------------------------------------------------------------------------


COLOURS = {"time": "2", "good": "32", "bad": "31", "head": "1", "who": "36"}


class Timeline:
    """Lines with the time since the start, and who does something."""

    def __init__(self):
        self.started = time.monotonic()
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def paint(self, kind, text):
        return f"\x1b[{COLOURS[kind]}m{text}\x1b[0m" if self.colour else text

    def elapsed(self):
        return time.monotonic() - self.started

    def head(self, text):
        print(f"\n{self.paint('head', text)}", flush=True)

    def say(self, who, text):
        stamp = self.paint("time", f"+{self.elapsed():.3f} s")
        self._print(f"{stamp}  {self.paint('who', f'{who:<9}')}  ", text)

    def more(self, label, text, kind=None):
        """What belongs to the line above."""
        self._print(f"{'':21}{label:<8} ", text, " " * 30, kind)

    def _print(self, start, text, next_start=" " * 21, kind=None):
        """Long texts go on below; colours do not count for the width."""
        for line in textwrap.wrap(str(text), 96, break_on_hyphens=False):
            print(start + (self.paint(kind, line) if kind else line), flush=True)
            start = next_start


def shortened(guid):
    """Whoever has a Guid is the agent: it does not belong on a screen."""
    return f"{guid[:8]}-..."


# --- The library -------------------------------------------------------------------------------


class Reject:
    """The C program, told where the library is, and its answer taken apart."""

    def __init__(self, program, library, folder):
        try:
            os.symlink(library, Path(folder) / RUNTIME_NAME)
        except OSError:  # Windows does not let everybody
            shutil.copy(library, Path(folder) / RUNTIME_NAME)
        self.program = program
        self.environment = dict(os.environ)
        for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH"):
            others = [os.environ[name]] if os.environ.get(name) else []
            self.environment[name] = os.pathsep.join([folder, *others])

    def __call__(self, *options, guid):
        """Runs it; the Guid goes by the environment, where other users cannot see it."""
        done = subprocess.run(
            [self.program, *options],
            env={**self.environment, "AGW_GUID": guid},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE_S,
            check=False,
        )
        check(guid not in done.stdout, "the Guid is in the output of the C program")
        lines = [line for line in done.stdout.splitlines() if line and line[0] != " "]
        answer = {line[:8].strip(): line[9:].strip() for line in lines}
        check("status" in answer, f"the C program failed ({done.returncode}): {done.stdout}")
        answer["exit code"] = done.returncode
        return answer


def new(struct, **fields):
    """Zeroed, with its size, as agw wants it."""
    return struct(struct_size=ctypes.sizeof(struct), **fields)


def load(library):
    """The library with the types of what is called here."""
    agw = ctypes.CDLL(str(library))
    abi.declare(agw)
    return agw


class Client:
    """A client of agw: what a host in another language does. Each call gives agw_result."""

    def __init__(self, agw, gateway):
        options = new(
            abi.ClientOptions,
            base_url=gateway.url.encode(),
            tls_trust=abi.Trust.CA,
            ca=gateway.ca.encode(),
        )
        self.agw = agw
        self.handle = ctypes.c_void_p()
        result = new(abi.Result)
        status = agw.agw_client_new(options, self.handle, result)
        check(status == Status.OK, f"no client: {result.detail.decode()}")

    def sign_in(self, agent, phone, flags=0):
        options = new(abi.SignInOptions, flags=flags, agent_id=agent.encode(), phone=phone.encode())
        return self._call(self.agw.agw_sign_in, options)

    def next_event(self, agent):
        """The event as well; its type is empty if nothing happened."""
        event = new(abi.Event)
        return event, self._call(self.agw.agw_next_event, agent.encode(), event)

    def reject(self, agent):
        """With the Guid that the client keeps."""
        return self._call(self.agw.agw_reject_agent_conf, agent.encode(), None)

    def sign_out(self, agent):
        return self._call(self.agw.agw_sign_out, agent.encode())

    def take(self, agent, guid):
        return self._call(self.agw.agw_set_session, agent.encode(), guid.encode(), None)

    def guid(self, agent):
        """The newest one that the client keeps: the one call that shows it."""
        session = new(abi.Session)
        result = self._call(self.agw.agw_get_session, agent.encode(), session)
        check(result.status == Status.OK, f"no session of {agent}: {result.detail.decode()}")
        return session.guid.decode()

    def free(self):
        self.agw.agw_free(self.handle)

    def _call(self, function, *arguments):
        result = new(abi.Result)
        function(self.handle, *arguments, result)
        return result


# --- The story ---------------------------------------------------------------------------------


class Story:
    """What the steps share."""

    def __init__(self, arguments, stack):
        self.arguments = arguments
        self.stack = stack
        self.timeline = Timeline()
        self.agw = load(arguments.library)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        self.reject = Reject(arguments.reject, arguments.library, folder)
        self.gateway = None
        self.client = None
        self.checks = 0

    def say(self, who, text):
        self.timeline.say(who, text)

    def confirm(self, holds, what):
        check(holds, what)
        self.checks += 1

    def start_gateway(self):
        options = f"--quiet --agent {MEMBER} --poll-wait 0.2 --renew-after {RENEW_AFTER_S}"
        return self.stack.enter_context(Simulator(*options.split()))

    def ring(self):
        conf_id = self.gateway.ring(AGENT, MEMBER)
        self.say("platform", f"conference {conf_id} of agent {MEMBER} rings at agent {AGENT}")
        events = self.events(AGENT, "AgentConf_Ringing")
        self.confirm(
            events == [("AgentConf_Ringing", conf_id)], f"events {events} for conference {conf_id}"
        )

    def expect(self, result, status, retcode):
        """Shows and checks what a call of agw's came to."""
        right = (result.status, result.retcode.decode()) == (status, retcode)
        sentence = self.agw.agw_strerror(result.status).decode()
        self.timeline.more("status", f"{result.status} {sentence}", "good" if right else "bad")
        if result.retcode:
            self.timeline.more("retcode", result.retcode.decode())
        if result.detail:
            self.timeline.more("detail", result.detail.decode())
        self.timeline.more("time", f"{result.elapsed_us / 1000:.1f} ms")
        self.confirm(right, f"expected {status} and retcode {retcode}, got {result.status}")

    def run_reject(self, status, exit_code, *options, url=None, ca=None, agent=AGENT, guid=None):
        """Runs the C program, shows what it says, and checks what it came to."""
        trust = [] if "--pin" in options else ["--ca", ca or self.gateway.ca]
        where = ["--url", url or self.gateway.url, *trust, "--agent", agent]
        answer = self.reject(*where, *options, guid=guid or self.client.guid(AGENT))
        right = answer["status"].endswith(f" {status}") and answer["exit code"] == exit_code
        self.timeline.more("status", answer["status"], "good" if right else "bad")
        for label in ("retcode", "message", "detail", "http", "flags", "time"):
            if answer[label] != ("0" if label == "http" else "-"):
                self.timeline.more(label, answer[label])
        self.confirm(right, f"expected {status} and exit code {exit_code}, got {answer}")
        return answer

    def next_event(self, agent):
        event, result = self.client.next_event(agent)
        check(result.status == Status.OK, f"polling for {agent}: {result.detail.decode()}")
        return event

    def events(self, agent, last):
        """Polls until the event `last`; shows and gives all that came, with their conferences."""
        came = []
        for _ in range(20):
            event = self.next_event(agent)
            if not event.type:
                continue
            came.append((event.type.decode(), event.conf_id))
            content = json.loads(event.content or b"{}")
            words = " ".join(f"{key}={value}" for key, value in content.items())
            self.say(f"agent {agent}", f"event {event.type.decode()} {words}")
            if came[-1][0] == last:
                return came
        raise StepError(f"agent {agent} never got {last}, only {came}")


def gateway_up(story):
    story.gateway = gateway = story.start_gateway()
    story.say("gateway", f"up at {gateway.url}, with a private CA")
    story.client = client = Client(story.agw, gateway)
    story.stack.callback(client.free)
    story.say("agw", "agw_client_new: one client for both agents")


def sign_in(story):
    story.say(f"agent {AGENT}", f"agw_sign_in: PUT onlineagent/{AGENT}")
    story.expect(story.client.sign_in(AGENT, "40038"), Status.OK, "0")
    guid = story.client.guid(AGENT)
    story.confirm(guid.endswith(".AgentGateway1"), f"an odd Guid: {shortened(guid)}")
    story.say("agw", f"keeps the Guid {shortened(guid)} for agent {AGENT}")
    story.say(f"agent {MEMBER}", "agw_set_session: another program has signed it in")
    story.expect(story.client.take(MEMBER, story.gateway.guid(MEMBER)), Status.OK, "")


def connect(story):
    story.say("reject", "the C program, --connect-only: would a call get through?")
    story.run_reject("AGW_OK", 0, "--connect-only")


def reject(story):
    story.ring()
    story.say(f"agent {AGENT}", "agw_reject_agent_conf, with the Guid that agw keeps")
    story.expect(story.client.reject(AGENT), Status.OK, "0")


def outcome(story):
    names = [name for name, _ in story.events(AGENT, "AgentState_Ready")]
    story.confirm(names == ["AgentOther_PhoneRelease", "AgentState_Ready"], f"events {names}")
    names = [name for name, _ in story.events(MEMBER, "AgentConf_ParticipantChanged")]
    story.confirm(names == ["AgentConf_ParticipantChanged"], f"events {names}")


def too_late(story):
    story.say("reject", "the C program, but nothing rings any more")
    answer = story.run_reject("AGW_E_NO_CONFERENCE", 3)
    story.confirm(answer["retcode"] == "101-001", f"retcode {answer['retcode']}")


def renewed_guid(story):
    first = story.client.guid(AGENT)
    for _ in range(20):
        story.next_event(AGENT)
        newest = story.client.guid(AGENT)
        if newest != first:
            break
    story.confirm(newest != first, f"no new Guid came in 20 polls after {RENEW_AFTER_S} s")
    story.say("agw", f"a poll has brought a new Guid, {shortened(newest)}: kept")
    story.say(f"agent {AGENT}", "agw_reject_agent_conf, with the new one: known, but nothing rings")
    story.expect(story.client.reject(AGENT), Status.NO_CONFERENCE, "101-001")


def stale_guid(story):
    story.gateway.expire(AGENT)
    story.say("gateway", f"the Guids of agent {AGENT} expire")
    story.say("reject", "the C program, with the expired Guid")
    story.run_reject("AGW_E_SESSION", 4)
    story.say(f"agent {AGENT}", "agw_sign_in")
    story.expect(story.client.sign_in(AGENT, "40038"), Status.GATEWAY, "100-002")
    story.say(f"agent {AGENT}", "agw_sign_in with AGW_SIGN_IN_FORCE: forcelogin follows")
    before = story.client.guid(AGENT)
    story.expect(story.client.sign_in(AGENT, "40038", abi.SignInFlag.FORCE), Status.OK, "0")
    story.confirm(story.client.guid(AGENT) != before, "the old Guid is still kept")


def stranger(story):
    other = story.start_gateway()
    other.ring(MEMBER)
    story.say("stranger", f"another gateway at {other.url}, with another CA; agent {MEMBER} rings")
    story.say("reject", "trusts the first gateway's CA only")
    call = {"url": other.url, "ca": story.gateway.ca, "agent": MEMBER, "guid": other.guid(MEMBER)}
    answer = story.run_reject("AGW_E_TLS", 6, **call)
    found = re.search(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", answer["detail"])
    story.confirm(found, f"no fingerprint in: {answer['detail']}")
    story.confirm(len(other.requests) == 0, "the Guid went to a gateway that is not trusted")
    story.say("stranger", "has seen no request, and so no Guid")
    story.say("reject", f"--pin {found[0][:11]}...: once compared by telephone, it will do")
    story.run_reject("AGW_OK", 0, "--pin", found[0], **call)
    story.confirm(len(other.requests) == 1, "the second gateway did not see exactly one request")


def stalled(story):
    story.ring()
    story.gateway.answer_with(AGENT, delay=STALL_MS / 1000)
    story.say("gateway", f"will take {STALL_MS} ms for its next answer")
    story.say("reject", f"--timeout {TIMEOUT_MS}")
    answer = story.run_reject("AGW_E_TIMEOUT", 6, "--timeout", str(TIMEOUT_MS))
    taken = float(answer["time"].split()[0])
    story.confirm(TIMEOUT_MS <= taken < STALL_MS, f"{taken} ms instead of {TIMEOUT_MS}")
    story.confirm("maybe sent" in answer["flags"], f"flags {answer['flags']}")
    story.say("reject", f"{TIMEOUT_MS} ms wanted, {taken} ms taken; maybe sent, and indeed:")
    story.events(AGENT, "AgentState_Ready")


def sign_out(story):
    for agent in (AGENT, MEMBER):
        story.say(f"agent {agent}", f"agw_sign_out: DELETE onlineagent/{agent}/logout")
        story.expect(story.client.sign_out(agent), Status.OK, "0")
    agents = story.gateway.agents
    there = [agent for agent in agents if agents[agent]["signedIn"]]
    story.confirm(there == [], f"still there: {there}")
    seen = story.gateway.requests
    story.say(f"agent {AGENT}", "agw_reject_agent_conf: no Guid is kept any more, nothing is sent")
    story.expect(story.client.reject(AGENT), Status.SESSION, "")
    story.confirm(story.gateway.requests == seen, "a request went out without a session")


STEPS = [
    ("A conference rings and is rejected", [gateway_up, sign_in, connect, reject, outcome]),
    ("Too late", [too_late]),
    ("A new Guid", [renewed_guid]),
    ("A stale Guid", [stale_guid]),
    ("A certificate that is not trusted", [stranger]),
    ("A gateway that does not answer", [stalled]),
    ("The end of the shift", [sign_out]),
]


def play(arguments):
    """Gives the last line. Whatever was started is stopped by then."""
    with contextlib.ExitStack() as stack:
        story = Story(arguments, stack)
        version = story.agw.agw_version().decode()
        print(f"agw {version} and a simulated agent gateway on this machine")
        for head, steps in STEPS:
            story.timeline.head(head)
            for step in steps:
                step(story)
    elapsed = story.timeline.elapsed()
    return story.timeline.paint("good", f"demo: {story.checks} checks passed in {elapsed:.1f} s")


def existing(path):
    """An absolute path: Popen looks for others in PATH."""
    found = Path(path).resolve()
    if not found.is_file():
        raise argparse.ArgumentTypeError(f"no file {path}; build it first")
    return str(found)


def read_arguments():
    target = ROOT / "target" / "debug"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (
        ("--library", target / LIBRARY),
        ("--simulator", target / "examples" / f"simulator{SUFFIX}"),
        ("--reject", target / f"reject{SUFFIX}"),
    ):
        parser.add_argument(name, type=existing, default=str(default), metavar="FILE")
    return parser.parse_args()


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main():
    arguments = read_arguments()
    os.environ["AGW_SIMULATOR"] = arguments.simulator
    signal.signal(signal.SIGTERM, interrupt)
    try:
        last = play(arguments)
    except KeyboardInterrupt:
        print("\ndemo: interrupted, everything is stopped", flush=True)
        return 130
    except (StepError, SimulatorError) as why:
        print(f"\ndemo: FAILED: {why}", flush=True)
        return 1
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as why:
        print(f"\ndemo: FAILED: {type(why).__name__}: {why}", flush=True)
        return 1
    print(f"\n{last}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
