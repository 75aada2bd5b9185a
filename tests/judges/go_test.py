"""Clients in Go from the module proxy: the tests of franz-go that need a broker, sarama, kafka_exporter."""

import os
import re
import subprocess
import urllib.request

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import sources
from broker_fixture import wait_until
from kafka_node import free_port

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

RECORDS = int(os.environ.get("KGO_RECORDS", "20000"))


def listed(program, directory):
    out = subprocess.run([program, "-test.list", "."], cwd=directory, capture_output=True, text=True).stdout
    return set(out.split())


@pytest.mark.parametrize("case", KGO)
def test_franz_go(target, case, tmp_path, record_property):
    run_kgo(target, case, RECORDS, tmp_path, record_property)


@pytest.mark.parametrize("case", ["TestGroupETL", "TestTxnEtl"])
def test_franz_go_500000_records(target, case, tmp_path, record_property):
    run_kgo(target, case, 500_000, tmp_path, record_property)


def run_kgo(target, case, records, tmp_path, record_property):
    try:
        judge = sources.franz_go()
    except sources.Missing as missing:
        pytest.skip(str(missing))
    directory = judge / "source/pkg/kgo"
    if case not in listed(judge / "kgo.test", directory):
        pytest.skip(f"franz-go {sources.FRANZ_GO} has no such test")
    done = subprocess.run([judge / "kgo.test", "-test.v", "-test.run", f"^{case}$", "-test.timeout",
                           f"{200 + records // 500}s"],
                          cwd=directory, capture_output=True, text=True, errors="replace",
                          env={**os.environ, "KGO_SEEDS": target.address, "KGO_TEST_RF": "1",
                               "KGO_TEST_RECORDS": str(records)})
    (tmp_path / "kgo.log").write_text(done.stdout + done.stderr)
    parts = re.findall(r"^\s*--- (PASS|FAIL|SKIP): (\S+)", done.stdout, re.M)
    if done.returncode != 0:
        failed = [name for verdict, name in parts if verdict == "FAIL"]
        lines = re.findall(r"^\s+\w+_test\.go:\d+: .*", done.stdout, re.M) or done.stdout.splitlines()[-3:]
        pytest.fail(f"{' '.join(failed[-3:])}: {' / '.join(line.strip() for line in lines[-3:])}"[:500])
    ran = sorted(name.removeprefix(f"{case}/") for verdict, name in parts if verdict == "PASS" and name != case)
    if ran:
        record_property("note", f"parts that ran: {', '.join(ran)}")
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


@pytest.fixture
def exporter(target, tmp_path):
    """The address of kafka_exporter's page; it reads the broker at each call."""
    try:
        program = sources.kafka_exporter()
    except sources.Missing as missing:
        pytest.skip(str(missing))
    address = f"127.0.0.1:{free_port()}"
    with open(tmp_path / "exporter.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen([program, f"--kafka.server={target.address}", f"--web.listen-address={address}"],
                                   stdout=log, stderr=log)
    yield f"http://{address}/metrics"
    process.terminate()
    process.wait(20)


def metrics(page):
    """{name{labels}: value}, or nothing when it does not answer yet."""
    try:
        with urllib.request.urlopen(page, timeout=20) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return {}
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line[:1] not in "#"}


def test_kafka_exporter_lag(target, exporter):
    """The lag in records; this copy of the exporter calls it uncommitted offsets."""
    topic, group, positions = "exporter-lag", "exporter-group", (100, 40, 0)
    admin = AdminClient({"bootstrap.servers": target.address})
    for future in admin.create_topics([NewTopic(topic, len(positions), 1)]).values():
        future.result()
    producer = Producer({"bootstrap.servers": target.address})
    for number in range(300):
        producer.produce(topic, f"v{number}", partition=number % 3)
    assert producer.flush(30) == 0
    consumer = Consumer({"bootstrap.servers": target.address, "group.id": group, "enable.auto.commit": False})
    consumer.subscribe([topic])
    wait_until(lambda: consumer.poll(1) is not None or len(consumer.assignment()) == 3, "the group to be stable", 30)
    consumer.commit(offsets=[TopicPartition(topic, part, at) for part, at in enumerate(positions)], asynchronous=False)

    lag = f'kafka_consumergroup_uncommitted_offsets{{consumergroup="{group}",partition="2",topic="{topic}"}}'
    wait_until(lambda: lag in metrics(exporter), "kafka_exporter to see the group", 60)
    found = metrics(exporter)
    consumer.close()
    assert found["kafka_brokers"] == 1
    assert found[f'kafka_topic_partitions{{topic="{topic}"}}'] == 3
    assert found[f'kafka_consumergroup_members{{consumergroup="{group}"}}'] == 1
    for part, at in enumerate(positions):
        labels = f'partition="{part}",topic="{topic}"'
        assert found[f"kafka_topic_partition_current_offset{{{labels}}}"] == 100
        assert found[f"kafka_topic_partition_oldest_offset{{{labels}}}"] == 0
        assert found[f"kafka_topic_partition_leader{{{labels}}}"] == 1
        assert found[f'kafka_consumergroup_current_offset{{consumergroup="{group}",{labels}}}'] == at
        assert found[f'kafka_consumergroup_uncommitted_offsets{{consumergroup="{group}",{labels}}}'] == 100 - at
    assert found[f'kafka_consumergroup_uncommitted_offsets_sum{{consumergroup="{group}",topic="{topic}"}}'] == 160
