"""Foreign clients, unchanged: Debian's kcat 1.7.1 and python3-confluent-kafka over librdkafka 2.0.2."""

import json
import struct
import time

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from broker_fixture import broker, frame, kcat, read_frame, wait_until  # noqa: F401

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def produce(broker, topic, values, partition=None, **settings):
    failed = []
    producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 5, **settings})
    for i, value in enumerate(values):
        options = {} if partition is None else {"partition": partition}
        producer.produce(topic, value, key=str(i), on_delivery=lambda error, _: error and failed.append(error),
                         **options)
        producer.poll(0)
    assert producer.flush(30) == 0
    assert not failed, failed[0]


def make_consumer(broker, group, **settings):
    return Consumer({"bootstrap.servers": broker.address, "group.id": group, "auto.offset.reset": "earliest",
                     "session.timeout.ms": 6000, "enable.auto.commit": False, **settings})


def consume(consumer, count, seconds=30):
    messages = []
    deadline = time.monotonic() + seconds
    while len(messages) < count and time.monotonic() < deadline:
        for message in consumer.consume(count - len(messages), 0.5):
            assert not message.error(), message.error()
            messages.append(message)
    return messages


def create(broker, topic, partitions):
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(20)


@pytest.mark.parametrize("codec", CODECS)
def test_kcat_round_trip(broker, codec):
    lines = [f"{i}:{'x' * (i % 200)}" for i in range(2000)]
    kcat(broker, "-P", "-t", "t", "-z", codec, "-K", ":", stdin="\n".join(lines) + "\n")
    out = kcat(broker, "-C", "-t", "t", "-o", "beginning", "-e", "-q", "-f", "%k:%s\n")
    assert out.splitlines() == lines


@pytest.mark.parametrize("codec", CODECS[1:])
def test_batches_arrive_compressed(broker, codec):
    """An advertised range without Produce 0-2 makes this client drop the codec in silence."""
    produce(broker, "t", ["y" * 1000] * 2000, **{"compression.type": codec})
    segments = sum(f.stat().st_size for f in broker.directory.rglob("*.log") if "/t-0/" in str(f))
    assert 0 < segments < 400_000
    assert len(consume(make_assigned(broker, "t"), 2000)) == 2000


def make_assigned(broker, topic, offset=0, partition=0):
    consumer = make_consumer(broker, "unused")
    consumer.assign([TopicPartition(topic, partition, offset)])
    return consumer


def test_kcat_lists_the_cluster(broker):
    create(broker, "listed", 3)
    listing = json.loads(kcat(broker, "-L", "-J"))
    assert listing["brokers"] == [{"id": 1, "name": broker.address}]
    topic = next(t for t in listing["topics"] if t["topic"] == "listed")
    assert [p["leader"] for p in topic["partitions"]] == [1, 1, 1]


def test_idempotent_producer(broker):
    produce(broker, "t", [f"v{i}" for i in range(20_000)], **{"enable.idempotence": True})
    values = [m.value().decode() for m in consume(make_assigned(broker, "t"), 20_000)]
    assert values == [f"v{i}" for i in range(20_000)]


def test_null_values_headers_and_timestamps(broker):
    producer = Producer({"bootstrap.servers": broker.address})
    producer.produce("t", None, key="gone", headers=[("h", b"1"), ("h", b"2")], timestamp=1_600_000_000_123)
    assert producer.flush(20) == 0
    [message] = consume(make_assigned(broker, "t"), 1)
    assert message.value() is None and message.key() == b"gone"
    assert message.headers() == [("h", b"1"), ("h", b"2")]
    assert message.timestamp() == (1, 1_600_000_000_123)


def test_offsets_by_time(broker):
    producer = Producer({"bootstrap.servers": broker.address, "compression.type": "lz4", "linger.ms": 50})
    for i in range(1000):
        producer.produce("t", str(i), timestamp=1_600_000_000_000 + i * 10)
    assert producer.flush(20) == 0
    consumer = make_consumer(broker, "g")
    wanted = [TopicPartition("t", 0, 1_600_000_000_000 + ms) for ms in (0, 4995, 9990, 9991)]
    found = [consumer.offsets_for_times([tp], 20)[0].offset for tp in wanted]
    assert found == [0, 500, 999, -1]
    assert consumer.get_watermark_offsets(TopicPartition("t", 0), 20) == (0, 1000)


