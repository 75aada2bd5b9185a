"""Every test of this directory runs once for each target: us, and with JUDGES_TARGETS=freshet,kafka Apache Kafka too.

A module names its judge in JUDGE, and may name options of our broker in BROKER and of Kafka in KAFKA. Its tests
take `target`, which has address, directory and name. The verdicts go to results.json when JUDGES_RECORD is set.
A test that Apache Kafka fails is reported as an expected failure: the reference is there to be compared with.
"""

import collections
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent / "support")]

import results  # noqa: E402
import sources  # noqa: E402
from broker_fixture import BrokerProcess  # noqa: E402
from kafka_node import KafkaNode  # noqa: E402

VERDICTS = collections.defaultdict(lambda: collections.defaultdict(dict))


class Freshet(BrokerProcess):
    name = "freshet"

    def start(self, **options):
        self.options = options
        return super().start(**options)

    def restart(self):
        """SIGKILL, and again on the same port and directory."""
        self.kill()
        return super().start(**{**self.options, "port": self.port})

    def alive(self):
        return self.process.poll() is None


def pytest_generate_tests(metafunc):
    if "target" in metafunc.fixturenames:
        names = os.environ.get("JUDGES_TARGETS", "freshet").split(",")
        metafunc.parametrize("target", names, indirect=True, scope="module")


def start(name, module, directory):
    if name == "kafka":
        return KafkaNode(directory).start(**getattr(module, "KAFKA", {}))
    return Freshet(directory).start(**getattr(module, "BROKER", {}))


@pytest.fixture(scope="module")
def started(request, tmp_path_factory):
    """Targets by name, one of each per module."""
    made = {}
    yield made
    for each in made.values():
        each.close()


@pytest.fixture
def target(request, started, tmp_path_factory):
    """A running broker; one that died in an earlier test is started anew, on a fresh directory."""
    name = request.param
    made = started.get(name)
    if made is None or not made.alive():
        try:
            made = started[name] = start(name, request.module, tmp_path_factory.mktemp(name))
        except sources.Missing as missing:
            pytest.skip(str(missing))
        except AssertionError as failure:
            if name != "kafka":
                raise
            pytest.skip(f"Apache Kafka did not start: {failure}")
    yield made
    assert made.alive(), f"{name} ended with {made.process.returncode}:\n{made.log()}"


@pytest.fixture(scope="session")
def program():
    """Shadows the fixture of the directory above: judges need the broker only."""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    name = getattr(item, "callspec", None) and item.callspec.params.get("target")
    if not name:
        return
    if report.when != "call" and not (report.failed or report.skipped):
        return
    verdict = {"passed": "pass", "failed": "fail", "skipped": "skip"}[report.outcome]
    reason = ""
    if report.skipped:
        reason = report.longrepr[2].removeprefix("Skipped: ")
    elif report.failed:
        reason = str(call.excinfo.value).strip().splitlines()[0][:160] if call.excinfo else "failed"
    said = dict(report.user_properties)
    if report.passed and "again" in said:
        reason = f"passed the second time; the first: {said['again'][:160]}"
    elif report.passed:
        reason = said.get("note", "")
    function = item.originalname.removeprefix("test_").replace("_", " ")
    words = [] if function in ("number", "client") else [function]
    case = " ".join(words + [str(value) for key, value in item.callspec.params.items() if key != "target"])
    VERDICTS[item.module.JUDGE][case][name] = {"verdict": verdict, "seconds": round(report.duration),
                                              "reason": reason}
    if name == "kafka" and report.failed:
        report.outcome, report.wasxfail = "skipped", f"Apache Kafka fails this: {reason}"


def pytest_sessionfinish():
    if os.environ.get("JUDGES_RECORD") and VERDICTS:
        results.record(VERDICTS)
