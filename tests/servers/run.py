"""agw with the servers that gateways are built on or stand behind: see `make test-servers`.

    run.py --work FOLDER     with the package agw on PYTHONPATH, AGW_LIBRARY set

Each case of cases.py is judged by what the library said and by what the server's access log has.
"""

import argparse
import collections
import concurrent.futures
import faulthandler
import hashlib
import itertools
import os
import re
import shutil
import signal
import ssl
import sys
import time

import agw
import cases
import servers
from agw import Status

AGENT = 154
# agw_connect waits so long for what a gateway says of a client certificate under TLS 1.3.
VERDICT_S = 0.5
ROUNDS = 3
# All of it takes half a minute. Whatever hangs ends then, and the servers with it.
HANGS_S = 240

# What the library said of one step.
Said = collections.namedtuple("Said", "step guid status http maybe_sent resent seconds text")
numbers = itertools.count(1)


def with_ports(text, running):
    return re.sub(r"@(\w+)@", lambda found: str(running.ports[found.group(1)]), text)


def options_of(case, running):
    """A case's options, with the files and ports in them."""
    options = dict(case.options)
    for name in {"ca", "client_cert", "client_key"} & options.keys():
        options[name] = servers.read(os.path.join(running.certificates, options[name]))
    if "pin_sha256" in options:
        pem = servers.read(os.path.join(running.certificates, options["pin_sha256"]))
        options["pin_sha256"] = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    if "proxy" in options:
        options["proxy"] = with_ports(options["proxy"], running)
    return options


def asked(client, step):
    """agw_connect, or the call with a Guid that the server's log shows."""
    guid = None if step.startswith("connect") else "servers-%d" % next(numbers)
    outcome = agw.Outcome(status=Status.OK)
    begun = time.monotonic()
    try:
        if guid:
            answer = client.reject_agent_conf(AGENT, guid)
            outcome = agw.Outcome(status=Status.OK, http_status=answer.http_status,
                                  resent=answer.resent, message=answer.message)
        else:
            client.connect()
    except agw.AgwError as error:
        outcome = error.outcome
    return Said(step, guid, outcome.status, outcome.http_status, outcome.maybe_sent,
                outcome.resent, time.monotonic() - begun, outcome.detail or outcome.message)


def tried(case, running):
    """What was said at each step that asks for something; None if the server was too slow."""
    url = "%s://127.0.0.1:%d%s" % ("http" if "allow_http" in case.options else "https",
                                   running.ports[case.port], case.path)
    said = []
    with agw.Client(url, **options_of(case, running)) as client:
        for step in case.steps.split():
            if step == "session":
                client.set_session(AGENT, "servers-session", cookie="")
                continue
            if step.endswith("s"):
                time.sleep(float(step[:-1]))
                continue
            said.append(asked(client, step))
            if step == "connect!" and said[-1].status == Status.OK \
                    and said[-1].seconds >= VERDICT_S:
                return None
    return said


def done(case, running):
    """Again where only the time was missed, for the machine may have been busy."""
    rounds = (tried(case, running) for _ in range(ROUNDS))
    said = next(filter(None, rounds), None)
    if not said:
        raise servers.ServerError("%s, %s: too slow" % (case.port, case.name))
    return said


def words_wrong(case, said, running):
    """What the library should not have said."""
    for one in said:
        wanted = case.refusal if one.step.endswith("!") else cases.Refusal(Status.OK, "")
        if one.status != wanted.status or (one.guid and wanted.http and one.http != wanted.http):
            yield "%s gave %d, HTTP %d" % (one.step, one.status, one.http)
        if one.guid and wanted.maybe_sent not in (None, one.maybe_sent):
            yield "%s is marked MAYBE_SENT: %s" % (one.step, one.maybe_sent)
        if one.resent and one.step != "call?":
            yield "%s was sent again" % one.step
        if not re.search("(?is)" + with_ports(wanted.words, running), one.text):
            yield "%s does not say %s" % (one.step, wanted.words)
        if one.status < Status.HTTP and re.search(r"[{}]|::", one.text):
            yield "%s says what only a Rust programmer understands" % one.step


def copies_wrong(said, entries):
    """Which flag is not true."""
    before = None
    for one in (one for one in said if one.guid):
        copies = [entry for entry in entries if entry.key == one.guid]
        good = one.status == Status.OK
        if not int(good) <= len(copies) <= int(good or one.maybe_sent):
            yield "%s: resent %s, MAYBE_SENT %s, but the server has it %d times" % (
                one.step, one.resent, one.maybe_sent, len(copies))
        if one.http and {entry.status for entry in copies} - {str(one.http)}:
            yield "%s: HTTP %d, but the server says %s" % (one.step, one.http, copies)
        if one.resent and before in {entry.connection for entry in copies}:
            yield "%s: resent, but over the same connection" % one.step
        before = copies[-1].connection if copies else before


