#!/usr/bin/env python3
"""Plays the whole story against a simulated agent gateway on this machine.

    demo.py --library FILE --simulator FILE --reject FILE      `make demo` names them

Two agents are on shift with one agw client: one signs in, both wait for events, a conference rings
and is rejected, they sign out. In between, the C program `reject` shows what goes
wrong in practice. Each step checks what it shows.
"""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / f"bindings/{name}/src") for name in ("python", "simulator")]

import agw
from agw import Status, _library
from agw_simulator import Simulator, SimulatorError

AGENT, MEMBER = "154", "155"
TIMEOUT_MS = 500
STALL_MS = 10000
RENEW_AFTER_S = "1"
COLOURS = {"time": "2", "good": "32", "bad": "31", "head": "1", "who": "36"}
PATIENCE_S = 10  # nothing here takes that long: whoever waits longer is stuck


class StepError(Exception):
    """A step did not come out as it should."""


def shortened(guid):
    """Whoever has a Guid is the agent: it does not belong on a screen."""
    return f"{guid[:8]}-..."


class Story:
    """What the steps share, and lines with the time since the start, and who does something."""

    def __init__(self, reject, stack):
        self.reject = reject
        self.stack = stack
        self.started = time.monotonic()
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.gateway = None
        self.client = None
        self.checks = 0

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

    def confirm(self, holds, what):
        if not holds:
            raise StepError(what)
        self.checks += 1

    def start_gateway(self):
        options = f"--quiet --agent {MEMBER} --poll-wait 0.2 --renew-after {RENEW_AFTER_S}"
        return self.stack.enter_context(Simulator(*options.split()))

    def ring(self):
        conf_id = self.gateway.ring(AGENT, MEMBER)
        self.say("platform", f"conference {conf_id} of agent {MEMBER} rings at agent {AGENT}")
        events = self.events(AGENT, "AgentConf_Ringing")
        self.confirm(events == [("AgentConf_Ringing", conf_id)],
                     f"events {events} for conference {conf_id}")

    def expect(self, status, retcode, call, *given, **options):
        """Makes a call of the client's, shows and checks what it came to."""
        try:
            answer = call(*given, **options)
            told = {} if answer is None else {"retcode": answer.retcode, "elapsed": answer.elapsed}
            outcome = agw.Outcome(Status.OK, **told)
        except agw.AgwError as error:
            outcome = error.outcome
        right = (outcome.status, outcome.retcode) == (status, retcode)
        sentence = _library.sentence(outcome.status)
        self.more("status", f"{outcome.status:d} {sentence}", "good" if right else "bad")
        if outcome.retcode:
            self.more("retcode", outcome.retcode)
        if outcome.detail:
            self.more("detail", outcome.detail)
        self.more("time", f"{outcome.elapsed * 1000:.1f} ms")
        self.confirm(right, f"expected {status} and retcode {retcode}, got {outcome}")

    def guid(self):
        """The newest one that the client keeps: the one call that shows it."""
        return self.client.session(AGENT).guid

    def run_reject(self, status, exit_code, *options, url=None, ca=None, agent=AGENT, guid=None):
        """Runs the C program, shows what it says, and checks what it came to. The Guid goes by the
        environment, where other users cannot see it."""
        trust = [] if "--pin" in options else ["--ca", ca or self.gateway.ca]
        where = ["--url", url or self.gateway.url, *trust, "--agent", agent]
        guid = guid or self.guid()
        done = subprocess.run([self.reject, *where, *options], check=False, timeout=PATIENCE_S,
                              env={**os.environ, "AGW_GUID": guid}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              encoding="utf-8", errors="replace")
        self.confirm(guid not in done.stdout, "the Guid is in the output of the C program")
        lines = [line for line in done.stdout.splitlines() if line and line[0] != " "]
        answer = {line[:8].strip(): line[9:].strip() for line in lines}
        self.confirm("status" in answer, f"the C program failed: {done}")
        right = answer["status"].endswith(f" {status}") and done.returncode == exit_code
        self.more("status", answer["status"], "good" if right else "bad")
        for label in ("retcode", "message", "detail", "http", "flags", "time"):
            if answer[label] != ("0" if label == "http" else "-"):
                self.more(label, answer[label])
        self.confirm(right, f"expected {status} and exit code {exit_code}, got {done}")
        return answer

    def events(self, agent, last):
        """Polls until the event `last`; shows and gives all that came, with their conferences."""
        came = []
        for _ in range(20):
            event = self.client.next_event(agent)
            if event is None:
                continue
            came.append((event.type, event.conf_id))
            words = " ".join(f"{key}={value}" for key, value in (event.content or {}).items())
            self.say(f"agent {agent}", f"event {event.type} {words}")
            if came[-1][0] == last:
                return came
        raise StepError(f"agent {agent} never got {last}, only {came}")


