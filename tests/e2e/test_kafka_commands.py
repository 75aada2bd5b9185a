"""The Kafka commands against the embedded log, and the log against foreign clients."""

import json
import subprocess
import uuid

import pytest

import freshet

EMPTY = "platform: kafka\n"


@pytest.fixture
def log(platform):
    p = platform(EMPTY).start()
    yield p.kafka
    assert p.stop() == 0, p.log()


def values(text):
    return [line for line in text.splitlines() if line]


def test_topics_are_created_listed_described_and_deleted(log):
    freshet.run("topic", "create", "orders", "--partitions", 4, "--config", "retention.ms=60000", "--brokers", log)
    again = freshet.run("topic", "create", "orders", "--brokers", log, status=1)
    assert "orders" in again.stderr and "exists" in again.stderr
    listed = json.loads(freshet.run("topic", "list", "--output", "json", "--brokers", log).stdout)
    assert ("orders", 4) in [(each["topic"], each["partitions"]) for each in listed]
    described = [json.loads(line) for line in freshet.run(
        "topic", "describe", "orders", "--output", "ndjson", "--brokers", log).stdout.splitlines()]
    assert [each["partition"] for each in described] == [0, 1, 2, 3]
    freshet.run("topic", "delete", "orders", "--brokers", log)
    missing = freshet.run("topic", "describe", "orders", "--brokers", log, status=1)
    assert "orders" in missing.stderr


def test_what_is_produced_is_consumed_from_where_one_asks(log):
    freshet.run("topic", "create", "lines", "--partitions", 1, "--brokers", log)
    freshet.run("produce", "lines", "--brokers", log, stdin="".join(f"line {i}\n" for i in range(20)))
    consume = ["consume", "lines", "--brokers", log, "--format", "%t/%p/%o %s\n", "--exit-at-end"]
    everything = values(freshet.run(*consume, "--from", "beginning").stdout)
    assert everything == [f"lines/0/{i} line {i}" for i in range(20)]
    assert values(freshet.run(*consume, "--from", "-3").stdout) == everything[-3:]
    assert values(freshet.run(*consume, "--from", "end").stdout) == []
    assert values(freshet.run(*consume, "--from", "@2020-01-01T00:00Z").stdout) == everything
    assert values(freshet.run(*consume, "--from", "beginning", "--count", 5).stdout) == everything[:5]


def test_keys_go_and_come(log):
    freshet.run("produce", "keyed", "--brokers", log, "--key-separator", ":", stdin="a:1\nb:2\n")
    out = freshet.run("consume", "keyed", "--brokers", log, "--from", "beginning", "--exit-at-end", "--format",
                      "%k=%s\n").stdout
    assert sorted(values(out)) == ["a=1", "b=2"]


def test_a_group_goes_on_where_it_stopped(log):
    freshet.run("produce", "grouped", "--brokers", log, stdin="1\n2\n3\n")
    consume = ["consume", "grouped", "--brokers", log, "--group", "readers", "--exit-at-end"]
    assert sorted(values(freshet.run(*consume, "--from", "beginning").stdout)) == ["1", "2", "3"]
    freshet.run("produce", "grouped", "--brokers", log, stdin="4\n")
    assert values(freshet.run(*consume).stdout) == ["4"]
    groups = json.loads(freshet.run("group", "list", "--output", "json", "--brokers", log).stdout)
    assert "readers" in [each["group"] for each in groups]
    described = json.loads(freshet.run("group", "describe", "readers", "--output", "json", "--brokers", log).stdout)
    assert sum(each["lag"] for each in described) == 0
    assert sum(each["committed"] for each in described) == 4


def test_without_a_platform_the_log_of_a_directory_is_opened(platform):
    p = platform(EMPTY).start()
    freshet.run("produce", "kept", "--brokers", p.kafka, stdin="still here\n")
    assert p.stop() == 0
    out = p.command("consume", "kept", "--from", "beginning", "--exit-at-end", "--file", p.file).stdout
    assert values(out) == ["still here"]


def test_nobody_there_is_said_in_one_line():
    done = freshet.run("topic", "list", "--brokers", "127.0.0.1:1", status=1)
    assert "127.0.0.1:1" in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_kcat_produces_and_consumes_every_codec(log, codec):
    topic = f"kcat-{codec}"
    lines = "".join(f"key{i}:value {i} of {codec}\n" for i in range(500))
    subprocess.run(["kcat", "-P", "-b", log, "-t", topic, "-K:", "-z", codec], input=lines, text=True, check=True,
                   timeout=60)
    out = subprocess.run(["kcat", "-C", "-b", log, "-t", topic, "-e", "-q", "-K:"], capture_output=True, text=True,
                         check=True, timeout=60).stdout
    assert sorted(out.splitlines()) == sorted(lines.splitlines())


def test_python_clients_share_a_group(log):
    confluent_kafka = pytest.importorskip("confluent_kafka")
    topic, group = f"py-{uuid.uuid4().hex[:8]}", "py-readers"
    freshet.run("topic", "create", topic, "--partitions", 4, "--brokers", log)
    producer = confluent_kafka.Producer({"bootstrap.servers": log, "enable.idempotence": True})
    for i in range(400):
        producer.produce(topic, key=str(i), value=f"v{i}")
    assert producer.flush(30) == 0
    settings = {"bootstrap.servers": log, "group.id": group, "auto.offset.reset": "earliest",
                "enable.auto.commit": False}
    readers = [confluent_kafka.Consumer(settings) for _ in range(2)]
    seen = set()

    def read():
        for reader in readers:
            message = reader.poll(0.05)
            if message is not None and message.error() is None:
                seen.add(message.value().decode())
        return len(seen) == 400

    for reader in readers:
        reader.subscribe([topic])
    freshet.wait_until(read, "two consumers to read 400 records", 60)
    freshet.wait_until(lambda: read() and all(len(r.assignment()) == 2 for r in readers),
                       "each of two consumers to own two partitions", 60)
    for reader in readers:
        reader.commit(asynchronous=False) if reader.position(reader.assignment()) else None
        reader.close()
    assert seen == {f"v{i}" for i in range(400)}
