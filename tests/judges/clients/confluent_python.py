"""confluent_python.py BOOTSTRAP CASE NAME: one case through confluent-kafka; ends with 0 when all is right."""

import sys
import time

from confluent_kafka import ConsumerGroupTopicPartitions, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic,
                                   OffsetSpec)

bootstrap, case, name = sys.argv[1:]
common = {"bootstrap.servers": bootstrap}
admin = AdminClient(common)


def create(topic, partitions):
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(20)


def produce(topic, values, **settings):
    errors = []
    producer = Producer({**common, **settings})
    for value in values:
        producer.produce(topic, value, key=value, headers={"h": b"header"},
                         on_delivery=lambda error, _: error and errors.append(error))
    assert producer.flush(30) == 0 and not errors, errors[:1]


def consumer(group, **settings):
    return Consumer({**common, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False,
                     "session.timeout.ms": 10000, **settings})


def read(reader, count, seconds=40):
    messages, deadline = [], time.monotonic() + seconds
    while len(messages) < count:
        assert time.monotonic() < deadline, f"{len(messages)} of {count} records after {seconds} s"
        for message in reader.consume(count, 0.3):
            assert not message.error(), message.error()
            messages.append(message)
    return messages


def values(start, end):
    return [f"v{i}" for i in range(start, end)]


def produce_and_consume():
    create(name, 3)
    codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
    for i, codec in enumerate(codecs):
        produce(name, values(i * 500, i * 500 + 500), **{"compression.type": codec, "enable.idempotence": i % 2 == 0})
    reader = consumer(name)
    reader.subscribe([name])
    messages = read(reader, 2500)
    assert {m.value().decode() for m in messages} == set(values(0, 2500))
    assert messages[0].headers() == [("h", b"header")]
    reader.commit(asynchronous=False)
    reader.close()
    times = admin.list_offsets({TopicPartition(name, 0): OffsetSpec.max_timestamp()})
    assert next(iter(times.values())).result(20).offset >= 0


def groups(strategy):
    create(name, 4)
    produce(name, values(0, 400))
    members = [consumer(name, **{"partition.assignment.strategy": strategy, "group.instance.id": f"i{i}"})
               for i in range(2)]
    for member in members:
        member.subscribe([name])
    seen, deadline = set(), time.monotonic() + 60
    while not all(len(member.assignment()) == 2 for member in members) or len(seen) < 400:
        assert time.monotonic() < deadline, [len(seen), *(member.assignment() for member in members)]
        for member in members:
            message = member.poll(0.05)
            if message and not message.error():
                seen.add(message.value().decode())
    described = admin.describe_consumer_groups([name])[name].result(20)
    assert len(described.members) == 2 and described.members[0].group_instance_id in ("i0", "i1")
    for member in members:
        member.commit(asynchronous=False)
        member.close()
    assert name in [group.group_id for group in admin.list_consumer_groups().result(20).valid]
    request = ConsumerGroupTopicPartitions(name)
    offsets = admin.list_consumer_group_offsets([request])[name].result(20).topic_partitions
    assert sum(max(partition.offset, 0) for partition in offsets) == 400
    # Static members leave by their session's end only; an admin takes them out sooner by deleting the group then.


def transactions():
    create(name + "-in", 1)
    create(name, 2)
    produce(name + "-in", values(0, 100))
    reader = consumer(name + "-copier")
    reader.subscribe([name + "-in"])
    read(reader, 100)
    producer = Producer({**common, "transactional.id": name})
    producer.init_transactions(30)
    for i in range(4):
        producer.begin_transaction()
        for value in values(i * 10, i * 10 + 10):
            producer.produce(name, value)
        producer.send_offsets_to_transaction([TopicPartition(name + "-in", 0, i + 1)],
                                             reader.consumer_group_metadata(), 30)
        producer.abort_transaction(30) if i % 2 else producer.commit_transaction(30)
    assert reader.committed([TopicPartition(name + "-in", 0)], 20)[0].offset == 3
    reader.close()
    committed = consumer(name + "-reader", **{"isolation.level": "read_committed"})
    committed.subscribe([name])
    assert sorted(m.value().decode() for m in read(committed, 20)) == sorted(values(0, 10) + values(20, 30))
    committed.close()
    # A second producer of the same id fences the first.
    second = Producer({**common, "transactional.id": name})
    second.init_transactions(30)
    try:
        producer.begin_transaction()
        producer.produce(name, "late")
        producer.commit_transaction(30)
    except KafkaException as fenced:
        assert fenced.args[0].fatal(), fenced
    else:
        raise AssertionError("the older producer was not fenced")


def admin_calls():
    create(name, 2)
    produce(name, values(0, 100))
    admin.create_partitions([NewPartitions(name, 4)])[name].result(20)
    resource = ConfigResource("topic", name)
    entries = next(iter(admin.describe_configs([resource]).values())).result(20)
    assert entries["retention.ms"].value == "604800000"
    change = ConfigResource("topic", name, incremental_configs=[
        ConfigEntry("retention.ms", "1234567", incremental_operation=AlterConfigOpType.SET)])
    next(iter(admin.incremental_alter_configs([change]).values())).result(20)
    entries = next(iter(admin.describe_configs([resource]).values())).result(20)
    assert entries["retention.ms"].value == "1234567"
    from confluent_kafka import TopicCollection
    topic = admin.describe_topics(TopicCollection([name]))[name].result(20)
    assert len(topic.partitions) == 4
    cluster = admin.describe_cluster().result(20)
    assert cluster.cluster_id and len(cluster.nodes) == 1
    deleted = admin.delete_records([TopicPartition(name, 0, 1)])
    assert next(iter(deleted.values())).result(20).low_watermark == 1
    admin.delete_topics([name])[name].result(20)


{"produce_and_consume": produce_and_consume, "groups": lambda: groups("range"),
 "groups_cooperative": lambda: groups("cooperative-sticky"), "transactions": transactions,
 "admin": admin_calls}[case]()