def gateway_up(story):
    story.gateway = gateway = story.start_gateway()
    story.say("gateway", f"up at {gateway.url}, with a private CA")
    story.client = story.stack.enter_context(agw.Client(gateway.url, ca=gateway.ca))
    story.say("agw", "agw_client_new: one client for both agents")


def sign_in(story):
    story.say(f"agent {AGENT}", f"agw_sign_in: PUT onlineagent/{AGENT}")
    story.expect(Status.OK, "0", story.client.sign_in, AGENT, phone="40038")
    guid = story.guid()
    story.confirm(guid.endswith(".AgentGateway1"), f"an odd Guid: {shortened(guid)}")
    story.say("agw", f"keeps the Guid {shortened(guid)} for agent {AGENT}")
    story.say(f"agent {MEMBER}", "agw_set_session: another program has signed it in")
    story.expect(Status.OK, "", story.client.set_session, MEMBER, story.gateway.guid(MEMBER))


def connect(story):
    story.say("reject", "the C program, --connect-only: would a call get through?")
    story.run_reject("AGW_OK", 0, "--connect-only")


def reject(story):
    story.ring()
    story.say(f"agent {AGENT}", "agw_reject_agent_conf, with the Guid that agw keeps")
    story.expect(Status.OK, "0", story.client.reject_agent_conf, AGENT)


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
    first = story.guid()
    for _ in range(20):
        story.client.next_event(AGENT)
        newest = story.guid()
        if newest != first:
            break
    story.confirm(newest != first, f"no new Guid came in 20 polls after {RENEW_AFTER_S} s")
    story.say("agw", f"a poll has brought a new Guid, {shortened(newest)}: kept")
    story.say(f"agent {AGENT}", "agw_reject_agent_conf, with the new one: known, but nothing rings")
    story.expect(Status.NO_CONFERENCE, "101-001", story.client.reject_agent_conf, AGENT)


def stale_guid(story):
    story.gateway.expire(AGENT)
    story.say("gateway", f"the Guids of agent {AGENT} expire")
    story.say("reject", "the C program, with the expired Guid")
    story.run_reject("AGW_E_SESSION", 4)
    story.say(f"agent {AGENT}", "agw_sign_in")
    story.expect(Status.GATEWAY, "100-002", story.client.sign_in, AGENT, phone="40038")
    story.say(f"agent {AGENT}", "agw_sign_in with AGW_SIGN_IN_FORCE: forcelogin follows")
    before = story.guid()
    story.expect(Status.OK, "0", story.client.sign_in, AGENT, phone="40038", force=True)
    story.confirm(story.guid() != before, "the old Guid is still kept")


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
        story.expect(Status.OK, "0", story.client.sign_out, agent)
    agents = story.gateway.agents
    there = [agent for agent in agents if agents[agent]["signedIn"]]
    story.confirm(there == [], f"still there: {there}")
    seen = story.gateway.requests
    story.say(f"agent {AGENT}", "agw_reject_agent_conf: no Guid is kept any more, nothing is sent")
    story.expect(Status.SESSION, "", story.client.reject_agent_conf, AGENT)
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


def play(reject):
    """Gives the last line. Whatever was started is stopped by then."""
    with contextlib.ExitStack() as stack:
        story = Story(reject, stack)
        print(f"agw {agw.library_version()} and a simulated agent gateway on this machine")
        for head, steps in STEPS:
            story.head(head)
            for step in steps:
                step(story)
    passed = f"demo: {story.checks} checks passed in {story.elapsed():.1f} s"
    return story.paint("good", passed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--library", "--simulator", "--reject"):
        parser.add_argument(name, required=True, metavar="FILE")
    arguments = parser.parse_args()
    os.environ.update(AGW_LIBRARY=arguments.library, AGW_SIMULATOR=arguments.simulator)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        last = play(arguments.reject)
    except KeyboardInterrupt:
        print("\ndemo: interrupted, everything is stopped", flush=True)
        return 130
    except (StepError, SimulatorError, agw.AgwError, OSError, subprocess.SubprocessError,
            ValueError, KeyError) as why:
        print(f"\ndemo: FAILED: {type(why).__name__}: {why}", flush=True)
        return 1
    print(f"\n{last}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
