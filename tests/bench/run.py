"""Builds, runs and reports the benches: see `make bench`.

    run.py --stage FOLDER --work FOLDER      QUICK=1 in the environment: in less than a minute
"""

import json
import os
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import build
import machine
import measure
import picture
import report
import servers


def main():
    stage, work = measure.folders(__doc__)
    servers.stop_on_termination()
    built = build.build(work, stage)
    quick = os.environ.get("QUICK", "") not in ("", "0")
    everything = measured(built, quick)
    everything["field"] = field(stage, work)
    write(work, everything)


def measured(built, quick):
    begun = time.time()
    with tempfile.TemporaryDirectory(prefix="agw-bench-") as folder:
        servers.make_certificates(folder)
        with servers.nginx(folder, workers=1) as server:
            bench = measure.Bench(built, server, quick)
            for scenario in measure.ALL:
                print("bench: %s ..." % scenario.__name__, file=sys.stderr, flush=True)
                scenario(bench)
    facts = machine.facts(built)
    facts["Measured"] = "%s, in %d s%s" % (
        time.strftime("%Y-%m-%d", time.gmtime(begun)), time.time() - begun,
        " (QUICK=1: short rounds)" if quick else "")
    return {"results": bench.results, "commands": [*bench.commands.values()], "machine": facts,
            "sizes": machine.sizes(built)}


def field(stage, work):
    """The lines of the table that tests/field makes; none where that can be had by root only."""
    print("bench: field ...", file=sys.stderr, flush=True)
    script = os.path.join(build.HERE, "..", "field", "run.py")
    done = subprocess.run([sys.executable, "-B", script, "--stage", stage, "--work",
                           os.path.join(work, "field")], stdout=subprocess.PIPE, text=True,
                          check=False)
    told = [line for line in done.stdout.splitlines() if not line.startswith("|")]
    print("\n".join(told), file=sys.stderr)
    return [line for line in done.stdout.splitlines() if line.startswith("|")]


def write(work, everything):
    save(os.path.join(work, "results.json"), json.dumps(everything, indent=1))
    save(os.path.join(work, "results.svg"), picture.draw(everything))
    text = report.write(everything)
    save(os.path.join(work, "results.md"), text)
    print(text)


def save(path, text):
    with open(path, "w") as file:
        file.write(text)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
