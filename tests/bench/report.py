"""Writes the results as Markdown: the targets first, then table by table."""

import servers
from build import CLIENTS, FLOOR
from measure import MAIN, STALE_WAYS, THREADS, name_of
from targets import TARGETS

TITLES = {"agw": "agw", "libcurl": "libcurl", "openssl": "OpenSSL", "rustls": "rustls"}

TIMES = (("median, µs", "median_us"), ("p99, µs", "p99_us"), ("CPU, µs", "cpu_us"))

INTRODUCTION = """# Benchmarks

What `make bench` measured: agw through its C ABI; libcurl with OpenSSL, a reused easy handle and
jansson, which a C programmer would pick instead; and as the floor OpenSSL and rustls with a
request and an answer by hand, which send nothing again, cancel nothing and explain nothing. All
verify the server's certificate and have their time-outs set. The server is nginx over loopback,
with the documented answer.

The columns "of libcurl" and "of the floor" are agw's figure divided by libcurl's and by rustls's:
less is better, except for calls per second. Each figure is the median of several rounds in which
the clients take turns. Client and server share one core, so that the time of a call is the work
that is done for it; with two cores, waking the other one takes most of it ("apart").

![agw and the floor beside libcurl](results.svg)
"""


def write(everything):
    results = everything["results"]
    parts = [
        INTRODUCTION,
        titled("Machine and versions", ["", ""], everything["machine"].items(), aligned=":---"),
        titled("Targets", ["", "measured", "wanted", "met"], verdicts(everything)),
        variants(results, "Warm call", "warm"), counts(results), system_calls(results),
        variants(results, "New connection, full handshake, and call", "full"),
        variants(results, "New connection, resumed session, and call", "resumed"),
        first(results), ready(results), stale(results), threads(results), agents(results),
        polls(results), memory(results), python(results), csharp(results),
        field(everything["field"]), sizes(everything["sizes"]), commands(everything["commands"]),
    ]
    return "\n".join(part for part in parts if part)


def verdicts(everything):
    results = dict(everything["results"], sizes=everything["sizes"])
    rows = []
    for name, value, limit in TARGETS:
        try:
            had = value(results)
        except KeyError:  # its scenario was not run
            continue
        least = name.endswith("at least")
        met = had >= limit if least else had <= limit
        rows.append([name, number(had), ("≥ " if least else "≤ ") + number(limit),
                     "yes" if met else "**no**"])
    return rows


def variants(results, title, kind):
    rows = []
    names = [(name_of(kind, p, k), "TLS %s, %s" % (p, k))
             for p in servers.PROTOCOLS for k in servers.KEYS]
    for name, label in [*names, (kind + ", apart", "apart, TLS %s, %s" % MAIN)]:
        rows += figures(results, name, label, TIMES)
    return comparison(title, rows)


def counts(results):
    rows = []
    for kind in ("warm", "full", "resumed"):
        rows += figures(results, name_of(kind, *MAIN), kind, [
            ("instructions", "instructions"), ("system calls", "system_calls"),
            ("allocations", "allocations"), ("bytes allocated", "allocated_bytes")])
    return comparison("Counts for a call, TLS %s, %s" % MAIN, rows)


def system_calls(results):
    rows = []
    for kind in ("warm", "full", "resumed"):
        for client, had in results.get(name_of(kind, *MAIN), {}).items():
            if "system_calls_by_name" in had:
                by_count = sorted(had["system_calls_by_name"].items(), key=lambda each: -each[1])
                rows.append([kind, TITLES[client], ", ".join(
                    "%s %s" % (call, number(count)) for call, count in by_count)])
    return titled("Which system calls", ["", "", ""], rows, aligned=":---")


def first(results):
    return comparison("First call of a fresh process", figures(results, "first", "", [
        ("load the library, µs", "load_us"), ("make a client, µs", "create_us"),
        ("first call, µs", "call_us"), ("together, µs", "all_us"),
        ("CPU of the whole, µs", "cpu_us"),
        ("resident over an empty process, KiB", "resident_kib"),
        ("peak, the process included, KiB", "peak_kib")]))


def ready(results):
    note = ("The server closed the connection long ago; one is made ready, a moment passes, then "
            "comes the call (libcurl has no such thing, so its call opens the connection).\n\n")
    return comparison("A call on a connection made ready", figures(results, "ready", "", [
        ("that call, µs", "ready_us"), ("a warm call after the same moment, µs", "warm_us")]),
        note)


def stale(results):
    rows = []
    for way in STALE_WAYS:
        failed, took = figures(results, "stale, " + way, way, [
            ("failures of 200", "failures"), ("median, µs", "median_us")]) or [None, None]
        if failed:
            clean = {client: None if failed[1][client] else took[1][client] for client in CLIENTS}
            rows += [failed, (took[0], clean)]
    note = ("Kept connections that the server ended: with close_notify and FIN, with FIN alone, "
            "with RST, without a word, and just as the request arrived. The floors send nothing "
            "again, so they lose every call.\n\n")
    return comparison("Stale connections", rows, note)