def test_group_shares_partitions_and_goes_on_where_it_committed(broker):
    create(broker, "t", 6)
    for partition in range(6):
        produce(broker, "t", [f"{partition}-{i}" for i in range(100)], partition)
    members = [make_consumer(broker, "g") for _ in range(3)]
    for member in members:
        member.subscribe(["t"])

    seen = {}

    def all_have_two():
        for member in members:
            for message in member.consume(100, 0.1):
                seen[(message.partition(), message.offset())] = message.value()
                member.commit(message, asynchronous=True)
        return all(len(member.assignment()) == 2 for member in members)

    wait_until(all_have_two, "three members with two partitions each", 60)
    wait_until(lambda: all_have_two() and len(seen) == 600, "all 600 records", 60)
    members[0].close()

    def the_others_have_all():
        for member in members[1:]:
            member.consume(100, 0.1)
        return sum(len(member.assignment()) for member in members[1:]) == 6

    wait_until(the_others_have_all, "the two others to take over", 60)
    for member in members[1:]:
        member.close()


def test_committed_offsets_survive_a_kill(broker):
    produce(broker, "t", ["a", "b", "c"])
    consumer = make_assigned(broker, "t")
    consume(consumer, 3)
    consumer.commit(offsets=[TopicPartition("t", 0, 2)], asynchronous=False)
    broker.kill()
    broker.start(port=broker.port)
    [committed] = make_consumer(broker, "unused").committed([TopicPartition("t", 0)], 20)
    assert committed.offset == 2
    assert [m.value() for m in consume(make_assigned(broker, "t"), 3)] == [b"a", b"b", b"c"]


def test_offsets_carry_metadata(broker):
    """As raw frames: this client's binding cannot set it."""
    def text(value):
        return struct.pack(">h", len(value)) + value

    create(broker, "t", 1)
    with broker.connect() as connection:
        note = b"intent 0-99"
        connection.sendall(frame(8, 2, 1, text(b"g") + struct.pack(">i", -1) + text(b"") + struct.pack(">qi", -1, 1)
                                 + text(b"t") + struct.pack(">iiq", 1, 0, 17) + text(note)))
        assert read_frame(connection) == struct.pack(">ii", 1, 1) + text(b"t") + struct.pack(">iih", 1, 0, 0)
        connection.sendall(frame(9, 1, 2, text(b"g") + struct.pack(">i", 1) + text(b"t") + struct.pack(">ii", 1, 0)))
        assert read_frame(connection) == (struct.pack(">ii", 2, 1) + text(b"t") + struct.pack(">iiq", 1, 0, 17)
                                          + text(note) + struct.pack(">h", 0))


def test_acknowledged_records_survive_a_kill(broker):
    acknowledged = []
    producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 1, "message.timeout.ms": 60_000})

    def delivered(error, message):
        if not error:
            acknowledged.append((message.offset(), message.value()))

    for i in range(30_000):
        producer.produce("t", str(i), on_delivery=delivered)
        producer.poll(0)
        if i == 20_000:
            wait_until(lambda: producer.poll(0.05) is not None and acknowledged, "some acknowledgements")
            broker.kill()
            broker.start(port=broker.port)
    assert producer.flush(60) == 0
    [_, end] = make_consumer(broker, "g").get_watermark_offsets(TopicPartition("t", 0), 20)
    stored = {m.offset(): m.value() for m in consume(make_assigned(broker, "t"), end)}
    missing = [a for a in acknowledged if stored.get(a[0]) != a[1]]
    assert len(acknowledged) == 30_000 and not missing, missing[:3]


def test_admin_calls(broker):
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic("t", 2, 3, config={"retention.ms": "60000"})])["t"].result(20)
    resource = ConfigResource("topic", "t")
    configs = admin.describe_configs([resource])[resource].result(20)
    assert configs["retention.ms"].value == "60000"
    assert configs["cleanup.policy"].value == "delete"
    with pytest.raises(KafkaException) as refused:
        admin.create_topics([NewTopic("bad", 1, 1, config={"no.such": "1"})])["bad"].result(20)
    assert "no.such" in refused.value.args[0].str()
    produce(broker, "t", ["a"])
    group = make_consumer(broker, "g")
    group.subscribe(["t"])
    assert len(consume(group, 1)) == 1
    listed = {g.id: g for g in admin.list_groups(timeout=20)}
    assert listed["g"].state == "Stable" and len(listed["g"].members) == 1
    group.close()
    admin.delete_topics(["t"])["t"].result(20)
    assert "t" not in admin.list_topics(timeout=20).topics


def test_large_messages(broker):
    produce(broker, "t", ["z" * 900_000] * 20)
    messages = consume(make_assigned(broker, "t"), 20)
    assert [len(m.value()) for m in messages] == [900_000] * 20
    with pytest.raises(AssertionError, match="MSG_SIZE_TOO_LARGE"):
        produce(broker, "t", ["z" * 2_000_000], **{"message.max.bytes": 4_000_000})
