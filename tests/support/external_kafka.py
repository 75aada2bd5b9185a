"""What a platform on an external Kafka must do, whoever serves it."""

import os
import signal
import time

from freshet import wait_until

GROUP = "freshet.outside.events"
TABLE = """
tables:
  - CREATE TABLE t.events (user_id String, event_type LowCardinality(String), timestamp DateTime64(3, 'UTC'),
    session_id String, device LowCardinality(String), inserted_at DateTime DEFAULT now())
    ENGINE = MergeTree ORDER BY (timestamp, user_id)
pipelines:
"""


def events(address, count, rate=None, source=True, kafka="", pipeline=""):
    """A platform that writes and reads `events`; `kafka` and `pipeline` are more keys of theirs, ending with a comma."""
    pace = f"rate: {rate}/s, " if rate else ""
    publish = f"sources:\n  events: {{ generate: {{ kind: events, {pace}count: {count}, seed: 7 }}, to: events }}\n"
    return (f'platform: outside\nservices: {{ kafka: {{ {kafka} bootstrap: "{address}" }} }}\n'
            "topics: { events: { partitions: 4 } }\n" + (publish if source else "") + TABLE +
            f"  events: {{ from: events, decode: json, {pipeline} to: {{ clickhouse: {{ table: t.events }} }}, "
            "flush: { after: 50ms } }\n")


def check_exact(verdict, records):
    assert verdict["exact"] and verdict["records"] == verdict["in_table"] == records, verdict
    assert (verdict["rejected"], verdict["missing"], verdict["doubled"], verdict["foreign"]) == (0, 0, 0, 0)


def rows(platform):
    return int(platform.value("SELECT count() FROM t.events"))


def wait_rows(platform, more, seconds=60):
    """Until that many more rows than now are there."""
    before = rows(platform)
    wait_until(lambda: rows(platform) >= before + more, f"{more} more rows after {before}", seconds)


def finish(platform, count, seconds=120):
    wait_until(lambda: rows(platform) >= count, "all rows", seconds)
    assert platform.stop() == 0, platform.log()
    check_exact(platform.verify()[0], count)


def kill_and_go_on(make_platform, address, kills, count=60_000, rate=15_000):
    """SIGKILL in mid-stream, again and again: nothing is lost or doubled. Seconds from each restart to a new row."""
    p = make_platform(events(address, count, rate), "killed").start()
    first_rows = []
    for _ in range(kills):
        wait_rows(p, 2_000)
        p.kill()
        began = time.monotonic()
        p.start()
        wait_rows(p, 1, 30)
        first_rows.append(round(time.monotonic() - began, 2))
    finish(p, count)
    return first_rows


def places(platform):
    """(partition, offset) of every row; each is there once."""
    found = [(int(partition), int(offset)) for partition, offset in platform.sql("SELECT _partition, _offset FROM t.events")]
    assert len(found) == len(set(found)), f"{len(found) - len(set(found))} rows are doubled"
    return set(found)


def owned(platform):
    return len(platform.pipeline("events")["partitions"])


def two_share(make_platform, address, strategy="cooperative-sticky", count=40_000, rate=2_500):
    """A second instance comes while the first works and takes half; each row is in one of the two tables. How many
    partitions the first handed over is said in its log."""
    settings = f"properties: {{ partition.assignment.strategy: {strategy} }},"
    first = make_platform(events(address, count, rate, kafka=settings), "first").start("--log-level", "info")
    wait_rows(first, 1_000)
    second = make_platform(events(address, count, rate, kafka=settings), "second").start()
    wait_rows(second, 500)
    wait_until(lambda: rows(first) + rows(second) >= count, "all rows", 120)
    assert owned(first) == owned(second) == 2
    in_first, in_second = places(first), places(second)
    assert not in_first & in_second and len(in_first | in_second) == count
    assert (first.stop(), second.stop()) == (0, 0), first.log() + second.log()
    handed_over = 4 if strategy == "range" else 2
    said = [line for line in first.log(1_000).splitlines() if "partitions handed over" in line]
    assert len(said) == 1 and f"count={handed_over} in_time=true" in said[0], first.log(1_000)


def one_of_two_dies(make_platform, address, session_ms, count=40_000, rate=2_500):
    """Two processes with the same file. The one that publishes is killed: the other goes on publishing where the log
    ends, and takes over its partitions from the ranges on that were being written. These alone are in both tables,
    because each instance has tables of its own."""
    settings = f"properties: {{ session.timeout.ms: {session_ms}, heartbeat.interval.ms: {session_ms // 10} }},"
    dies = make_platform(events(address, count, rate, kafka=settings), "dies").start()
    wait_rows(dies, 1_000)
    stays = make_platform(events(address, count, rate, kafka=settings), "stays").start()
    wait_rows(stays, 500)
    dies.kill()
    left_behind = places(dies)
    wait_until(lambda: owned(stays) == 4, "the other to take over", 60)
    wait_until(lambda: len(left_behind) + rows(stays) >= count and stays.pipeline("events")["caught_up"], "all rows", 120)
    written = places(stays)
    assert len(written | left_behind) == count
    for partition in range(4):
        both = [offset for number, offset in written & left_behind if number == partition]
        assert not both or max(both) - min(both) + 1 == len(both) <= 4_000, (partition, min(both), max(both), len(both))
    assert stays.stop() == 0, stays.log()


def stopped_owner_is_fenced(make_platform, address, session_ms, count=40_000, rate=5_000):
    """SIGSTOP beyond the session time-out, while a foreign member takes the partitions and the generation with them:
    what the woken owner still wants to commit is refused, it joins anew, and nothing is lost or doubled."""
    from confluent_kafka import Consumer
    settings = f"properties: {{ session.timeout.ms: {session_ms}, heartbeat.interval.ms: {session_ms // 10} }},"
    p = make_platform(events(address, count, rate, kafka=settings), "zombie").start()
    wait_rows(p, 2_000)
    os.kill(p.process.pid, signal.SIGSTOP)
    try:
        other = Consumer({"bootstrap.servers": address, "group.id": GROUP, "enable.auto.commit": False,
                          "partition.assignment.strategy": "cooperative-sticky", "auto.offset.reset": "error"})
        owned = []
        other.subscribe(["events"], on_assign=lambda _, partitions: owned.extend(partitions))
        wait_until(lambda: other.poll(0.1) is not False and len(owned) == 4, "the other to own all", 60)
    finally:
        os.kill(p.process.pid, signal.SIGCONT)
    wait_until(lambda: "lost to another member" in p.log() or "fenced" in p.log(), "the owner to notice", 30)
    other.close()
    finish(p, count)


def hang_and_go_on(make_platform, address, kafka_process, count=40_000, rate=8_000):
    """Kafka stops answering, long enough for every question to be given up, and goes on: what was sent again, or waits in
    its sockets, is not doubled."""
    settings = "properties: { request.timeout.ms: 1000, socket.connection.setup.timeout.ms: 1000 },"
    p = make_platform(events(address, count, rate, kafka=settings), "hung").start()
    wait_rows(p, 2_000)
    os.kill(kafka_process.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: "no answer to ProduceRequest" in p.log(), "a batch to be given up", 20)
        wait_until(lambda: "does not answer" in p.log(), "the broker to be left alone", 20)
    finally:
        os.kill(kafka_process.pid, signal.SIGCONT)
    finish(p, count)