def threads(results):
    rows = []
    for count in THREADS:
        rows += figures(results, "threads, %d" % count, many(count, "thread"), [
            ("calls per second", "calls_per_s"), ("CPU, µs", "cpu_us"),
            ("median, µs", "median_us"), ("p99, µs", "p99_us"), ("errors", "errors")])
    note = ("Threads on one client of agw; the others have a handle for each thread. All cores, "
            "for the server too.\n\n")
    return comparison("Threads", rows, note)


def agents(results):
    rows = []
    for count, name in numbered(results, "agents"):
        rows += figures(results, name, many(count, "agent"), [
            ("median, µs", "median_us"), ("CPU, µs", "cpu_us"),
            ("resident over an empty process, KiB", "resident_kib")])
    return comparison("Agents through one client", rows)


def polls(results):
    rows = []
    for count, name in numbered(results, "polls"):
        for client, had in results[name].items():
            rows.append([many(count, "agent"), TITLES[client]] + [
                number(had[figure]) for figure in (
                    "cpu_us", "agent_kib", "agent_descriptors", "connections_a_minute", "errors")])
    note = ("Each agent waits in a thread with a stack of 64 KiB: with agw all on one client, with "
            "libcurl on an easy handle each. The server says at once that there is no event, and "
            "0.2 s later it is asked again. A gateway that has none waits for 10 s, so an agent "
            "takes a tenth of this CPU a second. Memory: thread, connection, session or handle."
            "\n\n")
    return titled("Agents that wait for events", [
        "", "", "CPU for each poll, µs", "memory for each agent, KiB",
        "descriptors for each agent", "connections opened a minute", "errors"], rows, note)


def field(lines):
    """The table of `make field`, from the same library."""
    note = ("What `make field` measured in network namespaces, from click to answer, in "
            "milliseconds, and in round trips in brackets. \"To reach\" is what a test holds it to."
            "\n\n")
    return "## While it rings\n\n" + note + "".join(line + "\n" for line in lines) if lines else ""


def memory(results):
    rows = []
    for count, name in numbered(results, "clients"):
        rows += figures(results, name, many(count, "client"), [
            ("resident over the loaded library, KiB", "client_kib"),
            ("to make one, µs", "create_us")])
    for count, name in numbered(results, "connections"):
        rows += figures(results, name, "%d idle connections" % count, [
            ("resident, KiB", "connection_kib")])
    rows += figures(results, "connections, 512", "each", [
        ("client, bytes of heap", "client_heap"),
        ("idle connection, bytes of heap", "connection_heap")])
    return comparison("Clients and idle connections in one process", rows)


def many(count, word):
    return "{:,} {}{}".format(count, word, "" if count == 1 else "s")


def numbered(results, kind):
    """(number, name) of the scenarios of a kind that was run with several numbers."""
    return sorted((int(name.split(" ")[1]), name) for name in results if name.startswith(kind))


def python(results):
    had = results.get("python")
    rows = [[label, number(had["agw"][figure]), number(had["awaited"][figure]),
             number(had["requests"][figure]), ratio(had["agw"][figure], had["requests"][figure]),
             ratio(had["awaited"][figure], had["agw"][figure])]
            for label, figure in TIMES if had]
    return titled(
        "Python, warm call", ["", "agw", "agw awaited", "requests", "of requests",
                              "awaited, of agw"], rows)


def csharp(results):
    had = results.get("csharp")
    rows = [[label, number(had["agw"][figure]), number(had["C"][figure]),
             number(had["agw"][figure] - had["C"][figure])] for label, figure in TIMES if had]
    return titled("C# on Mono, warm call", ["", "C#", "C", "above C"], rows)


def sizes(sized):
    rows = [[TITLES[name], number(size["own"] / 1e6), number(size["all"] / 1e6)]
            for name, size in sized.items()]
    note = ("Stripped, in MB; \"all\" is with every library that comes with it, but for the C "
            "library.\n\n")
    return titled("Size of the libraries", ["", "own", "all"], rows, note)


def commands(lines):
    told = "For each client in turn (here agw), and with other numbers:"
    return "## Commands\n\n%s\n\n```sh\n%s\n```\n" % (told, "\n".join(lines))


def figures(results, name, label, wanted):
    """Rows of (label, each client's figure)."""
    had = results.get(name)
    if not had:
        return []
    rows = []
    for words, figure in wanted:
        values = {client: had[client].get(figure) for client in CLIENTS}
        if values[CLIENTS[0]] is not None:
            rows.append((": ".join(part for part in (label, words) if part), values))
    return rows


def comparison(title, rows, note=""):
    head = [""] + [TITLES[client] for client in CLIENTS] + ["of libcurl", "of the floor"]
    lines = [[label] + [number(values[client]) for client in CLIENTS]
             + [ratio(values["agw"], values["libcurl"]), ratio(values["agw"], values[FLOOR])]
             for label, values in rows]
    return titled(title, head, lines, note)


def ratio(value, base):
    return "%.2f" % (value / base) if base and value else ""


def number(value):
    if value is None:
        return ""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return "%.3g" % value


def titled(title, head, rows, note="", aligned="---:"):
    """A table with its title; nothing where it has no rows."""
    if not rows:
        return ""
    lines = [head, [":---"] + [aligned] * (len(head) - 1), *rows]
    table = "".join("| %s |\n" % " | ".join(line) for line in lines)
    return "## %s\n\n%s%s" % (title, note, table)
