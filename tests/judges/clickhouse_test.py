"""ClickHouse's own Kafka table engine, in libchdb: it consumes from the broker, also from one that was killed."""

import json
import pathlib
import subprocess
import sys

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from broker_fixture import wait_until

JUDGE = "ClickHouse Kafka table engine"

HERE = pathlib.Path(__file__).resolve().parent
PARTITIONS, RECORDS = 4, 100_000


def library():
    found = sorted((HERE.parent.parent / ".deps").glob("libchdb-*/libchdb.so"))
    if not found:
        pytest.skip("libchdb is not installed: scripts/setup fetches it")
    return found[-1]


class Engine:
    """One process with the engine; ask() gives rows."""

    def __init__(self, directory):
        self.process = subprocess.Popen([sys.executable, HERE / "clients/clickhouse.py", library(), directory],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL)

    def ask(self, sql):
        self.process.stdin.write(" ".join(sql.split()) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the engine ended with {self.process.wait(20)} at: {sql}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["rows"]

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def engine(tmp_path):
    made = Engine(tmp_path / "clickhouse")
    yield made
    made.close()


def consume(engine, address, topic, settings=""):
    """A table that the engine fills from the topic."""
    for statement in (
            f"CREATE TABLE queue (number UInt64, word String) ENGINE = Kafka SETTINGS kafka_broker_list = '{address}', "
            f"kafka_topic_list = '{topic}', kafka_group_name = '{topic}-group', kafka_format = 'JSONEachRow', "
            f"kafka_flush_interval_ms = 500 {settings}",
            "CREATE TABLE rows (number UInt64, word String, part UInt64, at UInt64) ENGINE = MergeTree ORDER BY number",
            "CREATE MATERIALIZED VIEW view TO rows AS SELECT number, word, _partition AS part, _offset AS at FROM queue"):
        engine.ask(statement)


def produce(address, topic, numbers, codec):
    producer = Producer({"bootstrap.servers": address, "compression.type": codec, "linger.ms": 5})
    for number in numbers:
        producer.produce(topic, json.dumps({"number": number, "word": f"w{number}"}), partition=number % PARTITIONS)
        producer.poll(0)
    assert producer.flush(60) == 0


def counts(engine):
    """Rows, different numbers, their sum, different places in the log."""
    return [int(each) for each in engine.ask("SELECT count(), uniqExact(number), sum(number), uniqExact(part, at) "
                                             "FROM rows")[0]]


def committed(target, topic):
    """What the engine's group has committed, summed over the partitions."""
    from confluent_kafka import Consumer, TopicPartition
    consumer = Consumer({"bootstrap.servers": target.address, "group.id": f"{topic}-group"})
    found = consumer.committed([TopicPartition(topic, each) for each in range(PARTITIONS)], timeout=20)
    consumer.close()
    return sum(max(each.offset, 0) for each in found)


def made(target, topic):
    admin = AdminClient({"bootstrap.servers": target.address})
    for future in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        future.result()


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["none", "lz4", "zstd"])
def test_every_record_is_in_the_table_once(target, engine, codec):
    topic = f"clickhouse-{codec}"
    made(target, topic)
    produce(target.address, topic, range(RECORDS), codec)
    consume(engine, target.address, topic, ", kafka_num_consumers = 2" if codec == "lz4" else "")
    wait_until(lambda: counts(engine)[1] == RECORDS, "every number to arrive", 90)
    assert counts(engine) == [RECORDS, RECORDS, RECORDS * (RECORDS - 1) // 2, RECORDS]
    # The end of the log and what was committed are the same, when the engine has come to it.
    wait_until(lambda: committed(target, topic) == RECORDS, "the group to commit the end", 30)


def test_broker_that_was_killed(target, engine):
    topic = "clickhouse-killed"
    made(target, topic)
    consume(engine, target.address, topic)
    produce(target.address, topic, range(RECORDS // 2), "none")
    wait_until(lambda: counts(engine)[1] == RECORDS // 2, "the first half", 90)
    wait_until(lambda: committed(target, topic) == RECORDS // 2, "the group to commit the first half", 30)
    target.restart()
    produce(target.address, topic, range(RECORDS // 2, RECORDS), "none")
    wait_until(lambda: counts(engine)[1] == RECORDS, "the second half", 90)
    assert counts(engine) == [RECORDS, RECORDS, RECORDS * (RECORDS - 1) // 2, RECORDS]
