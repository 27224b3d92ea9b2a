"""Runs the fuzz targets, each for the same time, and prints one table. `make fuzz TIME=60`.

First the self-test: with a fault planted in it, a target must end with the report of it. What is
found stays in target/fuzz/corpus and is where the next run begins; an input that crashes stays in
target/fuzz/crashes, with the whole report beside it.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

TOOL = "0.13.2"
# The release profile, for it is not released.
QUICK_TO_BUILD = {
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1",
    "CARGO_PROFILE_RELEASE_DEBUG": "line-tables-only",
    "CARGO_PROFILE_RELEASE_STRIP": "none",
    "CARGO_PROFILE_RELEASE_LTO": "false",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
}
HERE = pathlib.Path(__file__).parent
TARGETS = sorted(file.stem for file in (HERE / "targets").iterdir())
# Fault, target, what the report must say; none is in the seeds.
PLANTED = [
    ("panic", "answer", "planted fault"),
    ("overrun", "structs", "AddressSanitizer: heap-buffer-overflow"),
    ("stray", "handles", "cancelled by nobody"),
    ("framing", "head", "planted fault"),
    ("cookie", "sessions", "planted fault"),
]
# Which option a file of the tests is given as, as the target reads it.
LETTERS = {"ca": b"c", "client_cert": b"i", "client_key": b"k"}
SELF_TEST_SECONDS = 60
# A hang is reported after this, and a process that does not end is killed this much later.
HANG_SECONDS = 60


def build(work):
    version = ["cargo", "fuzz", "--version"]
    have = subprocess.run(version, capture_output=True, text=True, check=False)
    if have.stdout.split()[-1:] != [TOOL]:
        install = ["cargo", "install", "--locked", "--force", "cargo-fuzz", "--version", TOOL]
        subprocess.run(install, check=True)
    # cargo-fuzz has no --locked of its own.
    metadata = ["cargo", "metadata", "--locked", "--format-version", "1"]
    subprocess.run(metadata, cwd=HERE, check=True, stdout=subprocess.DEVNULL)
    command = ["cargo", "+nightly", "fuzz", "build", "--fuzz-dir", ".", "--target-dir", work]
    subprocess.run(command, cwd=HERE, env=dict(os.environ, **QUICK_TO_BUILD), check=True)
    return work / "x86_64-unknown-linux-gnu" / "release"


def seeds(work):
    """Writes what the targets begin with; for files that is what the tests have of them."""
    folder = work / "seeds"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE / "seeds", folder)
    (folder / "files").mkdir()
    files = HERE.parent / "corpus" / "files"
    for line in (files / "expected.tsv").read_text(encoding="utf-8").splitlines():
        name, option = line.split("\t")[:2]
        if option in LETTERS:
            seed = LETTERS[option] + (files / name).read_bytes()
            (folder / "files" / f"{option}-{name}").write_bytes(seed)


class Run:
    """One run of a target over its seeds and what earlier runs found."""

    def __init__(self, programs, work, target, corpus, seconds, planted=""):
        self.crashes = work / ("planted" if planted else "crashes") / target
        for folder in (corpus, self.crashes):
            folder.mkdir(parents=True, exist_ok=True)
        command = [programs / target, f"-artifact_prefix={self.crashes}/", "-print_final_stats=1"]
        command += [f"-max_total_time={seconds}", f"-timeout={HANG_SECONDS}"]
        dictionary = HERE / "dictionaries" / f"{target}.dict"
        if dictionary.exists():
            command.append(f"-dict={dictionary}")
        command += [corpus, work / "seeds" / target]
        # The system's certificates take long to read, and are not what is tried.
        environment = dict(os.environ, SSL_CERT_FILE=str(HERE / "root.pem"), SSL_CERT_DIR="",
                           AGW_FUZZ_PLANT=planted)
        started = time.monotonic()
        try:
            done = subprocess.run(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                check=False, timeout=seconds + 3 * HANG_SECONDS)
            self.code, output = done.returncode, done.stdout
        except subprocess.TimeoutExpired as late:
            self.code, output = "does not end", late.stdout or b""
        self.seconds = time.monotonic() - started
        self.report = output.decode(errors="replace")
        (self.crashes / "report.txt").write_text(self.report)

    def number(self, pattern):
        found = re.findall(pattern, self.report)
        return int(found[-1]) if found else 0

    def row(self, target):
        inputs = self.number(r"stat::number_of_executed_units: (\d+)")
        at_first = self.number(r"INITED cov: (\d+)")
        at_last = self.number(r"\tDONE +cov: (\d+)")
        new = max(at_last - at_first, 0)
        verdict = "ok" if self.code == 0 and inputs else "FAIL"
        print(f"{verdict:<4} {target:<9} {inputs:>10} {at_first:>8} {new:>12} {self.seconds:>8.0f}")
        if verdict == "FAIL":
            said = [line for line in self.report.splitlines() if re.search(
                r"panicked at|ERROR: |SUMMARY|Test unit written", line)]
            print(f"     ended with {self.code}; the report is in {self.crashes}")
            print("".join(f"     {line[:160]}\n" for line in said), end="")
        sys.stdout.flush()
        return verdict == "ok"


def self_test(programs, work):
    """Fuzzing must find the planted faults, from the seeds on."""
    good = True
    for fault, target, report in PLANTED:
        corpus = work / "planted" / "corpus"
        shutil.rmtree(work / "planted", ignore_errors=True)
        run = Run(programs, work, target, corpus, SELF_TEST_SECONDS, planted=fault)
        found = run.code not in (0, "does not end") and report in run.report
        inputs = run.number(r"stat::number_of_executed_units: (\d+)")
        said = f"found after {inputs} inputs" if found else "NOT FOUND"
        print(f"planted fault '{fault}' in {target}: {said}, {run.seconds:.0f} s", flush=True)
        good = good and found
    return good


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--time", type=int, default=60, help="seconds for each target")
    options.add_argument("--work", type=pathlib.Path, required=True, help="where to build")
    options.add_argument("targets", nargs="*", default=TARGETS, help="all of them by default")
    options = options.parse_args()
    work = options.work.absolute()
    programs = build(work)
    seeds(work)
    good = self_test(programs, work)
    print(f"     {'target':<9} {'inputs run':>10} {'coverage':>8} {'new coverage':>12} "
          f"{'seconds':>8}")
    for target in options.targets:
        run = Run(programs, work, target, work / "corpus" / target, options.time)
        good = run.row(target) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
