"""From click to answer on networks as they are: see `make field` and README.md.

    run.py --stage FOLDER --work FOLDER [--only WORDS] [--delay 0 50 200] [--lanes 2] [--each]
"""

import argparse
import collections
import concurrent.futures
import contextlib
import itertools
import os
import queue
import signal
import statistics
import subprocess
import sys
import time

import network
from network import CLOSES, GOOD, NAGLE, NOBODY, SILENT, TWO

DELAYS = (0, 50, 200)  # a round trip, in milliseconds

AGW_RESULT_RESENT = 2

# How long it takes at most, and what it has in its flags.
Bound = collections.namedtuple("Bound", "round_trips ms flags", defaults=[0])

# What a busy machine may add to any of them. A second round trip, the 40 ms of a delayed
# acknowledgement, or a time-out it may not.
SLACK_MS = 20
ROUNDS = 3

# agw_connect waits up to 20 ms for what the gateway has to say after the handshake.
COLD, READY, AT_ONCE, KEPT = Bound(3, 5), Bound(2, 25), Bound(0, 1), Bound(1, 1)
# Under Nagle's rule the answer waits until the session tickets before it are acknowledged, or its
# body until its head is. That is one round trip which no client can spare; the 40 ms of a delayed
# acknowledgement it can.
NAGLE_COLD, NAGLE_READY = Bound(4, 5), Bound(2, 5)
# A kept connection proves dead: the request goes out once more.
DEAD = Bound(3, 2000, AGW_RESULT_RESENT)
LATE = Bound(1, 1000)

# What happens, where is dialled, what precedes the click, and what must then hold: of a click
# without agw_connect, of agw_connect, and of a click after it.
State = collections.namedtuple("State", "name route before click connect click_after")
STATES = [
    State("nothing yet", [GOOD], "", COLD, READY, KEPT),
    State("a call just before", [GOOD], "call", KEPT, AT_ONCE, KEPT),
    State("asleep for 40 s, flow forgotten", [GOOD], "call forget sleep-40", COLD, READY, KEPT),
    State("asleep for 20 s, flow forgotten", [GOOD], "call forget sleep-20", DEAD, READY, KEPT),
    State("a new address", [GOOD], "call wait move", DEAD, READY, KEPT),
    State("a forgotten flow", [GOOD], "call wait forget", DEAD, READY, KEPT),
    State("every packet lost for 0.25 s", [GOOD], "call interrupt", LATE, AT_ONCE, LATE),
    State("first address of a name dead", TWO, "", Bound(3, 250), Bound(2, 275), KEPT),
    State("first address of a name dead, again", TWO, "call sleep-40", COLD, READY, KEPT),
    State("first of connect_to dead", [NOBODY, GOOD], "", Bound(3, 250), Bound(2, 275), KEPT),
    State("first of connect_to dead, again", [NOBODY, GOOD], "call sleep-40", COLD, READY, KEPT),
    State("first takes TCP, then nothing", [SILENT, GOOD], "",
          Bound(3, 1500), Bound(2, 1525), KEPT),
    State("first takes TCP, then closes", [CLOSES, GOOD], "", Bound(5, 5), Bound(4, 25), KEPT),
    State("Nagle's rule, no TCP_NODELAY", [NAGLE], "", NAGLE_COLD, READY, NAGLE_READY),
    State("Nagle's rule, a call just before", [NAGLE], "call", NAGLE_READY, AT_ONCE, NAGLE_READY),
]

Answer = collections.namedtuple("Answer", "status flags ms words copies")
numbers = itertools.count(1)


