"""A platform whose log is a Kafka that runs elsewhere: here the broker of another process, over TCP.

tests/judges/freshet_on_kafka_test.py does the same with Apache Kafka.
"""

import datetime
import json
import time

import external_kafka
import pytest
from broker_security_test import certificates  # noqa: F401: a fixture
from freshet import run, wait_until


@pytest.fixture
def log(platform):
    return platform("platform: log\nservices: { kafka: { embedded: { groups: { session_timeout_min: 1s } } } }\n",
                    "log").start()


def test_generated_events_reach_the_table_exactly_once(platform, log):
    p = platform(external_kafka.events(log.kafka, 20_000))
    p.launch("--until-done", "--output", "json")
    status, out = p.wait()
    assert status == 0, p.log()
    external_kafka.check_exact(json.loads(out)[0], 20_000)
    external_kafka.check_exact(p.verify()[0], 20_000)
    assert int(run("topic", "describe", "events", "--file", p.file).stdout.count("events")) > 0


def test_a_killed_instance_goes_on_where_it_was(platform, log):
    external_kafka.kill_and_go_on(platform, log.kafka, kills=2)


@pytest.mark.parametrize("strategy", ["cooperative-sticky", pytest.param("range", marks=pytest.mark.slow)])
def test_two_instances_share_the_work(platform, log, strategy):
    external_kafka.two_share(platform, log.kafka, strategy)


@pytest.mark.slow
def test_an_instance_that_dies_for_good_is_replaced(platform, log):
    external_kafka.one_of_two_dies(platform, log.kafka, session_ms=1_000)


def test_an_owner_that_was_stopped_too_long_is_fenced(platform, log):
    external_kafka.stopped_owner_is_fenced(platform, log.kafka, session_ms=1_000, count=30_000)


def test_a_kafka_that_hangs_is_gone_on_with(platform, log):
    external_kafka.hang_and_go_on(platform, log.kafka, log.process)


def test_a_new_pipeline_begins_where_it_is_told(platform, log):
    def named(name, start):
        text = external_kafka.events(log.kafka, 0, source=False, pipeline=f"start: {start},")
        return platform(text.replace("platform: outside", f"platform: {name}"), name)

    def produce(count):
        run("produce", "events", "--brokers", log.kafka, stdin='{"user_id": "u"}\n' * count)

    def reading(p):
        return [each["state"] for each in p.pipeline("events")["partitions"]] == ["reading"] * 4

    run("topic", "create", "events", "--partitions", 4, "--brokers", log.kafka)
    produce(5)
    produced = time.time()
    wait_until(lambda: time.time() > produced + 0.01, "a later moment")
    moment = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    latest = named("latest", "latest").start()
    wait_until(lambda: reading(latest), "its partitions")
    latest.kill()  # before it has read anything: where it began is kept all the same
    produce(10)
    latest.start()
    external_kafka.finish(latest, 10)
    earliest = named("earliest", "earliest").start()
    external_kafka.finish(earliest, 15)
    since = named("since", moment).start()
    external_kafka.finish(since, 10)


def test_tls_and_a_login_by_kafkas_own_names(platform, certificates):  # noqa: F811
    secured = platform("platform: log\nservices: { kafka: { embedded: { "
                       f"tls: {{ certificate: {certificates}/server.pem, key: {certificates}/server.key }}, "
                       "sasl: { users: { app: s3cret } } } } }\n", "log").start()
    def properties(password="s3cret", authority="authority"):
        return ("properties: { security.protocol: SASL_SSL, sasl.mechanisms: SCRAM-SHA-256, sasl.username: app, "
                f"sasl.password: {password}, ssl.ca.location: {certificates}/{authority}.pem }},")
    p = platform(external_kafka.events(secured.kafka, 5_000, kafka=properties()))
    p.launch("--until-done", "--output", "json")
    status, out = p.wait()
    assert status == 0, p.log()
    external_kafka.check_exact(json.loads(out)[0], 5_000)
    for wrong, said in ((properties(password="guess"), "check user and password"),
                        (properties(authority="stranger"), "certificate"),
                        ("", "services.kafka.tls")):
        p = platform(external_kafka.events(secured.kafka, 10, kafka=wrong), f"wrong{len(said)}")
        p.launch("--until-done")
        status, _ = p.wait()
        assert status == 1 and said in p.log(), p.log()


def test_a_kafka_that_is_not_there_is_waited_for(platform):
    p = platform(external_kafka.events("127.0.0.1:1", 10))
    p.launch()
    wait_until(lambda: "waiting for Kafka: no Kafka broker answers at 127.0.0.1:1" in p.log(), "the reason", 20)
    assert p.stop() == 1
    p.launch("--until-done")
    status, _ = p.wait()
    assert status == 1
    assert "no Kafka broker answers at 127.0.0.1:1" in p.log()
