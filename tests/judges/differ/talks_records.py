"""Produce, Fetch, ListOffsets, OffsetForLeaderEpoch and DeleteRecords."""

import time

import record_batches
from conversation import conversation
from wire_schema import Message

RECORDS = [(1000, b"k1", b"one"), (2000, None, b"two"), (1500, b"k3", None)]


def produce_body(talk, topic, data, partition=0, acks=-1, transactional_id=None):
    return {"transactionalId": transactional_id, "acks": acks, "timeoutMs": 10000, "topicData": [
        {"name": topic, "partitionData": [{"index": partition, "records": data}]}]}


@conversation("Produce", range(0, 3))
def old_versions(talk):
    talk.ask("closed", **produce_body(talk, "t", b""))


@conversation("Produce", range(3, 12))
def appended(talk):
    topic = talk.topic()
    for acks in (-1, 1):
        talk.ask(f"acks {acks}", **produce_body(talk, topic, record_batches.batch(RECORDS), acks=acks))


@conversation("Produce", range(3, 12))
def log_append_time(talk):
    topic = talk.topic(message_timestamp_type="LogAppendTime")
    talk.ask("stamped", **produce_body(talk, topic, record_batches.batch(RECORDS)))


@conversation("Produce", range(3, 12))
def refused(talk):
    topic, good = talk.topic(), record_batches.batch(RECORDS)
    compacted = talk.topic("-compacted", cleanup_policy="compact")
    small = talk.topic("-small", max_message_bytes="100")
    cases = {"unknown topic": (talk.own + "-none", good), "unknown partition": (topic, good),
             "damaged": (topic, record_batches.batch(RECORDS, damage=True)),
             "nothing": (topic, b""), "two batches": (topic, good + good),
             "control batch": (topic, record_batches.batch(RECORDS, attributes=32, producer_id=1, epoch=0)),
             "no key": (compacted, good), "too large": (small, record_batches.batch([(1, b"k", b"x" * 200)]))}
    for label, (name, data) in cases.items():
        partition = 5 if label == "unknown partition" else 0
        talk.ask(label, **produce_body(talk, name, data, partition=partition))
    talk.ask("acks 7", **produce_body(talk, topic, good, acks=7))


@conversation("Produce", range(3, 12))
def single_records_refused(talk):
    """Some of a batch, for which it is refused as a whole; from version 8 on the answer says which."""
    keyless = [(1000 + index, None if index % 3 else b"k", b"v") for index in range(6)]
    now = int(time.time() * 1000)
    ahead = [(now, b"k", b"v"), (now + 7_200_000, b"k", b"v"), (now + 1, b"k", b"v"), (now + 7_200_001, b"k", b"v")]
    compacted, bounded = talk.topic("-compacted", cleanup_policy="compact"), talk.topic(
        "-bounded", message_timestamp_before_max_ms="60000")
    talk.ask("no keys", **produce_body(talk, compacted, record_batches.batch(keyless)))
    talk.ask("ahead of time", **produce_body(talk, compacted, record_batches.batch(ahead)))
    talk.ask("too old", **produce_body(talk, bounded, record_batches.batch(
        [(now - 120_000, b"k", b"v"), (now, b"k", b"v"), (now - 90_000, b"k", b"v")])))


@conversation("Produce", range(3, 12))
def idempotent(talk):
    topic = talk.topic()
    made = talk.call("InitProducerId", 1, transactionalId=None, transactionTimeoutMs=60000)
    producer = {"producer_id": made["producerId"], "epoch": made["producerEpoch"]}

    def say(label, sequence, **changed):
        data = record_batches.batch(RECORDS, sequence=sequence, **{**producer, **changed})
        talk.ask(label, **produce_body(talk, topic, data))
    say("first", 0)
    say("again", 0)
    say("next", 3)
    say("a gap", 9)
    say("new epoch, wrong start", 4, epoch=1)
    say("new epoch", 0, epoch=1)
    say("old epoch", 6, epoch=0)


@conversation("Produce", range(3, 12))
def no_answer(talk):
    topic = talk.topic()
    body = produce_body(talk, topic, record_batches.batch(RECORDS), acks=0)
    talk.connection.send("Produce", talk.version, Message("ProduceRequest", talk.version).encode(body))
    talk.ask("the next answer is that of the next request",
             **produce_body(talk, topic, record_batches.batch(RECORDS)))


def fetch_body(talk, topic, offset=0, partition=0, isolation=0, topic_id=None, **more):
    where = {"partition": partition, "fetchOffset": offset, "partitionMaxBytes": 1 << 20}
    where.update((key, more.pop(key)) for key in ("currentLeaderEpoch", "lastFetchedEpoch") if key in more)
    by_id = topic_id if topic_id is not None else talk.topic_id(topic) if talk.version > 12 else bytes(16)
    return {"replicaId": -1, "maxWaitMs": 0, "minBytes": 1, "maxBytes": 1 << 20, "isolationLevel": isolation,
            "topics": [{"topic": topic, "topicId": by_id, "partitions": [where]}], **more}


@conversation("Fetch")
def read(talk):
    topic = talk.topic()
    talk.ask("empty", **fetch_body(talk, topic))
    talk.produce(topic, RECORDS)
    talk.produce(topic, RECORDS)
    for offset in (0, 3, 4, 6):
        talk.ask(f"from {offset}", **fetch_body(talk, topic, offset))
    talk.ask("read committed", **fetch_body(talk, topic, isolation=1))