class Caller:
    """caller.c in the client's namespace, with agw or libcurl."""

    def __init__(self, net, client, route):
        if net.closed:
            raise network.NetworkError("ended")
        host = route if isinstance(route, str) else network.CERTIFIED
        command = [net.built.caller, client, "https://%s:%d" % (host, network.PORT),
                   net.built.certificate, "" if host == route else dialled(client, route)]
        self.net, self.interruption = net, None
        self.program = subprocess.Popen(["ip", "netns", "exec", net.client, *command], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.interruption:
            self.interruption.join()
        network.ended(self.program)

    def asked(self, line):
        self.program.stdin.write(line + "\n")
        self.program.stdin.flush()
        status, flags, microseconds, *words = (self.program.stdout.readline()
                                               or "-1 0 0 it crashed, or hung").split(maxsplit=3)
        return Answer(int(status), int(flags), int(microseconds) / 1000, " ".join(words).strip(),
                      None)

    def clicked(self):
        guid = "field-%d" % next(numbers)
        return self.asked("click " + guid)._replace(copies=self.net.requests(guid))

    def passed(self, step):
        """Lets happen what precedes the click; gives a call's answer."""
        word, _, number = step.partition("-")
        if word == "call":
            return self.clicked()
        if word == "wait":
            time.sleep(2.1)  # agw_connect does not vouch for what it has not seen for two seconds
        elif word == "sleep":
            self.asked("suspend " + number)
        elif word == "interrupt":
            self.interruption = self.net.interrupt(0.25)
        else:
            getattr(self.net, word)()
        return None


def dialled(client, addresses):
    if client == "agw":
        return ",".join("%s:%d" % (each, network.PORT) for each in addresses)
    return "%s:%d:%s" % (network.CERTIFIED, network.PORT, ",".join(addresses))


def good(answer):
    """Answered, and asked for once."""
    return answer.status == 0 and answer.copies in (None, 1)


def trial(net, client, state, connect=False):
    """The state, once: what agw_connect and the click came to."""
    with Caller(net, client, state.route) as caller:
        for step in state.before.split():
            if (answer := caller.passed(step)) and not good(answer):
                return answer, answer
        ready = caller.asked("connect") if connect else None
        answers = ready, caller.clicked()
    if net.built.each:
        print("%s, %s, %d ms: %s" % (state.name, client, net.round_trip, answers), file=sys.stderr)
    return answers


class Column:
    """What came of the same thing some times over, against its bound."""

    def __init__(self, answers, bound, round_trip):
        self.bad = next((each for each in answers
                         if not good(each) or each.flags != bound.flags), None)
        self.ms = statistics.median(each.ms for each in answers)
        self.limit = bound.round_trips * round_trip + bound.ms + SLACK_MS
        self.met = not self.bad and self.ms <= self.limit

    def cell(self, delay, base):
        if self.bad:
            return "**%.0f, status %d**" % (self.bad.ms, self.bad.status)
        shown = "%.*f" % (1 if self.ms < 100 else 0, self.ms)
        if not delay or base is None or base.bad:
            return shown
        return "%s (%.1f)" % (shown, max(self.ms - base.ms, 0) / delay)

    def story(self):
        text = "%.1f ms, %.1f at most" % (self.ms, self.limit)
        if self.bad:
            text += ", status %d, flags %d, request seen %s times: %s" % (
                self.bad.status, self.bad.flags, self.bad.copies, self.bad.words)
        return text


def measured(net, client, state, connect=False):
    """Some trials; again where only the time was missed, for the machine may have been busy."""
    bounds = (state.connect, state.click_after) if connect else (None, state.click)
    if client == "libcurl":
        bounds = (None, state.click._replace(flags=0))
    slow = "wait" in state.before or state.click.ms > 100
    for _ in range(ROUNDS if client == "agw" else 1):
        trials = []
        for _ in range(1 if slow else 3):
            trials.append(trial(net, client, state, connect))
            if not all(good(each) for each in trials[-1] if each):
                break
        columns = [bound and Column([each[place] for each in trials], bound, net.measured)
                   for place, bound in enumerate(bounds)]
        if all(column is None or column.met or column.bad for column in columns):
            break
    return columns


def measure(net, state):
    """A line of the table, at this network's delay."""
    _, click = measured(net, "agw", state)
    connect, click_after = measured(net, "agw", state, connect=True)
    _, other = measured(net, "libcurl", state)
    return {"libcurl": other, "click": click, "connect": connect, "click_after": click_after}


def calibrate(net):
    """The round trip as it is: what the bounds are counted in."""
    with Caller(net, "agw", [GOOD]) as caller:
        times = [caller.asked("tcp %s %d" % (GOOD, network.PORT)).ms for _ in range(7)]
        while min(times) > net.round_trip + 10 and len(times) < 50:
            times.append(caller.asked("tcp %s %d" % (GOOD, network.PORT)).ms)
    net.measured = min(times)
    if not net.round_trip <= net.measured <= net.round_trip + 10:
        raise network.NetworkError("a round trip of %d ms takes %.1f" % (
            net.round_trip, net.measured))


def prove(net):
    """That a bound can be missed: agw_connect is left out where it is needed."""
    state = next(each for each in STATES if each.name == "a forgotten flow")
    _, click = trial(net, "agw", state)
    if Column([click], state.click_after, net.measured).met:
        raise network.NetworkError("on a dead connection a click took %.1f ms" % click.ms)


def run(how, lanes, delays, states, built):
    """Every state at every delay, some at a time, each on a network of its own lane."""
    results = {state.name: {} for state in states}
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(lanes * len(delays) + 1))
        work = []
        for delay in delays:
            waiting = queue.SimpleQueue()
            for state in states:
                waiting.put(state)
            for lane in range(lanes):
                net = network.Network(how, "%d-%d" % (delay, lane), delay, built)
                calibrate(stack.enter_context(contextlib.closing(net)))
                work.append(pool.submit(work_through, net, waiting, results))
        net = network.Network(how, "proof", 0, built)
        calibrate(stack.enter_context(contextlib.closing(net)))
        work.append(pool.submit(prove, net))
        for each in concurrent.futures.as_completed(work):
            each.result()
    return results


