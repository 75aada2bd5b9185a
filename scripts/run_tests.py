#!/usr/bin/env python3
"""Runs the test stages one after another and ends with one line: N passed, N failed[, N skipped].

`make test` runs the stages without mark; `--all` (make test-all) runs the others too. A stage that fails does
not stop the rest, except that nothing is run from a build that failed. One stage by name: run_tests.py e2e.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = sys.executable
RESULTS = ROOT / "build/test-results"
# What tests of `make test` fetch and build at their first use (tests/judges/sources.py has them all).
JUDGES = ["kafka", "librdkafka", "clickhouse_connect", "clickhouse_client", "clickhouse_go", "clickhouse_jdbc",
          "confluent_python", "aiokafka"]
CLANG_TIDY_SECONDS = 60  # of `make test`; a fresh clone has no cached results, and all files take longer


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


class Run:
    """Carries the options, and knows how to run a command with its output in a log."""

    def __init__(self, options):
        self.options = options
        # Tests often wait: for time-outs, restarts, disks. Two more at a time than there are cores.
        self.at_once = options.jobs + 2
        self.judges_ahead = None
        self.environment = dict(os.environ, JOBS=str(options.jobs))
        self.broken_builds = set()

    def command(self, name, arguments, environment=None, show=False):
        """Exit status; the output goes to build/test-results/<name>.log and, on failure, to the terminal."""
        log = RESULTS / f"{name}.log"
        with open(log, "w+", encoding="utf-8", errors="replace") as out:
            status = subprocess.run([str(word) for word in arguments], cwd=ROOT, stdout=out,
                                    stderr=subprocess.STDOUT,
                                    env={**self.environment, **(environment or {})}).returncode
            out.seek(0)
            text = out.read()
        if status != 0:
            print(f"--- {name} failed with status {status}; last lines of {log.relative_to(ROOT)}:")
            print("\n".join(text.splitlines()[-80:]))
        elif show:
            print("\n".join("    " + line for line in text.splitlines()[-show:]))
        return status

    def fetch_judges(self):
        """Begins what tests would wait for later; they take turns with it by locks and know themselves what failed."""
        with open(RESULTS / "judges_ahead.log", "w", encoding="utf-8") as log:
            names = [] if self.options.all else JUDGES
            self.judges_ahead = subprocess.Popen(
                ["nice", PYTHON, "tests/judges/sources.py", *names], cwd=ROOT, env=self.environment, stdout=log,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)

    def close(self):
        if self.judges_ahead and self.judges_ahead.poll() is None:
            os.killpg(self.judges_ahead.pid, signal.SIGTERM)
            self.judges_ahead.wait()

    def check(self, name, arguments, show=False):
        return Counts(passed=1) if self.command(name, arguments, show=show) == 0 else Counts(failed=1)

    def build(self, preset, *targets):
        if self.command(f"build_{preset}", ["scripts/build", preset, *targets]) == 0:
            return Counts()
        self.broken_builds.add(preset)
        return Counts(failed=1)

    def ctest(self, name, preset, label, environment=None):
        """Runs the tests with that label; GoogleTest programs count case by case."""
        if preset in self.broken_builds:
            print(f"    not run: the {preset} build failed")
            return Counts()
        cases = ROOT / "build" / preset / "test-cases"
        for old in cases.glob("*.xml"):
            old.unlink()
        report = RESULTS / f"{name}.xml"
        self.command(name, ["ctest", "--test-dir", f"build/{preset}", "-L", label, "-j", self.at_once,
                            "--output-on-failure", "--output-junit", report], environment)
        counts = Counts()
        for test in ElementTree.parse(report).getroot().iter("testcase"):
            detail = cases / f"{test.get('name')}.xml"
            if test.get("status") == "run" and detail.is_file():
                found = junit_counts(detail)
                # Sanitizer builds skip the cases that load libchdb; the engine stage runs those.
                counts.add(found if preset == "release" else Counts(found.passed, found.failed))
            else:
                counts.add(Counts(1) if test.get("status") == "run" else Counts(failed=1))
        return counts

    def pytest(self, name, *arguments):
        if "release" in self.broken_builds:
            print("    not run: the release build failed")
            return Counts()
        report = RESULTS / f"{name}.xml"
        report.unlink(missing_ok=True)
        status = self.command(name, [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=5", "-rs",
                                     f"--junitxml={report}", *arguments])
        if not report.is_file():
            return Counts(failed=1)
        counts = junit_counts(report)
        if status != 0 and counts.failed == 0:
            counts.failed = 1
        return counts


def junit_counts(report):
    counts = Counts()
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            counts.failed += 1
        elif case.find("skipped") is not None or case.get("result") == "skipped":
            counts.skipped += 1
        else:
            counts.passed += 1
    return counts


def house(run):
    counts = Counts()
    for tool in ("tidy", "check_layers", "check_headers"):
        counts.add(run.check(tool, [PYTHON, f"tools/{tool}.py"], show=1))
    counts.add(run.check("format", ["scripts/format", "--check"]))
    return counts


def clang_tidy(run):
    """All sources in the long run; else what changed last, for a minute: files left over count as a skip."""
    began = time.monotonic()
    counts = run.build("tidy", "clang_tidy_aids")
    if "tidy" in run.broken_builds:
        return counts
    left = CLANG_TIDY_SECONDS - int(time.monotonic() - began)
    budget = [] if run.options.all else ["--budget", max(left, CLANG_TIDY_SECONDS // 3)]
    counts.add(run.check("clang_tidy", [PYTHON, "tools/clang_tidy.py", "--jobs", run.options.jobs, *budget], show=1))
    if counts.passed and " 0 left" not in (RESULTS / "clang_tidy.log").read_text():
        return Counts(skipped=1)
    return counts


def unit(run):
    # The program itself is built with sanitizers in the long run only: no unit test links it.
    counts = run.build("dev", *([] if run.options.all else ["unit_tests"]))
    run.environment.setdefault("FRESHET_POWER_CUTS", "1200" if run.options.all else "60")
    counts.add(run.ctest("unit", "dev", "unit"))
    counts.add(run.ctest("bench_smoke", "dev", "bench"))
    counts.add(run.ctest("fuzz_seeds", "dev", "fuzz"))
    return counts


def engine(run):
    counts = run.build("release", "freshet", "engine_tests", "broker_for_tests", "broker_history")
    if "release" not in run.broken_builds:
        program = ROOT / "build/freshet"
        program.unlink(missing_ok=True)
        os.link(ROOT / "build/release/src/freshet", program)
    run.environment.setdefault("FRESHET_TEST_INJURIES", "250" if run.options.all else "4")
    counts.add(run.ctest("engine", "release", "engine"))
    return counts


def e2e(run):
    # The longest cases do nothing but wait.
    return run.pytest("e2e", "tests/e2e", "-n", 3 * run.options.jobs, *([] if run.options.all else ["-m", "not slow"]))


def faults(run):
    rounds = os.environ.get("KILL_ROUNDS", "300" if run.options.all else "40")
    run.environment["KILL_ROUNDS"] = rounds
    run.environment.setdefault("HISTORY_ROUNDS", "1000" if run.options.all else "10")
    return run.pytest("faults", "tests/faults", "-n", run.at_once)


def judges(run):
    """Foreign test suites and clients; with JUDGES_TARGETS=freshet,kafka also against Apache Kafka."""
    record = os.environ.get("JUDGES_RECORD")
    # One judge after another where the verdicts go into one table; else several, each with brokers of its own.
    counts = run.pytest("judges", "tests/judges", *([] if record else ["-n", run.at_once, "--dist", "loadfile"]),
                        *([] if run.options.all else ["-m", "not slow"]))
    if record:
        counts.add(run.check("judges_table", [PYTHON, "tests/judges/results.py"], show=1))
    return counts


def tsan(run):
    counts = run.build("tsan", "unit_tests")
    counts.add(run.ctest("tsan", "tsan", "unit", {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"}))
    return counts


def fuzz(run):
    targets = sorted(path.stem for path in (ROOT / "src").rglob("*_fuzz.cc"))
    counts = run.build("fuzz", *targets)
    if "fuzz" in run.broken_builds:
        return counts
    seconds = os.environ.get("FUZZ_SECONDS", "600")
    for target in targets:
        corpus = ROOT / ".cache/fuzz" / target
        corpus.mkdir(parents=True, exist_ok=True)
        # Two at a time on two cores: libFuzzer's own workers, one log.
        counts.add(run.check(f"fuzz_{target}", [
            f"build/fuzz/src/{target}", f"-max_total_time={seconds}", f"-fork={run.options.jobs}",
            "-ignore_crashes=0", "-rss_limit_mb=2048", "-timeout=20", f"-artifact_prefix={corpus.parent}/{target}-",
            corpus, ROOT / "tests/fuzz" / target], show=1))
    return counts


STAGES = {"house": (house, False), "unit": (unit, False), "engine": (engine, False), "e2e": (e2e, False),
          "faults": (faults, False), "judges": (judges, False), "clang_tidy": (clang_tidy, False),
          "tsan": (tsan, True), "fuzz": (fuzz, True)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="also the long stages, without budgets")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"only these of: {' '.join(STAGES)}")
    options = parser.parse_args()
    unknown = set(options.stages) - set(STAGES)
    if unknown:
        parser.error(f"no stage named {', '.join(sorted(unknown))}; there are {' '.join(STAGES)}")
    RESULTS.mkdir(parents=True, exist_ok=True)

    run, total = Run(options), Counts()
    if not options.stages or {"e2e", "judges"} & set(options.stages):
        run.fetch_judges()
    try:
        for name, (stage, only_in_all) in STAGES.items():
            if name not in options.stages if options.stages else only_in_all and not options.all:
                continue
            print(f"== {name}", flush=True)
            began = time.monotonic()
            counts = stage(run)
            total.add(counts)
            print(f"   {name}: {counts} ({time.monotonic() - began:.0f} s)", flush=True)
    finally:
        run.close()
    print(total)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
