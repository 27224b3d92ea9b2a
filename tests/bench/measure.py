"""Runs the driver and the tools around it, and makes medians of what they print."""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys

import servers
from build import CLIENTS, HERE

MAIN = ("1.3", "P-256")
STALE_WAYS = ("notify", "fin", "reset", "vanish", "race")
THREADS = (1, 2, 4, 8, 16, 64)
TIMEOUT = 120

# Who can wait for events, and what agw leaves between two polls that are answered at once.
POLLING = ("agw", "libcurl")
POLL_PAUSE_MS = 200

# Whether the kernel puts client and server on one core or on two changes from run to run, and a
# call's time with it, by a factor of five. So this is not left to it: beside the server, except
# where it says apart, or where there are many threads.
BESIDE = servers.on_core(servers.cores()[0])
APART = servers.on_core(servers.cores()[-1])


def folders(description):
    """What the command line names: where agw is installed, and where to build."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--stage", required=True, help="where agw is installed")
    parser.add_argument("--work", required=True, help="where to build, and to leave the results")
    arguments = parser.parse_args()
    return os.path.abspath(arguments.stage), os.path.abspath(arguments.work)


class Bench:
    """What was built, the server, how much to measure, and what came of it.

    `results[scenario][client]` is a dictionary of figures; `commands` says how agw's were
    had: the first of those that differ in a number alone.
    """

    def __init__(self, built, server, quick):
        self.built = built
        self.server = server
        self.quick = quick
        self.results = {}
        self.commands = {}

    def amount(self, full, quick):
        return quick if self.quick else full

    def driver(self, client, scenario, url, key, options):
        command = [self.built.driver, self.built.libraries(client), scenario, url,
                   self.server.ca(key)]
        return command + ["%s=%d" % option for option in options.items()]

    def note(self, scenario, client, figures, command):
        self.results.setdefault(scenario, {}).setdefault(client, {}).update(figures)
        line = re.sub(r"https://127.0.0.1:\d+", "URL", " ".join(command))
        line = re.sub(r"(^|[ ,=])/[^ ,]*/", r"\1", line)
        if client in (CLIENTS[0], "requests"):
            self.commands.setdefault(re.sub(r"=\d+", "", line), line)

    def rounds(self, name, count, commands):
        """Runs each client's command in turn, `count` times, and notes the medians."""
        seen = {client: [] for client in commands}
        clients = list(commands)
        for each in range(count):
            turn = each % len(clients)
            for client in clients[turn:] + clients[:turn]:
                seen[client].append(output_of(commands[client]))
        for client, command in commands.items():
            figures = medians(seen[client])
            if figures.get("errors"):
                print("bench: %s: errors with %s" % (name, client), file=sys.stderr)
            self.note(name, client, figures, command)

    def drive(self, name, count, scenario, url, key=MAIN[1], before=BESIDE, **options):
        self.rounds(name, count, {
            client: before + self.driver(client, scenario, url, key, options)
            for client in CLIENTS})


def output_of(command, environment=None):
    """The JSON that a command prints."""
    return json.loads(run(command, environment).stdout)


def run(command, environment=None):
    # What the user's environment says of proxies and certificates is none of the benches'.
    own = {name: value for name, value in os.environ.items()
           if not name.lower().endswith(("_proxy", "_ca_bundle"))}
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          timeout=TIMEOUT, env=dict(own, **(environment or {})))
    if done.returncode != 0:
        sys.exit("%s: %s" % (" ".join(command), done.stderr))
    return done


def medians(runs):
    """Of everything but errors: not one of them is to disappear."""
    return {figure: (max if figure == "errors" else statistics.median)(run[figure] for run in runs)
            for figure in runs[0]}


def name_of(kind, protocol, key):
    return "%s, TLS %s, %s" % (kind, protocol, key)


WARM, FULL, RESUMED = [name_of(kind, *MAIN) for kind in ("warm", "full", "resumed")]


def warm(bench):
    for protocol in servers.PROTOCOLS:
        for key in servers.KEYS:
            bench.drive(name_of("warm", protocol, key), bench.amount(7, 3), "calls",
                        bench.server.url(protocol, key, "kept"), key,
                        calls=bench.amount(3000, 1000), warmup=100)
    bench.drive("warm, apart", bench.amount(7, 3), "calls", bench.server.url(*MAIN, "kept"),
                before=APART, calls=bench.amount(3000, 1000), warmup=100)


def new_connections(bench):
    for protocol in servers.PROTOCOLS:
        for key in servers.KEYS:
            for kind, sessions in (("full", "none"), ("resumed", "resumed")):
                before = len(bench.server.sessions_noted(sessions))
                bench.drive(name_of(kind, protocol, key), bench.amount(5, 2), "calls",
                            bench.server.url(protocol, key, sessions), key,
                            calls=bench.amount(150, 50), warmup=5, new_connections=1)
                check_sessions(kind, bench.server.sessions_noted(sessions)[before:])


def check_sessions(kind, noted):
    """All but each process's first connection are resumed, or none is."""
    share = noted.count("r") / len(noted)
    as_wanted = share == 0 if kind == "full" else share > 0.9
    if not as_wanted:
        sys.exit("%d %% of the %s connections were resumed" % (share * 100, kind))


COUNTED = {"warm": ("kept", 200, {"warmup": 20}),
           "full": ("none", 20, {"warmup": 5, "new_connections": 1}),
           "resumed": ("resumed", 20, {"warmup": 5, "new_connections": 1})}