@conversation("Fetch")
def outside(talk):
    topic = talk.topic()
    talk.produce(topic, RECORDS)
    talk.ask("past the end", **fetch_body(talk, topic, 99))
    talk.ask("before the start", **fetch_body(talk, topic, -5))
    talk.ask("unknown partition", **fetch_body(talk, topic, partition=7))
    talk.ask("unknown topic", **fetch_body(talk, talk.own + "-none", topic_id=bytes([7] * 16)))
    if talk.version >= 9:
        talk.ask("old epoch", **fetch_body(talk, topic, currentLeaderEpoch=0))
        talk.ask("future epoch", **fetch_body(talk, topic, currentLeaderEpoch=99))


@conversation("Fetch", range(7, 18))
def sessions(talk):
    topic = talk.topic()
    talk.ask("a new session", **fetch_body(talk, topic, sessionId=0, sessionEpoch=0))
    talk.ask("an unknown session", **fetch_body(talk, topic, sessionId=4711, sessionEpoch=3))


@conversation("Fetch")
def transactions(talk):
    topic = talk.topic()
    aborted_then_open(talk, topic)
    for isolation in (0, 1):
        talk.ask(f"isolation {isolation}", **fetch_body(talk, topic, isolation=isolation))


def aborted_then_open(talk, topic):
    """Three plain records, an aborted transaction of three, a marker, and an open transaction of three."""
    who = {"transactionalId": talk.own}
    talk.produce(topic, record_batches.recent(RECORDS))
    made = talk.call("InitProducerId", 1, transactionTimeoutMs=60000, **who)
    ids = {"producerId": made["producerId"], "producerEpoch": made["producerEpoch"]}
    add = {"v3AndBelowTransactionalId": talk.own, "v3AndBelowProducerId": ids["producerId"],
           "v3AndBelowProducerEpoch": ids["producerEpoch"],
           "v3AndBelowTopics": [{"name": topic, "partitions": [0]}]}
    batch = {"transactional_id": talk.own, "producer_id": ids["producerId"], "epoch": ids["producerEpoch"],
             "attributes": 16}
    talk.call("AddPartitionsToTxn", 0, **add)
    talk.produce(topic, record_batches.recent(RECORDS), sequence=0, **batch)
    talk.call("EndTxn", 1, committed=False, **who, **ids)
    talk.call("AddPartitionsToTxn", 0, **add)
    talk.produce(topic, record_batches.recent(RECORDS), sequence=3, **batch)


def offsets_body(topic, *timestamps, partition=0, isolation=0, **more):
    return {"replicaId": -1, "isolationLevel": isolation, "topics": [
        {"name": topic, "partitions": [{"partitionIndex": partition, "timestamp": each, **more}]}
        for each in timestamps]}


@conversation("ListOffsets")
def times(talk):
    topic = talk.topic()
    for when in (-1, -2, 0):
        talk.ask(f"empty, {when}", **offsets_body(topic, when))
    talk.produce(topic, RECORDS)
    talk.produce(topic, [(3000, b"k", b"v")])
    for when in (-1, -2, -3, -4, -5, -6, 0, 1000, 1200, 1501, 2000, 2001, 3000, 3001):
        talk.ask(f"time {when}", **offsets_body(topic, when))


@conversation("ListOffsets")
def unknown(talk):
    topic = talk.topic()
    talk.ask("topic", **offsets_body(talk.own + "-none", -1))
    talk.ask("partition", **offsets_body(topic, -1, partition=4))
    if talk.version >= 4:
        talk.ask("future epoch", **offsets_body(topic, -1, currentLeaderEpoch=50))


@conversation("ListOffsets", range(2, 10))
def open_transaction(talk):
    topic = talk.topic()
    aborted_then_open(talk, topic)
    for isolation in (0, 1):
        talk.ask(f"isolation {isolation}", **offsets_body(topic, -1, isolation=isolation))


@conversation("OffsetForLeaderEpoch")
def epochs(talk):
    topic = talk.topic()

    def say(label, name, epoch, partition=0, current=-1):
        talk.ask(label, replicaId=-1, topics=[{"topic": name, "partitions": [
            {"partition": partition, "currentLeaderEpoch": current, "leaderEpoch": epoch}]}])
    say("empty", topic, 0)
    talk.produce(topic, RECORDS)
    say("current", topic, 0)
    say("future", topic, 5)
    say("undefined", topic, -1)
    say("client from the future", topic, 0, current=9)
    say("unknown topic", talk.own + "-none", 0)
    say("unknown partition", topic, 0, partition=3)


@conversation("DeleteRecords")
def moved_start(talk):
    topic = talk.topic()
    talk.produce(topic, RECORDS)
    talk.produce(topic, RECORDS)

    def say(label, offset, name=topic, partition=0):
        talk.ask(label, timeoutMs=10000, topics=[
            {"name": name, "partitions": [{"partitionIndex": partition, "offset": offset}]}])
    say("inside a batch", 2)
    say("backwards", 1)
    say("past the end", 99)
    say("below -1", -2)
    say("to the end", -1)
    say("unknown topic", 1, name=talk.own + "-none")
    say("unknown partition", 1, partition=3)
    found = talk.call("ListOffsets", 1, replicaId=-1, topics=[
        {"name": topic, "partitions": [{"partitionIndex": 0, "timestamp": -2}]}])
    talk.note("the start afterwards", found)
