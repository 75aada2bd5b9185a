"""Kafka Streams' own smoke test with exactly-once v2, and Kafka Connect standalone with the file connectors."""

import json
import subprocess
import time
import urllib.error
import urllib.request

import pytest

import sources
from broker_fixture import wait_until
from kafka_node import free_port, java
from kafka_tools_test import Tools

JUDGE = f"Apache Kafka {sources.KAFKA} Streams and Connect"
pytestmark = pytest.mark.slow

SMOKE_TOPICS = ("data echo max min min-suppressed min-raw sum sws-raw sws-suppressed dif cnt avg tagg").split()

STRINGS = "org.apache.kafka.connect.storage.StringConverter"


@pytest.fixture
def tools(target, tmp_path):
    try:
        sources.kafka()
    except sources.Missing as missing:
        pytest.skip(str(missing))
    return Tools(target, tmp_path)


def background(tmp_path, name, *command):
    log = open(tmp_path / f"{name}.log", "w", encoding="utf-8")
    return subprocess.Popen(command, stdout=log, stderr=log)


def tail(tmp_path, name):
    return " / ".join((tmp_path / f"{name}.log").read_text(errors="replace").splitlines()[-4:])[-500:]


def end(process):
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


@pytest.mark.parametrize("guarantee", ["exactly_once_v2"])
def test_streams_smoke(tools, tmp_path, guarantee):
    from confluent_kafka.admin import AdminClient, NewTopic
    admin = AdminClient({"bootstrap.servers": tools.target.address})
    for made in admin.create_topics([NewTopic(topic, 5, 1) for topic in SMOKE_TOPICS]).values():
        made.result(30)
    settings = tmp_path / "smoke.properties"
    settings.write_text(f"bootstrap.servers={tools.target.address}\nstate.dir={tmp_path}/state\n"
                        f"processing.guarantee={guarantee}\nreplication.factor=1\nnum.stream.threads=2\n"
                        "commit.interval.ms=500\n")
    main = "org.apache.kafka.streams.tests.StreamsSmokeTest"
    worker = background(tmp_path, "process", *java(main, settings, "process", heap="512m"))
    verifier = background(tmp_path, "run", *java(main, settings, "run"))
    try:
        deadline = time.monotonic() + 420
        # The verifier waits for ever when the worker has died: both are watched.
        wait_until(lambda: verifier.poll() is not None or worker.poll() is not None, "the verifier",
                   deadline - time.monotonic())
        if verifier.poll() is None:
            pytest.fail(f"the processing half ended with {worker.returncode}: {tail(tmp_path, 'process')}")
        log = (tmp_path / "run.log").read_text(errors="replace")
        assert verifier.returncode == 0 and "SUCCESS" in log, tail(tmp_path, "run")
    finally:
        end(worker)
        end(verifier)


def connect(tmp_path, tools, connector, name, **worker_settings):
    worker = tmp_path / "worker.properties"
    settings = {"bootstrap.servers": tools.target.address, "key.converter": STRINGS, "value.converter": STRINGS,
                "offset.storage.file.filename": tmp_path / "offsets", "offset.flush.interval.ms": "500",
                "listeners": f"http://127.0.0.1:{free_port()}", **worker_settings}
    worker.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    file = tmp_path / f"{name}.properties"
    file.write_text("".join(f"{key}={value}\n" for key, value in {"name": name, "tasks.max": 1, **connector}.items()))
    return background(tmp_path, name, *java("org.apache.kafka.connect.cli.ConnectStandalone", worker, file,
                                            heap="384m"))


def test_connect_file_source_and_sink(tools, tmp_path):
    lines = [f"line {i}" for i in range(1000)]
    (tmp_path / "in.txt").write_text("".join(line + "\n" for line in lines))
    tools.create("connect-lines")
    source = connect(tmp_path, tools, {"connector.class": "FileStreamSource", "file": tmp_path / "in.txt",
                                       "topic": "connect-lines"}, "source")
    try:
        wait_until(lambda: source.poll() is not None or tools.end_offsets("connect-lines") == [1000],
                   "the source connector to write 1000 lines", 90)
        assert source.poll() is None, tail(tmp_path, "source")
    finally:
        end(source)
    sink = connect(tmp_path, tools, {"connector.class": "FileStreamSink", "file": tmp_path / "out.txt",
                                     "topics": "connect-lines"}, "sink")
    out = tmp_path / "out.txt"
    try:
        wait_until(lambda: sink.poll() is not None or (out.exists() and out.read_text().count("\n") >= 1000),
                   "the sink connector to write 1000 lines", 90)
        assert out.read_text().splitlines() == lines, tail(tmp_path, "sink")
    finally:
        end(sink)


def test_connect_distributed_exactly_once_source(tools, tmp_path):
    """Exactly-once sources exist in distributed mode only; its three topics are compacted."""
    lines = [f"line {i}" for i in range(1000)]
    (tmp_path / "in.txt").write_text("".join(line + "\n" for line in lines))
    tools.create("eos-lines")
    port = free_port()
    worker = tmp_path / "worker.properties"
    settings = {"bootstrap.servers": tools.target.address, "group.id": "connect-eos",
                "key.converter": STRINGS, "value.converter": STRINGS,
                "config.storage.topic": "connect-configs", "offset.storage.topic": "connect-offsets",
                "status.storage.topic": "connect-status", "config.storage.replication.factor": 1,
                "offset.storage.replication.factor": 1, "offset.storage.partitions": 3,
                "status.storage.replication.factor": 1, "status.storage.partitions": 2,
                "exactly.once.source.support": "enabled", "listeners": f"http://127.0.0.1:{port}"}
    worker.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    process = background(tmp_path, "distributed", *java("org.apache.kafka.connect.cli.ConnectDistributed", worker,
                                                        heap="384m"))

    def submit():
        body = json.dumps({"name": "lines", "config": {
            "connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "eos-lines",
            "tasks.max": "1", "exactly.once.support": "required"}}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/connectors", body,
                                         {"Content-Type": "application/json"})
        try:
            return urllib.request.urlopen(request, timeout=30).status == 201
        except urllib.error.HTTPError as error:
            if error.code in (404, 409, 500, 503):
                return False
            raise AssertionError(error.read().decode()) from None
        except OSError:
            return process.poll() is not None
    try:
        wait_until(submit, "the worker to accept a connector", 120)
        assert process.poll() is None, tail(tmp_path, "distributed")
        read = tools.read("eos-lines", 1000, "--isolation-level", "read_committed")
        assert read == lines
    finally:
        end(process)
