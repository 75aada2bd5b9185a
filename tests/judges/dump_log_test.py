"""What compaction and transactions leave on disk, read by Apache Kafka's DumpLogSegments."""

import re
import subprocess

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

import sources
from broker_fixture import BrokerProcess, wait_until
from kafka_node import java

pytestmark = pytest.mark.slow
KEYS, RECORDS = 50, 6000


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    """Directories by topic, of partitions that are not used any more; one of them is compacted."""
    try:
        sources.kafka()
    except sources.Missing as missing:
        pytest.skip(str(missing))
    broker = BrokerProcess(tmp_path_factory.mktemp("broker")).start(compaction_check_interval=100)
    admin = AdminClient({"bootstrap.servers": broker.address})
    config = {"cleanup.policy": "compact", "segment.bytes": "20000", "min.cleanable.dirty.ratio": "0.01",
              "index.interval.bytes": "500", "delete.retention.ms": "60000"}
    for made in admin.create_topics([NewTopic("compacted", 1, 1, config=config)]).values():
        made.result()
    for made in admin.create_topics([NewTopic("plain", 1, 1, config={"segment.bytes": "60000"})]).values():
        made.result()
    produce(broker.address, "compacted")
    produce(broker.address, "plain")
    found = {topic: next(broker.directory.rglob(f"{topic}-0")) for topic in ("compacted", "plain")}

    def compacted():
        files = sorted(found["compacted"].glob("*.log"))
        return len(files) > 1 and sum(file.stat().st_size for file in files[:-1]) < 40_000
    wait_until(compacted, "the topic to be compacted", 30)
    broker.close()
    return found


def produce(address, topic):
    producer = Producer({"bootstrap.servers": address, "transactional.id": f"dump-{topic}", "linger.ms": 1,
                         "batch.num.messages": 50, "compression.type": "lz4"})
    producer.init_transactions()
    for start in range(0, RECORDS, 500):
        producer.begin_transaction()
        for i in range(start, start + 500):
            # A tombstone now and then, and every third transaction is rolled back.
            producer.produce(topic, key=f"key {i % KEYS}", value=None if i % 97 == 0 else f"value {i}")
        assert producer.flush(20) == 0  # or there would be nothing to roll back
        if start // 500 % 3 == 2:
            producer.abort_transaction()
        else:
            producer.commit_transaction()


def dump(files, *options):
    done = subprocess.run(java("org.apache.kafka.tools.DumpLogSegments", *options, "--files",
                               ",".join(map(str, files))), capture_output=True, text=True, timeout=120, check=False)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text[-2000:]
    for complaint in ("mismatch", "isvalid: false", "Exception", "out of order", "corrupt"):
        assert complaint.lower() not in text.lower(), [line for line in text.splitlines() if complaint in line][:5]
    return text


def test_segments(directories):
    text = dump(sorted(directories["compacted"].glob("*.log")), "--deep-iteration", "--print-data-log")
    assert "isvalid: true" in text and "endTxnMarker: COMMIT" in text
    assert "key 7" in text and "deleteHorizonMs: OptionalLong[" in text


def test_transaction_indexes(directories):
    """Four of twelve transactions were rolled back; each begins where the marker of the one before it lies, plus one."""
    text = dump(sorted(directories["plain"].glob("*.txnindex")))
    found = [tuple(map(int, each)) for each in
             re.findall(r"firstOffset: (\d+) lastOffset: (\d+) lastStableOffset: (\d+)", text)]
    aborted = [501 * each for each in range(RECORDS // 500) if each % 3 == 2]
    assert found == [(first, first + 500, first + 501) for first in aborted]


def test_producer_snapshots(directories):
    for topic, directory in directories.items():
        files = sorted(directory.glob("*.snapshot"))
        assert files, f"{topic} has no snapshot of its producers"
        text = dump(files)
        states = re.findall(r"producerId: (\d+) producerEpoch: (\d+) .*?currentTxnFirstOffset: (\S+)", text)
        assert len(states) == len(files), text
        # The newest is of the end of the log, with every transaction ended.
        assert states[-1][2] in ("None", "OptionalLong.empty"), text
