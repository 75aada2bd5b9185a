"""The Kafka commands against the embedded log, and the log against foreign clients."""

import json
import subprocess
import urllib.request
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


# Operations -------------------------------------------------------------------------------------------


def offsets_of(log, group):
    described = json.loads(freshet.run("group", "describe", group, "--output", "json", "--brokers", log).stdout)
    return {(each["topic"], each["partition"]): each["committed"] for each in described}


def a_group_that_has_read(log, topic, group, records, partitions=1):
    freshet.run("topic", "create", topic, "--partitions", partitions, "--brokers", log)
    freshet.run("produce", topic, "--partition", 0, "--brokers", log,
                stdin="".join(f"{topic} {i}\n" for i in range(records)))
    freshet.run("consume", topic, "--group", group, "--from", "beginning", "--count", records, "--brokers", log)


def test_a_group_is_reset_only_when_told_to_execute(log):
    a_group_that_has_read(log, "replayed", "replayers", 20)
    reset = ["group", "reset", "replayers", "--brokers", log, "--output", "json"]
    shown = freshet.run(*reset, "--to", "earliest")
    assert json.loads(shown.stdout) == [{"group": "replayers", "topic": "replayed", "partition": 0, "committed": 20,
                                         "new_offset": 0, "executed": False}]
    assert "dry run" in shown.stderr and "--execute" in shown.stderr
    assert offsets_of(log, "replayers") == {("replayed", 0): 20}
    for options, expected in ((["--to", "earliest"], 0), (["--to", "7"], 7), (["--by", "-3"], 4), (["--by", "5"], 9),
                              (["--by", "-1000"], 0), (["--to", "latest"], 20), (["--to", "1000"], 20),
                              (["--to", "@2020-01-01T00:00Z"], 0), (["--to", "@2100-01-01T00:00Z"], 20)):
        freshet.run(*reset, *options, "--execute")
        assert offsets_of(log, "replayers") == {("replayed", 0): expected}, options


def test_a_reset_goes_to_the_first_record_of_a_time(log):
    freshet.run("topic", "create", "timed", "--partitions", 1, "--brokers", log)
    for second in range(5):
        freshet.run("produce", "timed", "--brokers", log, "--timestamp", 1_700_000_000_000 + second * 1000,
                    stdin=f"{second}\n")
    reset = ["group", "reset", "timers", "--topic", "timed", "--brokers", log, "--execute"]
    freshet.run(*reset, "--to", "@1700000002500")
    assert offsets_of(log, "timers") == {("timed", 0): 3}
    freshet.run(*reset, "--to", "@2023-11-14T22:13:21Z")
    assert offsets_of(log, "timers") == {("timed", 0): 1}


def test_a_reset_reaches_only_the_topics_and_partitions_that_are_named(log):
    a_group_that_has_read(log, "first", "both", 5, partitions=2)
    a_group_that_has_read(log, "second", "both", 6)
    freshet.run("group", "reset", "both", "--topic", "first", "--to", "earliest", "--execute", "--brokers", log)
    assert offsets_of(log, "both") == {("first", 0): 0, ("first", 1): 0, ("second", 0): 6}
    freshet.run("group", "reset", "both", "--topic", "first", "--partition", 0, "--to", "2", "--execute",
                "--brokers", log)
    assert offsets_of(log, "both") == {("first", 0): 2, ("first", 1): 0, ("second", 0): 6}
    nothing = freshet.run("group", "reset", "nobody", "--to", "earliest", "--brokers", log, status=1)
    assert "nobody" in nothing.stderr and "--topic" in nothing.stderr
    unclear = freshet.run("group", "reset", "both", "--brokers", log, status=1)
    assert "--to" in unclear.stderr and "--by" in unclear.stderr


