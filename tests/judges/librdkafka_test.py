"""librdkafka's own test suite, unmodified, one number in one process.

The bar: every number that needs a broker and passes against Apache Kafka 4.3.1, and a few that one node of Kafka 4
fails by its own limits: 0103 makes topics with three replicas, 0077 and 0129 segments below 1 MiB. Numbers that run
without a broker say nothing about one and are left out; results.py names the others that are, with the reason.
"""

import os
import re
import subprocess

import pytest

import sources
from kafka_node import tools_shim

JUDGE = f"librdkafka {sources.LIBRDKAFKA}"
# No pause before a group's first rebalance, or every consumer that starts would cost the suite three seconds.
BROKER = {"default_partitions": 4}
KAFKA = {"group_initial_rebalance_delay_ms": 0}
SECONDS_MAX = 300

QUICK = "0012 0017 0030 0039".split()
CORE = """0001 0002 0003 0005 0007 0008 0011 0013 0014 0015 0020 0021 0022 0026 0029 0031 0034 0035 0036 0038 0040
    0041 0042 0044 0048 0049 0053 0054 0055 0057 0059 0060 0063 0064 0065 0067 0068 0069 0070 0073 0075 0076 0082
    0083 0084 0085 0086 0088 0097 0099 0112 0114 0123 0125 0137""".split()
GROUPS = "0018 0019 0033 0045 0050 0051 0056 0061 0089 0091 0093 0118 0122 0130 0132".split()
IDEMPOTENCE = "0090 0094".split()
TRANSACTIONS = "0103".split()
OTHERS = "0077 0110 0129".split()
NUMBERS = sorted(QUICK + CORE + GROUPS + IDEMPOTENCE + TRANSACTIONS + OTHERS)


def run_number(target, number, source, shim, version, tmp_path, record_property):
    """One number; a failure counts when it happens twice, for many of these tests measure time."""
    try:
        run_once(target, number, source, shim, version, tmp_path)
    except pytest.fail.Exception as first:
        record_property("again", str(first))
        run_once(target, number, source, shim, version, tmp_path)


def run_once(target, number, source, shim, version, tmp_path):
    configuration = tmp_path / "test.conf"
    configuration.write_text(f"bootstrap.servers={target.address}\n")
    # Without LD_LIBRARY_PATH the runner silently tests with the distribution's library.
    environment = {**os.environ, "LD_LIBRARY_PATH": "../src:../src-cpp", "RDKAFKA_TEST_CONF": str(configuration),
                   "BROKERS": target.address, "TEST_KAFKA_VERSION": version, "TESTS": number,
                   "KAFKA_PATH": str(shim)}
    command = ["./test-runner", "-p1", "-L"]  # not what a number has beside it that needs no broker
    try:
        done = subprocess.run(command, cwd=source / "tests", env=environment, capture_output=True, text=True,
                              errors="replace", timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired as late:
        save(tmp_path, (late.stdout or b"").decode(errors="replace") + (late.stderr or b"").decode(errors="replace"))
        pytest.fail(f"not over after {SECONDS_MAX} s")
    text = done.stdout + done.stderr
    save(tmp_path, text)
    if done.returncode != 0:
        pytest.fail(f"exit status {done.returncode}: {first_complaint(text)}")
    if f"| {number}_" not in text.replace("\x1b", "") and "PASSED" not in text:
        pytest.fail("the runner ran nothing")
    if re.search(r"\|\s+SKIPPED\s+\|", text) and not re.search(r"\|\s+PASSED\s+\|", text):
        pytest.skip("the runner itself skips it")


def save(directory, text):
    (directory / "runner.log").write_text(text)


def first_complaint(text):
    """The subtest and the sentence that the runner prints below it; its last words if it died without one."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in text.splitlines()]
    for line, after in zip(lines, lines[1:]):
        found = re.match(r'### Test "\S+( \((.*)\))?" failed at', line)
        if found:
            return f"{found.group(2)}: {after}" if found.group(2) else after
    return next((line for line in reversed(lines) if line), "")[:300]


def runner(fetch):
    """The directory with tests/test-runner, which must load the library that was built with it."""
    try:
        directory = fetch()
    except sources.Missing as missing:
        pytest.skip(str(missing))
    loaded = subprocess.run(["ldd", "test-runner"], cwd=directory / "tests", capture_output=True, text=True,
                            env={**os.environ, "LD_LIBRARY_PATH": "../src:../src-cpp"}).stdout
    assert re.search(r"librdkafka\.so\.1 => \.\./src/", loaded), f"not the library under test:\n{loaded}"
    return directory


@pytest.fixture(scope="module")
def source():
    return runner(sources.librdkafka)


@pytest.fixture(scope="module")
def shim():
    return tools_shim()


@pytest.mark.parametrize("number", [number if number in QUICK else pytest.param(number, marks=pytest.mark.slow)
                                    for number in NUMBERS])
def test_number(target, number, source, shim, tmp_path, record_property):
    run_number(target, number, source, shim, "4.0.0", tmp_path, record_property)