def counts(bench):
    """What does not depend on the machine's speed: it is counted once, not in rounds."""
    for kind in bench.amount(("warm", "full", "resumed"), ("warm", "full")):
        for client in CLIENTS:
            count(bench, kind, client)


def count(bench, kind, client):
    sessions, calls, options = COUNTED[kind]
    url = bench.server.url(*MAIN, sessions)

    def command(times):
        return bench.driver(client, "calls", url, MAIN[1], dict(options, calls=times))
    name = name_of(kind, *MAIN)
    count_instructions(bench, name, client, command(calls), calls)
    count_system_calls(bench, name, client, command, calls)
    count_heap(bench, name, client, command(calls), 1, ("allocations", "allocated_bytes"))


def count_instructions(bench, name, client, command, calls):
    """The driver switches the counting on and off around the measured calls."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
               "--instr-atstart=no", *command]
    collected = re.search(r"Collected *: *(\d+)", run(command).stderr)
    bench.note(name, client, {"instructions": int(collected.group(1)) / calls}, command)


def count_system_calls(bench, name, client, command, calls):
    """The difference of two runs, in which what surrounds the calls cancels out."""
    log = os.path.join(bench.server.folder, "strace.log")
    strace = ["strace", "-f", "-c", "-o", log]
    once, twice = [system_calls(log, strace + command(times)) for times in (calls, 2 * calls)]
    each = {call: (twice[call] - once.get(call, 0)) / calls for call in twice}
    each = {call: round(count, 2) for call, count in each.items() if count >= 0.01}
    figures = {"system_calls": sum(each.values()), "system_calls_by_name": each}
    bench.note(name, client, figures, strace + command(calls))


def system_calls(log, command):
    run(command)
    counted = {}
    with open(log) as file:
        for line in file:
            words = line.split()
            if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
                counted[words[-1]] = int(words[3])
    return counted


def count_heap(bench, name, client, command, times, figures):
    counted = output_of(command, {"LD_PRELOAD": bench.built.allocations})
    bench.note(name, client, {figure: counted[figure] / times for figure in figures},
               ["LD_PRELOAD=allocations.so", *command])


def first_call(bench):
    bench.drive("first", bench.amount(31, 9), "first", bench.server.url(*MAIN, "kept"))


def ready(bench):
    bench.drive("ready", bench.amount(3, 1), "ready", bench.server.url(*MAIN, "idle"),
                clients=bench.amount(60, 30), pause_ms=1500)


def stale(bench):
    for way in STALE_WAYS:
        with servers.rude_server(bench.server.folder, way) as url:
            bench.drive("stale, " + way, 1, "stale", url, clients=200, pause_ms=100)


def threads(bench):
    """Against a worker for each core: one alone would be the bottleneck."""
    with servers.nginx(bench.server.folder, max(2, len(servers.cores()))) as server:
        for count in THREADS:
            bench.drive("threads, %d" % count, bench.amount(5, 2), "calls",
                        server.url(*MAIN, "kept"), before=[], calls=bench.amount(6400, 3200),
                        warmup=20, threads=count)


def agents(bench):
    for count in (1, 100, 10000):
        bench.drive("agents, %d" % count, bench.amount(3, 1), "calls",
                    bench.server.url(*MAIN, "kept"), calls=max(count, 3000), warmup=20,
                    agents=count)


def polls(bench):
    for count in (1, 100, 1000):
        options = {"agents": count, "calls": bench.amount(10, 3), "pause_ms": POLL_PAUSE_MS}
        url = bench.server.url(*MAIN, "kept")
        bench.rounds("polls, %d" % count, bench.amount(3, 1), {
            client: BESIDE + bench.driver(client, "polls", url, MAIN[1], options)
            for client in POLLING})


def clients(bench):
    url = bench.server.url(*MAIN, "kept")
    for count, rounds in ((1, 5), (100, 3), (bench.amount(10000, 1000), 1)):
        bench.drive("clients, %d" % count, rounds, "clients", url, clients=count, calls=0)
    for count in (64, 512):
        bench.drive("connections, %d" % count, bench.amount(3, 1), "clients", url, clients=count,
                    calls=1)
    for client in CLIENTS:
        count_memory(bench, client)


def count_memory(bench, client):
    url = bench.server.url(*MAIN, "kept")
    command = bench.driver(client, "clients", url, MAIN[1], {"clients": 512, "calls": 1})
    count_heap(bench, "connections, 512", client, command, 512, ("client_heap", "connection_heap"))


def python(bench):
    script = os.path.join(HERE, "python_calls.py")
    bench.rounds("python", bench.amount(5, 2), {
        how: [*BESIDE, "env", "AGW_LIBRARY=" + bench.built.agw, bench.built.python, script, how,
              bench.server.url(*MAIN, "kept"), bench.server.ca(MAIN[1]),
              str(bench.amount(500, 300))]
        for how in ("agw", "awaited", "requests")})


def csharp(bench):
    """Beside the same calls from C, in the same run."""
    url, calls = bench.server.url(*MAIN, "kept"), bench.amount(3000, 1000)
    driver = bench.driver(CLIENTS[0], "calls", url, MAIN[1], {"calls": calls, "warmup": 100})
    bench.rounds("csharp", bench.amount(5, 2), {
        "agw": [*BESIDE, "env", "LD_LIBRARY_PATH=" + os.path.dirname(bench.built.agw), "mono",
                bench.built.csharp, url, bench.server.ca(MAIN[1]), str(calls)],
        "C": [*BESIDE, *driver]})


ALL = (warm, new_connections, first_call, ready, threads, agents, polls, clients, python, csharp,
       stale, counts)
