"""What agw takes, in counts that the machine's speed does not change, against bounds.tsv.

    counts.py --stage FOLDER --work FOLDER
"""

import os
import sys
import tempfile

sys.dont_write_bytecode = True

import build
import machine
import measure
import servers

BOUNDS = os.path.join(build.HERE, "bounds.tsv")
AGW = build.CLIENTS[0]
FIGURES = {"instructions": "instructions", "system calls": "system_calls",
           "allocations": "allocations", "bytes allocated": "allocated_bytes"}


def main():
    stage, work = measure.folders(__doc__)
    servers.stop_on_termination()
    built = build.build_agw(work, stage)
    planted = build.build_agw(os.path.join(work, "planted"), stage, ["-DPLANTED"])
    with tempfile.TemporaryDirectory(prefix="agw-counts-") as folder:
        servers.make_certificates(folder)
        with servers.nginx(folder, workers=1) as server:
            bench = measure.Bench(built, server, quick=False)
            found = {**calls(bench, measure.COUNTED), **sizes(bench)}
            crept = calls(measure.Bench(planted, server, quick=False), ["warm"])
    sys.exit(judge(found, crept, bounds()) or 0)


def calls(bench, kinds):
    found = {}
    for kind in kinds:
        measure.count(bench, kind, AGW)
        had = bench.results[measure.name_of(kind, *measure.MAIN)][AGW]
        found.update(("%s: %s" % (kind, name), had[key]) for name, key in FIGURES.items())
    return found


def sizes(bench):
    measure.count_memory(bench, AGW)
    memory = bench.results["connections, 512"][AGW]
    return {"heap of a client, bytes": memory["client_heap"],
            "heap of an idle connection, bytes": memory["connection_heap"],
            "library, stripped, bytes": machine.stripped_size(bench.built.agw)}


def bounds():
    """The most that is allowed, by name: what is stated, and its margin on top."""
    with open(BOUNDS) as file:
        rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
    return {name: float(stated) * (1 + float(margin) / 100) for name, stated, margin in rows}


def judge(found, crept, allowed):
    """Prints what was found beside its bound; gives what is wrong. In a warm call something is
    planted that each of its counts must find."""
    print("with %s and %s" % tuple(machine.first_line(tool, "--version")
                                   for tool in ("rustc", "valgrind")))
    for name, value in found.items():
        print(f"{name:36} {value:12,.1f}  at most {allowed[name]:12,.1f}")
    wrong = ["above its bound: " + name for name, value in found.items() if value > allowed[name]]
    wrong += ["planted, and not found: " + name
              for name, value in crept.items() if value <= allowed[name]]
    return "\n".join(wrong)


if __name__ == "__main__":
    main()