def work_through(net, waiting, results):
    with contextlib.suppress(queue.Empty):
        while True:
            state = waiting.get_nowait()
            results[state.name][net.round_trip] = measure(net, state)


LINES = [("%s: click", "click", True), ("%s: agw_connect", "connect", False),
         ("%s: agw_connect, click", "click_after", False)]


def table(states, delays, results):
    """As Markdown: milliseconds, and in brackets the round trips that the delay has made of it."""
    at = ", ".join("%d" % delay for delay in delays)
    yield "| ms (round trips) at a delay of %s ms | libcurl | agw | to reach |" % at
    yield "|---|---|---|---|"
    for state in states:
        for name, column, others in LINES:
            bound = getattr(state, column)
            yield "| %s | %s | %s | %d RTT + %d ms |" % (
                name % state.name,
                cells(results[state.name], "libcurl", delays) if others else "",
                cells(results[state.name], column, delays), bound.round_trips, bound.ms)


def cells(result, column, delays):
    base = result[0][column] if 0 in result else None
    return " / ".join(result[delay][column].cell(delay, base) for delay in delays)


def missed(states, delays, results):
    for state, (name, column, _), delay in itertools.product(states, LINES, delays):
        found = results[state.name][delay][column]
        if not found.met:
            yield "%s, at %d ms: %s" % (name % state.name, delay, found.story())


Built = collections.namedtuple("Built", "folder each caller certificate key")


def build(work, stage, each):
    built = Built(work, each, *(os.path.join(work, name) for name in (
        "caller", "certificate.pem", "key.pem")))
    os.makedirs(work, exist_ok=True)
    compiler = [os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]
    lib = os.path.join(stage, "lib")
    sources = [os.path.join(network.HERE, name) for name in ("caller.c", "suspend.c")]
    subprocess.run([*compiler, "-I" + os.path.join(stage, "include"), "-o", built.caller, *sources,
                    "-L" + lib, "-lagw", "-Wl,-rpath," + lib, "-lcurl"], check=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=field",
                    "-addext", "basicConstraints=critical,CA:FALSE", "-addext",
                    "subjectAltName=DNS:%s,DNS:%s" % (network.CERTIFIED, TWO),
                    "-keyout", built.key, "-out", built.certificate],
                   check=True, capture_output=True)
    return built


def skipped(why):
    print("field: SKIPPED, nothing was tested: %s" % why)
    return 1 if os.environ.get("CI") else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--stage", required=True, help="where agw is installed")
    parser.add_argument("--work", required=True, help="where to build")
    parser.add_argument("--only", default="", help="states with these words in their name")
    parser.add_argument("--delay", type=int, nargs="*", default=DELAYS)
    parser.add_argument("--lanes", type=int, default=2, help="how many networks for each delay")
    parser.add_argument("--each", action="store_true", help="say what came of each trial")
    arguments = parser.parse_args()
    states = [state for state in STATES if arguments.only in state.name]
    if not states:
        parser.error("no state is called so")
    if os.geteuid() != 0:
        return skipped("only root can make network namespaces")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    subprocess.run([os.path.join(network.HERE, "..", "tools.sh"), "ip iproute2",
                    "curl-config libcurl4-openssl-dev"], check=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("field: ended"))
    try:
        how = network.kind()
    except network.NetworkError as why:
        return skipped(why)
    built = build(os.path.abspath(arguments.work), os.path.abspath(arguments.stage),
                  arguments.each)
    with contextlib.suppress(PermissionError):
        # What else the machine does should not be what is measured.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    begun = time.monotonic()
    try:
        results = run(how, arguments.lanes, arguments.delay, states, built)
    except network.NetworkError as why:
        sys.exit("field: %s" % why)
    print("\n".join(table(states, arguments.delay, results)))
    print("field: %d states, %s, %d s" % (len(states), how, time.monotonic() - begun))
    misses = list(missed(states, arguments.delay, results))
    for miss in misses:
        print("field: MISSED: " + miss)
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