def log_wrong(case, entries, tunnels):
    """What the servers should not have in their logs."""
    wanted, connections = case.seen, connections_of(entries)
    if (len(entries), connections) != (wanted.requests, wanted.connections or connections):
        yield "%d requests over %d connections, not %d over %s" % (
            len(entries), connections, wanted.requests, wanted.connections)
    if wanted.more and {entry.more for entry in entries} != wanted.more:
        yield "the server speaks of %s" % {entry.more for entry in entries}
    told = ["%s %s" % (entry.status, entry.more) for entry in tunnels]
    wanted = case.tunnels if case.tunnels is not None else ["200 agent"] * len(told)
    if told != wanted:
        yield "the proxy has %s" % told


def connections_of(entries):
    return len({entry.connection for entry in entries})


def wrong(case, said, entries, tunnels, running):
    return [*words_wrong(case, said, running), *copies_wrong(said, entries),
            *log_wrong(case, entries, tunnels)]


def planted(case, said, entries, tunnels):
    """The same, each time with one thing wrong."""
    *before, last = said
    extra = servers.Entry(0, last.guid, "planted", "200", "planted")
    for fault in ({"status": Status.INTERNAL}, {"text": "{}"}, {"resent": True, "step": "call"}):
        yield case, [*before, last._replace(**fault)], entries, tunnels
    yield case, said, [*entries, extra], tunnels
    yield case, said, entries, [*tunnels, extra]


def judged(results, running):
    """What is wrong; and what would be, but is not found."""
    for result in results:
        found = wrong(*result, running)
        if not found:
            found = ["a planted fault is not found: %s" % (each[1:],)
                     for each in planted(*result) if not wrong(*each, running)]
        yield from ("%s, %s: %s" % (result[0].port, result[0].name, each) for each in found)


def row(case, said, entries, tunnels):
    """Of the table."""
    last, resent = said[-1], sum(one.resent for one in said)
    flags = ["MAYBE_SENT"] * last.maybe_sent + ["RESENT (%d)" % resent] * bool(resent)
    seen = "%d over %d" % (len(entries), connections_of(entries))
    if tunnels:
        seen += "; tunnels: " + " ".join(entry.status for entry in tunnels)
    return "| %s | %s | %d%s | %s | %.0f | %s |" % (
        "squid" if tunnels else case.port.partition("_")[0], case.name, last.status,
        " (HTTP %d)" % last.http if last.http > 200 else "", ", ".join(flags),
        last.seconds * 1000, seen)


def run(running):
    """Every case at once; each with what its servers' logs have of it, once they have ended."""
    with running.up():
        # Tomcat compiles its page at the first request.
        warm = cases.Case("tomcat_a", "the first", "call", None, options=cases.PLAIN)
        if tried(warm, running)[0].status != Status.OK:
            raise servers.ServerError("Tomcat does not answer: %s" % tried(warm, running)[0].text)
        with concurrent.futures.ThreadPoolExecutor(len(cases.CASES)) as pool:
            said = list(pool.map(lambda case: done(case, running), cases.CASES))
    logs = {name: running.entries(name) for name in servers.PROGRAMS}
    for case, those in zip(cases.CASES, said, strict=True):
        port, guids = running.ports[case.port], {one.guid for one in those}
        yield (case, those,
               [entry for entry in logs.get(case.port.partition("_")[0], [])
                if entry.port == port and entry.key in guids],
               [entry for entry in logs["squid"] if entry.key == "127.0.0.1:%d" % port])


def skipped(why):
    print("servers: SKIPPED, nothing was tested: %s" % why)
    return 1 if os.environ.get("CI") else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--work", required=True, help="for what is unpacked, and the servers")
    arguments = parser.parse_args()
    if os.uname().machine != "x86_64" or not shutil.which("apt-get"):
        return skipped("the servers are Debian's, for x86_64")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("servers: ended"))
    work = os.path.abspath(arguments.work)
    os.makedirs(work, exist_ok=True)
    try:
        debian = servers.Debian(servers.unpacked(work))
        versions = ", ".join("%s %s" % each for each in debian.versions().items())
        begun = time.monotonic()
        faulthandler.dump_traceback_later(HANGS_S, exit=True)
        running = servers.Servers(debian, os.path.join(work, "run"))
        results = list(run(running))
    except servers.ServerError as why:
        sys.exit("servers: %s" % why)
    print("| server | case | status | flags | ms | requests over connections, as it logs |")
    print("|---|---|---|---|---|---|")
    print("\n".join(row(*each) for each in results))
    for case, said, _, _ in results:
        if case.refusal:
            print("%s, %s: %s" % (case.port, case.name, said[-1].text))
    complaints = list(judged(results, running))
    for each in complaints:
        print("servers: WRONG: " + each)
    print("servers: %s; %d cases, %d s" % (versions, len(results), time.monotonic() - begun))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
