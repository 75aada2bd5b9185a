"""Transactions of librdkafka through python3-confluent-kafka, and what a SIGKILL leaves of them."""

import itertools
import random
import threading
import time

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from broker_fixture import broker, wait_until  # noqa: F401


def create(broker, topic, partitions=1):
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(20)


def make_producer(broker, transactional_id="id", **settings):
    producer = Producer({"bootstrap.servers": broker.address, "transactional.id": transactional_id,
                         "linger.ms": 1, **settings})
    producer.init_transactions(30)
    return producer


def make_consumer(broker, group, **settings):
    return Consumer({"bootstrap.servers": broker.address, "group.id": group, "auto.offset.reset": "earliest",
                     "session.timeout.ms": 6000, "enable.auto.commit": False, "enable.partition.eof": True,
                     **settings})


def read_all(broker, topic, partitions=1, isolation="read_committed"):
    """Everything up to the end, by partition."""
    consumer = make_consumer(broker, f"reader-{random.random()}", **{"isolation.level": isolation})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    values = {p: [] for p in range(partitions)}
    ended = set()
    deadline = time.monotonic() + 30
    while len(ended) < partitions:
        assert time.monotonic() < deadline, f"ended: {ended} of {partitions}"
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            ended.add(message.partition())
        else:
            values[message.partition()].append(message.value().decode())
    consumer.close()
    return values


def test_commit_and_abort(broker):
    create(broker, "t", 2)
    producer = make_producer(broker)
    for i in range(30):
        producer.begin_transaction()
        for j in range(10):
            producer.produce("t", f"{i}:{j}", partition=j % 2)
        if i % 3 == 1:
            producer.flush(10)  # so that there is something to roll back
            producer.abort_transaction(20)
        else:
            producer.commit_transaction(20)
    kept = [i for i in range(30) if i % 3 != 1]
    for partition in range(2):
        expected = [f"{i}:{j}" for i in kept for j in range(10) if j % 2 == partition]
        assert read_all(broker, "t", 2)[partition] == expected
    assert len(read_all(broker, "t", 2, "read_uncommitted")[0]) == 150


def test_an_open_transaction_holds_committed_readers_only(broker):
    create(broker, "t")
    producer = make_producer(broker)
    producer.begin_transaction()
    producer.produce("t", "a")
    producer.flush(10)
    other = Producer({"bootstrap.servers": broker.address})
    other.produce("t", "b")
    assert other.flush(10) == 0
    assert read_all(broker, "t")[0] == []
    assert read_all(broker, "t", isolation="read_uncommitted")[0] == ["a", "b"]
    consumer = make_consumer(broker, "g")
    assert consumer.get_watermark_offsets(TopicPartition("t", 0), timeout=10)[1] == 0
    consumer.close()
    producer.commit_transaction(20)
    assert read_all(broker, "t")[0] == ["a", "b"]


def test_a_new_producer_fences_the_old_one(broker):
    create(broker, "t")
    old = make_producer(broker)
    old.begin_transaction()
    old.produce("t", "old")
    old.flush(10)
    new = make_producer(broker)
    with pytest.raises(KafkaException) as refused:
        old.commit_transaction(20)
    assert refused.value.args[0].fatal()
    new.begin_transaction()
    new.produce("t", "new")
    new.commit_transaction(20)
    assert read_all(broker, "t")[0] == ["new"]


def test_a_transaction_that_times_out_is_rolled_back(broker):
    create(broker, "t")
    # The client looks for a new topic once a second, and gives a record no longer than the transaction has.
    producer = make_producer(broker, **{"transaction.timeout.ms": 3000})
    producer.begin_transaction()
    producer.produce("t", "a")
    producer.flush(10)
    consumer = make_consumer(broker, "g")
    wait_until(lambda: consumer.get_watermark_offsets(TopicPartition("t", 0), timeout=10)[1] == 2,
               "the marker")
    consumer.close()
    assert read_all(broker, "t")[0] == []
    with pytest.raises(KafkaException):
        producer.commit_transaction(20)