def test_a_group_with_members_is_neither_reset_nor_deleted(log):
    confluent_kafka = pytest.importorskip("confluent_kafka")
    a_group_that_has_read(log, "busy", "workers", 3)
    member = confluent_kafka.Consumer({"bootstrap.servers": log, "group.id": "workers", "client.id": "the-worker"})
    member.subscribe(["busy"])
    freshet.wait_until(lambda: member.poll(0.1) is not None or member.assignment(), "the member to join")
    for command in (["group", "reset", "workers", "--to", "earliest", "--execute"],
                    ["group", "delete", "workers", "--execute"], ["group", "delete", "workers"]):
        refused = freshet.run(*command, "--brokers", log, status=1)
        assert "the-worker" in refused.stderr and "1 member" in refused.stderr, refused.stderr
    reading = freshet.run("group", "delete", "workers", "--topic", "busy", "--execute", "--brokers", log, status=1)
    assert "subscribed" in reading.stderr.lower(), reading.stderr
    assert offsets_of(log, "workers") == {("busy", 0): 3}
    member.close()
    freshet.run("group", "reset", "workers", "--to", "earliest", "--execute", "--brokers", log)
    assert offsets_of(log, "workers") == {("busy", 0): 0}


def test_a_group_is_deleted_wholly_or_for_a_topic(log):
    a_group_that_has_read(log, "kept", "old", 5)
    a_group_that_has_read(log, "dropped", "old", 6)
    shown = freshet.run("group", "delete", "old", "--brokers", log)
    assert "would delete group old with 2 committed offsets" in shown.stdout and "dry run" in shown.stderr
    freshet.run("group", "delete", "old", "--topic", "dropped", "--execute", "--brokers", log)
    assert offsets_of(log, "old") == {("kept", 0): 5}
    assert "deleted group old" in freshet.run("group", "delete", "old", "--execute", "--brokers", log).stdout
    groups = json.loads(freshet.run("group", "list", "--output", "json", "--brokers", log).stdout)
    assert "old" not in [each["group"] for each in groups]
    assert "no group old" in freshet.run("group", "delete", "old", "--brokers", log, status=1).stderr


def config_of(log, topic):
    text = freshet.run("topic", "describe", topic, "--brokers", log).stdout
    return dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)


def test_a_topic_is_altered(log):
    freshet.run("topic", "create", "grown", "--partitions", 2, "--config", "retention.ms=60000", "--config",
                "max.message.bytes=100000", "--brokers", log)
    changed = json.loads(freshet.run("topic", "alter", "grown", "--partitions", 5, "--config", "retention.ms=120000",
                                     "--output", "json", "--brokers", log).stdout)
    assert changed == [{"setting": "retention.ms", "before": "60000", "after": "120000"},
                       {"setting": "partitions", "before": "2", "after": "5"}]
    assert config_of(log, "grown") == {"retention.ms": "120000", "max.message.bytes": "100000"}
    described = json.loads(freshet.run("topic", "describe", "grown", "--output", "json", "--brokers", log).stdout)
    assert len(described) == 5
    freshet.run("topic", "alter", "grown", "--reset", "retention.ms", "--brokers", log)
    assert config_of(log, "grown") == {"max.message.bytes": "100000"}
    for options, word in ((["--partitions", 3], "partitions"), (["--config", "no.such=1"], "no.such"),
                          (["--reset", "no.such"], "no.such"), ([], "--partitions")):
        assert word in freshet.run("topic", "alter", "grown", *options, "--brokers", log, status=1).stderr
    assert config_of(log, "grown") == {"max.message.bytes": "100000"}


def test_changes_of_one_topic_at_the_same_time_all_stay(log):
    freshet.run("topic", "create", "shared", "--partitions", 1, "--brokers", log)
    names = ["retention.ms", "segment.bytes", "retention.bytes", "max.message.bytes", "segment.ms", "flush.ms"]
    running = [subprocess.Popen([freshet.PROGRAM, "topic", "alter", "shared", "--config", f"{name}=100000",
                                 "--brokers", log], stdout=subprocess.DEVNULL) for name in names]
    assert [each.wait(30) for each in running] == [0] * len(names)
    assert config_of(log, "shared") == {name: "100000" for name in names}


