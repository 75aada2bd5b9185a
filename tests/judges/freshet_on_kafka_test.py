"""Freshet's pipelines and sources on Apache Kafka itself."""

import json
import subprocess

import external_kafka
import pytest
import sources
from broker_security_test import certificates  # noqa: F401: a fixture
from freshet import run, wait_until
from kafka_node import KafkaNode, java

pytestmark = pytest.mark.slow


@pytest.fixture
def kafka(tmp_path):
    try:
        sources.need("java")
        node = KafkaNode(tmp_path / "kafka").start(group_initial_rebalance_delay_ms=0)
    except sources.Missing as missing:
        pytest.skip(str(missing))
    yield node
    node.close()


def test_generated_events_reach_the_table_exactly_once(kafka, platform):
    p = platform(external_kafka.events(kafka.address, 20_000))
    p.launch("--until-done", "--output", "json")
    status, out = p.wait()
    assert status == 0, p.log()
    external_kafka.check_exact(json.loads(out)[0], 20_000)
    external_kafka.check_exact(p.verify()[0], 20_000)


def test_a_killed_instance_goes_on_where_it_was(kafka, platform):
    first_rows = external_kafka.kill_and_go_on(platform, kafka.address, kills=2)
    print(f"first new row after SIGKILL, from the start of the process: {first_rows} s")
    assert max(first_rows) < 10  # its session lasts as long


def test_a_kafka_that_restarts_and_one_that_is_late(kafka, platform):
    p = platform(external_kafka.events(kafka.address, 60_000, rate=4_000)).start()
    external_kafka.wait_rows(p, 2_000)
    kafka.restart()
    external_kafka.wait_rows(p, 2_000)
    p.kill()
    kafka.process.kill()
    kafka.process.wait(20)
    p.launch()
    wait_until(lambda: "waiting for Kafka" in p.log(), "the reason", 30)
    kafka.launch()
    external_kafka.finish(p, 60_000)


def test_a_kafka_that_hangs_is_gone_on_with(kafka, platform):
    external_kafka.hang_and_go_on(platform, kafka.address, kafka.process)


@pytest.mark.parametrize("strategy", ["cooperative-sticky", "range"])
def test_two_instances_share_the_work(kafka, platform, strategy):
    external_kafka.two_share(platform, kafka.address, strategy)


def test_an_instance_that_dies_for_good_is_replaced(kafka, platform):
    external_kafka.one_of_two_dies(platform, kafka.address, session_ms=6_000)


def test_an_owner_that_was_stopped_too_long_is_fenced(kafka, platform):
    external_kafka.stopped_owner_is_fenced(platform, kafka.address, session_ms=6_000)


def test_what_was_rolled_back_is_not_written(kafka, platform):
    from confluent_kafka import Producer
    p = platform(external_kafka.events(kafka.address, 0, source=False)).start()
    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": "tx"})
    producer.init_transactions()
    for number in range(10):
        producer.begin_transaction()
        for _ in range(100):
            producer.produce("events", json.dumps({"user_id": "kept" if number % 2 else "rolled back"}))
        if number % 2:
            producer.commit_transaction()
        else:
            producer.flush()
            producer.abort_transaction()
    wait_until(lambda: external_kafka.rows(p) >= 500, "the committed ones", 60)
    assert p.stop() == 0
    assert p.sql("SELECT user_id, count() FROM t.events GROUP BY user_id") == [["kept", "500"]]
    external_kafka.check_exact(p.verify()[0], 500)


