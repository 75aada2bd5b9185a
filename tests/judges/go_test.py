"""Clients in Go from the module proxy: the tests of franz-go that need a broker, and sarama."""

import os
import re
import subprocess

import pytest

import sources

JUDGE = "Go clients"
BROKER = {"default_partitions": 4}
pytestmark = pytest.mark.slow

# The other 118 tests of that package do not touch a broker.
KGO = """TestPing TestIssue325 TestIssue337 TestIssue434 TestPauseIssue489 TestIssue523 TestIssue648
    TestIssue769 TestIssue810 TestIssue831 TestIssue865 TestIssue1034 TestPauseIssueOct2023
    TestIssueFetchLargerThanBrokerMaxReadBytes TestIssueProduceBrokerTooOldFailsRecords
    TestIssueProduceSyncManualPartitionNegativeDoesNotPanic TestShareGroup TestShareGroupETL TestShareGroupAckOnClose
    TestShareGroupOffsetsAdmin TestConsumeRegex TestConsumeRegexShareSkipsInternal Test848RegexBrokerResolves
    TestDirectPartitionPurge TestAddRemovePartitions TestPooling TestGroupSimple TestGroupETL TestTxnEtl
    TestHookPollStart TestConsumeMaxDecompressBatchBytes TestClient_Produce TestClient_ProduceLargeMessages""".split()

RECORDS = os.environ.get("KGO_RECORDS", "20000")


def listed(program, directory):
    out = subprocess.run([program, "-test.list", "."], cwd=directory, capture_output=True, text=True).stdout
    return set(out.split())


@pytest.mark.parametrize("case", KGO)
def test_franz_go(target, case, tmp_path):
    try:
        judge = sources.franz_go()
    except sources.Missing as missing:
        pytest.skip(str(missing))
    directory = judge / "source/pkg/kgo"
    if case not in listed(judge / "kgo.test", directory):
        pytest.skip(f"franz-go {sources.FRANZ_GO} has no such test")
    done = subprocess.run([judge / "kgo.test", "-test.v", "-test.run", f"^{case}$", "-test.timeout",
                           f"{200 + int(RECORDS) // 500}s"],
                          cwd=directory, capture_output=True, text=True, errors="replace",
                          env={**os.environ, "KGO_SEEDS": target.address, "KGO_TEST_RF": "1",
                               "KGO_TEST_RECORDS": RECORDS})
    (tmp_path / "kgo.log").write_text(done.stdout + done.stderr)
    parts = re.findall(r"^\s*--- (PASS|FAIL|SKIP): (\S+)", done.stdout, re.M)
    if done.returncode != 0:
        failed = [name for verdict, name in parts if verdict == "FAIL"]
        lines = re.findall(r"^\s+\w+_test\.go:\d+: .*", done.stdout, re.M) or done.stdout.splitlines()[-3:]
        pytest.fail(f"{' '.join(failed[-3:])}: {' / '.join(line.strip() for line in lines[-3:])}"[:500])
    if ("SKIP", case) in parts:
        reason = re.search(r"_test\.go:\d+: (.*)", done.stdout)
        pytest.skip(reason.group(1) if reason else "skips itself")


@pytest.mark.parametrize("case", ["produce_and_consume", "groups", "transactions", "admin"])
def test_sarama(target, case):
    try:
        program = sources.sarama()
    except sources.Missing as missing:
        pytest.skip(str(missing))
    try:
        done = subprocess.run([program, target.address, case, f"sarama-{case}"], capture_output=True, text=True,
                              timeout=150)
    except subprocess.TimeoutExpired:
        pytest.fail("not over after 150 s")
    if done.returncode != 0:
        pytest.fail(" / ".join(done.stderr.strip().splitlines()[:5])[:500])