SECURED = """platform: secured
services:
  kafka:
    embedded:
      tls: { certificate: %s, key: %s }
      %s
"""
LOGINS = {"tls alone": "", "scram": "sasl: { users: { ada: love-lace } }",
          "plain": "sasl: { mechanisms: [PLAIN], users: { ada: love-lace } }"}


@pytest.mark.parametrize("login", LOGINS)
def test_a_topic_is_altered_over_tls_without_touching_what_others_set(platform, tmp_path, login):
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    p = platform(SECURED % (certificate, key, LOGINS[login])).start()

    def topic(command, *arguments):
        return freshet.run("topic", command, "shared", *arguments, "--data-dir", p.data_dir, "--file", p.file)

    topic("create", "--partitions", 1)
    names = ["retention.ms", "segment.bytes", "retention.bytes", "max.message.bytes", "segment.ms", "flush.ms"]
    running = [subprocess.Popen([freshet.PROGRAM, "topic", "alter", "shared", "--config", f"{name}=100000", "--data-dir",
                                 p.data_dir, "--file", p.file], stdout=subprocess.DEVNULL) for name in names]
    assert [each.wait(60) for each in running] == [0] * len(names)
    topic("alter", "--reset", "flush.ms")
    lines = [line.split(" = ", 1) for line in topic("describe").stdout.splitlines() if " = " in line]
    assert dict(lines) == {name: "100000" for name in names if name != "flush.ms"}
    with urllib.request.urlopen(f"{p.api}/metrics", timeout=10) as answer:
        metrics = answer.read().decode()
    assert 'freshet_broker_requests_total{api="IncrementalAlterConfigs"} 7' in metrics
    assert 'freshet_broker_requests_total{api="AlterConfigs"} 0' in metrics, "it sets all configs at once"
    assert p.stop() == 0, p.log()


# Formats ----------------------------------------------------------------------------------------------


def test_records_are_cut_and_printed_as_asked(log):
    freshet.run("topic", "create", "cut", "--partitions", 1, "--brokers", log)
    freshet.run("produce", "cut", "--brokers", log, "--delimiter", ";;", "--key-separator", "=", "--null", "NONE",
                "--header", "from=test", "--header", "empty=", "--timestamp", 1_700_000_000_123,
                stdin="a=1;;b=2=3;;NONE=x;;c=NONE;;multi=two\nlines")
    consume = ["consume", "cut", "--brokers", log, "--from", "beginning", "--exit-at-end"]
    assert freshet.run(*consume, "--format", "%k:%s:%K:%S|").stdout == "a:1:1:1|b:2=3:1:3|:x:-1:1|c::1:-1|multi:two\nlines:5:9|"
    assert freshet.run(*consume, "--count", 1, "--format", "%h %T %p %o %t%%\\x21").stdout == \
        "from=test,empty= 1700000000123 0 0 cut%!"
    assert freshet.run(*consume, "--key-separator", "%%", "--delimiter", ",", "--null", "~").stdout == \
        "a%%1,b%%2=3,~%%x,c%%~,multi%%two\nlines,"
    assert "%x" in freshet.run(*consume, "--format", "%x", status=2).stderr
    raw = subprocess.run([str(freshet.PROGRAM), *consume, "--count", "1", "--format", "%R%s"], capture_output=True,
                         check=True, timeout=60).stdout
    assert raw == b"\0\0\0\x011"