def test_a_topic_that_was_created_again_stops_the_pipeline_with_the_reason(kafka, platform):
    p = platform(external_kafka.events(kafka.address, 2_000))
    p.launch("--until-done")
    assert p.wait()[0] == 0, p.log()
    run("topic", "delete", "events", "--brokers", kafka.address)
    again = platform(external_kafka.events(kafka.address, 0, source=False), "p").start()
    # Kafka has forgotten the group's positions with the old topic; the rows tell.
    wait_until(lambda: "older topic of that name" in again.log(), "the reason", 30)
    assert again.stop() == 1


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_tls_and_logins(tmp_path, platform, certificates, mechanism):  # noqa: F811
    try:
        sources.need("java")
        node = KafkaNode(tmp_path / "kafka").start(secured=(certificates, "app", "s3cret"))
    except sources.Missing as missing:
        pytest.skip(str(missing))
    try:
        def settings(password="s3cret", authority="authority"):
            return (f"tls: {{ ca: {certificates}/{authority}.pem }}, "
                    f"sasl: {{ mechanism: {mechanism}, user: app, password: {password} }},")
        p = platform(external_kafka.events(node.secured, 5_000, kafka=settings()))
        p.launch("--until-done", "--output", "json")
        status, out = p.wait()
        assert status == 0, p.log()
        external_kafka.check_exact(json.loads(out)[0], 5_000)
        external_kafka.check_exact(p.verify()[0], 5_000)
        if mechanism == "PLAIN":  # librdkafka 2.0.2 repeats the nonce in SCRAM, which Kafka 4 refuses
            assert "events" in run("topic", "list", "--file", p.file).stdout
            assert external_kafka.GROUP in run("group", "list", "--file", p.file).stdout
        for wrong, said in ((settings(password="guess"), "check user and password"),
                            (settings(authority="stranger"), "certificate"), ("", "services.kafka.tls")):
            p = platform(external_kafka.events(node.secured, 10, kafka=wrong), f"wrong{len(said)}")
            p.launch("--until-done")
            status, _ = p.wait()
            assert status == 1 and said in p.log(), p.log()
    finally:
        node.close()


def test_positions_that_a_tool_changed_are_compared_or_refused(kafka, platform):
    from confluent_kafka import Consumer, TopicPartition
    p = platform(external_kafka.events(kafka.address, 2_000))
    p.launch("--until-done")
    assert p.wait()[0] == 0, p.log()
    p = platform(external_kafka.events(kafka.address, 0, source=False), "p")

    run("group", "reset", external_kafka.GROUP, "--to", "earliest", "--execute", "--brokers", kafka.address)
    p.start()
    wait_until(lambda: p.pipeline("events")["caught_up"], "all to be compared with the table", 60)
    assert "are compared with" in p.log() and p.stop() == 0, p.log()
    external_kafka.check_exact(p.verify()[0], 2_000)

    tool = Consumer({"bootstrap.servers": kafka.address, "group.id": external_kafka.GROUP})
    tool.commit(offsets=[TopicPartition("events", 0, 1_000_000)], asynchronous=False)
    tool.close()
    p.start()
    wait_until(lambda: "but the log ends at" in p.log(), "the reason", 30)
    assert p.stop() == 1

    run("group", "delete", external_kafka.GROUP, "--execute", "--brokers", kafka.address)
    p.start()
    wait_until(lambda: "has no position, yet" in p.log(), "the reason", 30)
    assert p.stop() == 1
    assert external_kafka.rows(p) == 2_000


def test_what_retention_deleted_is_named_and_the_rest_written(kafka, platform, tmp_path):
    from confluent_kafka import Producer
    p = platform(external_kafka.events(kafka.address, 2_000))
    p.launch("--until-done")
    assert p.wait()[0] == 0, p.log()
    written = external_kafka.places(p)
    ends = {number: 1 + max(offset for partition, offset in written if partition == number) for number in range(4)}
    producer = Producer({"bootstrap.servers": kafka.address})
    for number in range(4):
        for _ in range(1_000):
            producer.produce("events", '{"user_id": "u"}', partition=number)
    assert producer.flush(30) == 0
    deleted = tmp_path / "deleted.json"
    deleted.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": "events", "partition": number, "offset": end + 5} for number, end in ends.items()]}))
    subprocess.run(java("org.apache.kafka.tools.DeleteRecordsCommand", "--bootstrap-server", kafka.address,
                        "--offset-json-file", deleted), check=True, capture_output=True, timeout=60)
    p = platform(external_kafka.events(kafka.address, 0, source=False), "p").start()
    wait_until(lambda: p.pipeline("events")["caught_up"], "what is left", 60)
    for number, end in ends.items():
        assert f"range_unrecoverable={end}-{end + 4}" in p.log(200), p.log(200)
    assert external_kafka.rows(p) == 2_000 + 4_000 - 4 * 5
    assert p.stop() == 0, p.log()
