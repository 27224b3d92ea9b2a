"""What is to be reached, row by row, and whether it was."""

from build import FLOOR
from measure import MAIN, STALE_WAYS, name_of

WARM, FULL, RESUMED = [name_of(kind, *MAIN) for kind in ("warm", "full", "resumed")]
MB, KIB = 1e6, 1024


def of(name, figure, base):
    """agw's figure divided by another client's."""
    def value(results, _sizes):
        return results[name]["agw"][figure] / results[name][base][figure]
    return value


def absolute(name, figure, factor=1):
    return lambda results, _sizes: results[name]["agw"][figure] * factor


def beyond_floor(results, _sizes):
    return results[WARM]["agw"]["allocations"] - results[WARM][FLOOR]["allocations"]


def each_client(results, _sizes):
    """What one more client takes, by the two runs with the most."""
    runs = sorted((int(name.split(" ")[1]), run["agw"]["client_kib"])
                  for name, run in results.items() if name.startswith("clients"))
    if len(runs) < 2:
        raise KeyError("clients")
    (few, little), (many, much) = runs[-2:]
    return (much - little) / (many - few)


def each_connection(results, _sizes):
    few, many = [results["connections, %d" % count]["agw"]["connection_kib"]
                 for count in (64, 512)]
    return (many - few) / (512 - 64)


def ready_to_warm(results, _sizes):
    return results["ready"]["agw"]["ready_us"] / results["ready"]["agw"]["warm_us"]


def stale_failures(results, _sizes):
    return max(results["stale, " + way]["agw"]["failures"] for way in STALE_WAYS)


def library_size(_results, sizes):
    return sizes["agw"]["own"] / MB


def above_c(results, _sizes):
    return results["csharp"]["agw"]["median_us"] - results["csharp"]["C"]["median_us"]


def awaited(results, _sizes):
    return results["python"]["awaited"]["median_us"] / results["python"]["agw"]["median_us"]


# A limit is the most that is allowed; "least" turns it round. None: nothing is asked.
TARGETS = (
    # name, value, now possible, reach for
    ("warm: instructions, of libcurl", of(WARM, "instructions", "libcurl"), 0.36, 0.20),
    ("warm: instructions", absolute(WARM, "instructions"), 41000, 23000),
    ("warm: system calls", absolute(WARM, "system_calls"), 3, 2),
    ("warm: allocations", absolute(WARM, "allocations"), 35, 12),
    ("warm: bytes allocated", absolute(WARM, "allocated_bytes"), 4500, None),
    ("warm: allocations beyond those of the floor", beyond_floor, None, 0),
    ("warm: CPU, TLS 1.3, of libcurl", of(WARM, "cpu_us", "libcurl"), 0.55, 0.35),
    ("warm: median latency, of libcurl", of(WARM, "median_us", "libcurl"), 0.72, 0.55),
    ("full handshake: instructions, of libcurl", of(FULL, "instructions", "libcurl"), 0.40, None),
    ("full handshake: instructions", absolute(FULL, "instructions"), 2.8e6, None),
    ("full handshake: instructions, of the floor", of(FULL, "instructions", FLOOR), None, 1.00),
    ("full handshake: CPU, of libcurl", of(FULL, "cpu_us", "libcurl"), 0.35, 0.25),
    ("resumed: CPU, of libcurl", of(RESUMED, "cpu_us", "libcurl"), 0.35, 0.25),
    ("made ready: median latency, of a warm call (±5 %)", ready_to_warm, 1.05, 1.05),
    ("fresh process, of libcurl", of("first", "all_us", "libcurl"), 0.20, None),
    ("fresh process, of the floor", of("first", "all_us", FLOOR), None, 1.05),
    ("fresh process: load, µs", absolute("first", "load_us"), 300, None),
    ("fresh process: create, µs", absolute("first", "create_us"), 100, None),
    ("stripped library, MB", library_size, 2.2, 1.5),
    ("resident after a call, MB", absolute("first", "resident_kib", KIB / MB), 2.5, 1.8),
    ("idle TLS connection, KiB", each_connection, 36, 24),
    ("idle client, KiB", each_client, 16, 4),
    ("64 threads: CPU, of libcurl", of("threads, 64", "cpu_us", "libcurl"), 0.55, None),
    ("64 threads: CPU, of the floor", of("threads, 64", "cpu_us", FLOOR), None, 1.2),
    ("64 threads: calls per second, of libcurl, at least",
     of("threads, 64", "calls_per_s", "libcurl"), 1.5, None),
    ("64 threads: errors", absolute("threads, 64", "errors"), 0, 0),
    ("stale connections: failures of 200, the worst way", stale_failures, 0, 0),
    ("C#: median latency above C's, µs", above_c, 5, None),
    ("Python: median latency awaited, of the blocking call", awaited, 1.5, None),
    ("Python: CPU, of requests", of("python", "cpu_us", "requests"), 0.05, 0.03),
    ("Python: median latency, of requests", of("python", "median_us", "requests"), 0.05, 0.03),
)


def verdicts(everything):
    """(name, value, limit, met, limit, met) as texts and truth values."""
    rows = []
    for name, value, now, reach in TARGETS:
        try:
            had = value(everything["results"], everything["sizes"])
        except KeyError:  # its scenario was not run
            continue
        rows.append((name, shown(had), limit(name, now), met(name, had, now),
                     limit(name, reach), met(name, had, reach)))
    return rows


def met(name, value, wanted):
    if wanted is None:
        return None
    return value >= wanted if name.endswith("at least") else value <= wanted


def limit(name, wanted):
    if wanted is None:
        return ""
    return ("≥ " if name.endswith("at least") else "≤ ") + shown(wanted)


def shown(value):
    return f"{value:,.0f}" if value >= 100 or value == int(value) else "%.3g" % value