def copy_once(broker, source, target, group, seconds=60, aborts=None):
    """Consume, transform, produce; every record once, whatever happens in between."""
    consumer = make_consumer(broker, group, **{"isolation.level": "read_committed"})
    producer = make_producer(broker, f"copy-{group}")
    consumer.subscribe([source])
    deadline = time.monotonic() + seconds
    ended = set()
    while time.monotonic() < deadline and not ended:
        messages = consumer.consume(50, 1.0)
        records = [m for m in messages if not m.error()]
        ended = {m.partition() for m in messages if m.error()}
        if not records:
            continue
        producer.begin_transaction()
        for message in records:
            producer.produce(target, message.value(), partition=0)
        positions = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 20)
        if aborts is not None and aborts.random() < 0.3:
            producer.abort_transaction(20)
            for position in consumer.committed(consumer.assignment(), 20):
                position.offset = max(position.offset, 0)
                consumer.seek(position)
            ended = set()
        else:
            producer.commit_transaction(20)
    consumer.close()


def test_consume_transform_produce_with_aborts_is_exact(broker):
    create(broker, "in")
    create(broker, "out")
    producer = Producer({"bootstrap.servers": broker.address})
    expected = [str(i) for i in range(1000)]
    for value in expected:
        producer.produce("in", value)
    assert producer.flush(20) == 0
    copy_once(broker, "in", "out", "g", aborts=random.Random(7))
    assert read_all(broker, "out")[0] == expected


def write_numbers(broker, partitions, numbers, told):
    """Transactions that write their number to all partitions, until the broker is gone."""
    try:
        producer = make_producer(broker)
        while True:
            number = str(next(numbers))
            producer.begin_transaction()
            for partition in range(partitions):
                producer.produce("t", number, partition=partition)
            producer.commit_transaction(5)
            told.append(number)
    except KafkaException:
        pass


def check_numbers(broker, partitions, told):
    """Each is in all partitions or in none, and every one that was told to be committed is there."""
    make_producer(broker)  # rolls back what was open
    found = read_all(broker, "t", partitions)
    assert all(found[p] == found[0] for p in range(partitions))
    assert len(set(found[0])) == len(found[0])
    missing = [n for n in told if n not in set(found[0])]
    assert told and not missing


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_kills_leave_transactions_whole(broker, seed):
    create(broker, "t", 3)
    rounds = random.Random(seed)
    numbers = itertools.count()
    told = []
    for _ in range(3):
        enough = len(told) + rounds.randrange(1, 12)

        def kill_in_the_middle(enough=enough, delay=rounds.uniform(0, 0.05)):
            wait_until(lambda: len(told) >= enough, "commits", 60)
            threading.Event().wait(delay)  # anywhere inside a transaction
            broker.kill()

        killer = threading.Thread(target=kill_in_the_middle)
        killer.start()
        while killer.is_alive():
            write_numbers(broker, 3, numbers, told)
        broker.start()
    check_numbers(broker, 3, told)


@pytest.mark.parametrize("commit", [pytest.param(60, marks=pytest.mark.slow), 83,
                                    pytest.param(107, marks=pytest.mark.slow), 142])
def test_torn_group_commits_leave_transactions_whole(broker, monkeypatch, commit):
    """Half of a group commit is written: some of the decision, the markers and the completion."""
    create(broker, "t", 3)
    assert broker.stop() == 0
    monkeypatch.setenv("FRESHET_CRASH_AT", f"mid_append_torn:{commit}")
    broker.start()
    told = []
    write_numbers(broker, 3, itertools.count(), told)
    broker.process.wait(20)
    monkeypatch.delenv("FRESHET_CRASH_AT")
    broker.start()
    check_numbers(broker, 3, told)