def test_records_are_printed_as_json(log):
    freshet.run("topic", "create", "json", "--partitions", 1, "--brokers", log)
    freshet.run("produce", "json", "--brokers", log, "--key", "k", "--header", "h=v", "--timestamp", 1_700_000_000_123,
                stdin='{"id": 1}\n')
    subprocess.run([str(freshet.PROGRAM), "produce", "json", "--brokers", log, "--null", ""], input=b"\xff\xfe\n\n",
                   check=True, timeout=60)
    consume = ["consume", "json", "--brokers", log, "--exit-at-end", "--output"]
    records = json.loads(freshet.run(*consume, "json", "--from", "beginning").stdout)
    assert records[0] == {"topic": "json", "partition": 0, "offset": 0, "timestamp_ms": 1_700_000_000_123,
                          "headers": [{"name": "h", "value": "v"}], "key": "k", "value": '{"id": 1}'}
    assert records[1]["value_base64"] == "//4=" and records[1]["key"] is None and "value" not in records[1]
    assert records[2]["value"] is None
    lines = freshet.run(*consume, "ndjson", "--from", "beginning").stdout.splitlines()
    assert [json.loads(line) for line in lines] == records
    assert json.loads(freshet.run(*consume, "json", "--from", "end").stdout) == []
    done = freshet.run("produce", "json", "--brokers", log, "--output", "json", stdin="1\n2\n").stdout
    assert json.loads(done) == [{"topic": "json", "records": 2}]


def test_whole_files_are_records(log, tmp_path):
    files = [tmp_path / "a.bin", tmp_path / "b.bin"]
    files[0].write_bytes(b"first\nfile\n")
    files[1].write_bytes(b"second\0file")
    freshet.run("produce", "files", "--brokers", log, "--whole-file", "--partition", 0, "--input", files[0], "--input",
                files[1])
    out = freshet.run("consume", "files", "--brokers", log, "--from", "beginning", "--exit-at-end", "--delimiter", "|")
    assert out.stdout == "first\nfile\n|second\0file|"
    assert "missing.bin" in freshet.run("produce", "files", "--brokers", log, "--input", tmp_path / "missing.bin",
                                        status=1).stderr


def test_reading_begins_and_ends_where_one_says(log):
    freshet.run("topic", "create", "ranged", "--partitions", 3, "--brokers", log)
    for partition in range(3):
        for i in range(4):
            freshet.run("produce", "ranged", "--brokers", log, "--partition", partition, "--timestamp",
                        1_700_000_000_000 + i * 60_000, stdin=f"{partition}-{i}\n")
    consume = ["consume", "ranged", "--brokers", log]
    def read(*options):
        return sorted(values(freshet.run(*consume, *options).stdout))
    assert read("--from", "beginning", "--until", "end") == [f"{p}-{i}" for p in range(3) for i in range(4)]
    assert read("--from", "1", "--until", "3") == [f"{p}-{i}" for p in range(3) for i in (1, 2)]
    assert read("--from", "-1", "--until", "end", "--partition", 0, "--partition", 2) == ["0-3", "2-3"]
    assert read("--from", "@2023-11-14T22:14:20Z", "--until", "@2023-11-14T22:16Z") == \
        [f"{p}-{i}" for p in range(3) for i in (1, 2)]
    assert "no partition 7" in freshet.run(*consume, "--partition", 7, status=1).stderr
    refused = freshet.run(*consume, "--group", "g", "--from", "5", status=1)
    assert "group reset g" in refused.stderr


COMMANDS = ["up", "check", "topic list", "topic create", "topic describe", "topic alter", "topic delete", "group list",
            "group describe", "group reset", "group delete", "produce", "consume", "sql", "pipeline list",
            "pipeline describe", "dlq list", "dlq show", "dlq replay", "verify", "repair", "generate", "bench ingest"]


def test_every_command_explains_itself():
    for command in COMMANDS:
        text = freshet.run(*command.split(), "--help").stdout
        assert "Examples:" in text and f"freshet {command}" in text, command
        assert "--output" in text or command == "generate", command  # what that prints is JSON anyway
    for noun in ("topic", "group", "pipeline", "dlq", "bench"):
        assert f"freshet {noun} COMMAND --help" in freshet.run(noun, "--help").stdout
