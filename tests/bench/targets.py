"""What is to be reached, row by row."""

from build import FLOOR
from measure import FULL, RESUMED, STALE_WAYS, WARM

MB, KIB = 1e6, 1024


def of(name, figure, base, client="agw"):
    """A client's figure divided by another one's."""
    def value(results):
        return results[name][client][figure] / results[name][base][figure]
    return value


def absolute(name, figure, factor=1):
    return lambda results: results[name]["agw"][figure] * factor


def each(kind, figure):
    """What one more takes, by the two runs with the most."""
    def value(results):
        runs = sorted((int(name.split(" ")[1]), run["agw"][figure])
                      for name, run in results.items() if name.startswith(kind))
        if len(runs) < 2:
            raise KeyError(kind)
        (few, little), (many, much) = runs[-2:]
        return (much - little) / (many - few)
    return value


def stale_failures(results):
    return max(results["stale, " + way]["agw"]["failures"] for way in STALE_WAYS)


def above_c(results):
    return results["csharp"]["agw"]["median_us"] - results["csharp"]["C"]["median_us"]


# A limit is the most that is allowed; "least" turns it round.
TARGETS = (
    # name, value, limit
    ("warm: instructions", absolute(WARM, "instructions"), 37000),
    ("warm: system calls", absolute(WARM, "system_calls"), 3),
    ("warm: allocations", absolute(WARM, "allocations"), 30),
    ("warm: bytes allocated", absolute(WARM, "allocated_bytes"), 4500),
    ("warm: CPU, TLS 1.3, of libcurl", of(WARM, "cpu_us", "libcurl"), 0.55),
    ("warm: median latency, of libcurl", of(WARM, "median_us", "libcurl"), 0.72),
    ("full handshake: system calls", absolute(FULL, "system_calls"), 17),
    ("full handshake: instructions, of the floor", of(FULL, "instructions", FLOOR), 1.04),
    ("full handshake: CPU, of the floor", of(FULL, "cpu_us", FLOOR), 1.15),
    ("full handshake: CPU, of libcurl", of(FULL, "cpu_us", "libcurl"), 0.35),
    ("resumed: CPU, of libcurl", of(RESUMED, "cpu_us", "libcurl"), 0.35),
    ("made ready: median latency, of the floor", of("ready", "ready_us", FLOOR), 1.10),
    ("fresh process, of libcurl", of("first", "all_us", "libcurl"), 0.20),
    ("fresh process, of the floor", of("first", "all_us", FLOOR), 1.05),
    ("fresh process: load, µs", absolute("first", "load_us"), 300),
    ("fresh process: create, µs", absolute("first", "create_us"), 100),
    ("stripped library, MB", absolute("sizes", "own", 1 / MB), 2.15),
    ("resident after a call, MB", absolute("first", "resident_kib", KIB / MB), 2.3),
    ("idle TLS connection, KiB", each("connections", "connection_kib"), 24),
    ("idle client, KiB", each("clients", "client_kib"), 4),
    ("64 threads: CPU, of libcurl", of("threads, 64", "cpu_us", "libcurl"), 0.55),
    ("64 threads: CPU, of the floor", of("threads, 64", "cpu_us", FLOOR), 1.35),
    ("64 threads: calls per second, of libcurl, at least",
     of("threads, 64", "calls_per_s", "libcurl"), 1.6),
    ("64 threads: errors", absolute("threads, 64", "errors"), 0),
    ("stale connections: failures of 200, the worst way", stale_failures, 0),
    ("C#: median latency above C's, µs", above_c, 5),
    ("Python: median latency awaited, of the blocking call",
     of("python", "median_us", "agw", client="awaited"), 1.5),
    ("Python: CPU, of requests", of("python", "cpu_us", "requests"), 0.04),
    ("Python: median latency, of requests", of("python", "median_us", "requests"), 0.055),
)
