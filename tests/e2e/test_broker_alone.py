"""A platform that only has topics: small, idle when nobody asks, and open to Prometheus."""

import os
import re
import subprocess
import urllib.request

from confluent_kafka import Consumer, TopicPartition

import freshet

PLATFORM = """
platform: alone
topics: { events: { partitions: 2 }, other: { partitions: 1 } }
"""


def status_kib(pid, name):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(rf"^{name}:\s+(\d+) kB", status.read(), re.M).group(1))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def metrics(p):
    """Values by name and sorted labels; help texts by name."""
    with urllib.request.urlopen(f"{p.api}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    values, helps = {}, {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, text = line[len("# HELP "):].split(" ", 1)
            assert name not in helps, f"{name} has two families"
            helps[name] = text
        elif not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            name, _, labels = series.partition("{")
            values[name, tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)))] = float(value)
    return values, helps


def test_it_is_small_and_idle(platform):
    p = platform(PLATFORM).start()
    pid = p.process.pid
    before = cpu_seconds(pid)
    try:
        p.process.wait(3)
    except subprocess.TimeoutExpired:
        pass
    assert cpu_seconds(pid) - before <= 0.03
    assert status_kib(pid, "VmRSS") <= 30 << 10, f"{status_kib(pid, 'VmRSS')} KiB"
    # The engine comes when it is asked for.
    assert p.value("SELECT 6 * 7") == "42"
    assert p.stop() == 0


def test_metrics_show_requests_logs_and_lag_as_kafka_exporter_does(platform):
    p = platform(PLATFORM).start()
    lines = "".join(f"{i}\n" for i in range(1000))
    subprocess.run(["kcat", "-b", p.kafka, "-P", "-t", "events", "-p", "0"], input=lines, text=True, check=True,
                   timeout=30)
    consumer = Consumer({"bootstrap.servers": p.kafka, "group.id": "readers"})
    consumer.commit(offsets=[TopicPartition("events", 0, 400)], asynchronous=False)
    values, helps = metrics(p)

    def value(name, **labels):
        return values[name, tuple(sorted(labels.items()))]

    assert helps["kafka_consumergroup_lag"] == "Current Approximate Lag of a ConsumerGroup at Topic/Partition"
    assert helps["kafka_topic_partition_current_offset"] == "Current Offset of a Broker at Topic/Partition"
    assert value("kafka_topic_partition_current_offset", topic="events", partition="0") == 1000
    assert value("kafka_topic_partition_oldest_offset", topic="events", partition="0") == 0
    assert value("kafka_consumergroup_current_offset", consumergroup="readers", topic="events", partition="0") == 400
    assert value("kafka_consumergroup_lag", consumergroup="readers", topic="events", partition="0") == 600
    assert value("kafka_consumergroup_lag", consumergroup="readers", topic="events", partition="1") == -1
    assert value("kafka_consumergroup_lag_sum", consumergroup="readers", topic="events") == 600
    assert value("kafka_topic_partitions", topic="other") == 1
    assert value("kafka_brokers") == 1
    assert value("freshet_broker_requests_total", api="Produce") >= 1
    assert value("freshet_broker_request_seconds_count", api="Produce") == value("freshet_broker_requests_total",
                                                                                 api="Produce")
    assert value("freshet_broker_log_sync_seconds_count") >= 2
    assert value("freshet_broker_received_bytes_total") > len(lines)
    assert value("freshet_broker_connections") >= 1
    assert value("freshet_broker_groups", state="Empty") == 1
    assert value("freshet_broker_partition_bytes", topic="events", partition="0") > len(lines)
    consumer.close()
    assert p.stop() == 0


def test_a_certificate_that_cannot_be_used_is_one_sentence(tmp_path):
    file = tmp_path / "platform.yaml"
    (tmp_path / "bad.pem").write_text("not a certificate\n")
    for name, word in (("missing.pem", "No such file"), ("bad.pem", "PEM")):
        file.write_text("platform: p\nservices: { kafka: { embedded: { tls: { certificate: %s, key: k.pem } } } }\n"
                        % name)
        done = freshet.run("up", file, "--data-dir", tmp_path / "data", "--port-offset", "0", status=1)
        sentence = done.stderr.strip().splitlines()[-1]
        assert "TLS: certificate" in sentence and name in sentence and word in sentence, done.stderr
