"""Apache Kafka itself, as the second one judged: one KRaft node on loopback, in a directory of its own."""

import os
import pathlib
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import sources  # noqa: E402
from freshet import wait_until  # noqa: E402

CLUSTER_ID = "AAAAAAAAAAAAAAAAAAAAAQ"

# num.partitions is what librdkafka's suite expects; group.initial.rebalance.delay.ms stays at Kafka's 3 s, without
# which that suite's test 0102 fails on Kafka itself.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "broker.rack": "RACK1",
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def java(*arguments, heap="256m"):
    """The command line of one Java main of the Kafka distribution."""
    home = sources.kafka()
    return ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile={home}/log4j2.properties", "-cp", f"{home}/lib/*", *map(str, arguments)]


class KafkaNode:
    """start() formats the directory and answers clients when it returns; close() ends the process."""

    name = "kafka"

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.process = None
        self.port = 0

    def start(self, secured=None, **settings):
        """`secured`, a directory with server.pem and server.key, a user and a password: there is a second listener,
        with TLS and logins."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port, controller = free_port(), free_port()
        users = []
        lines = {**SETTINGS, "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
                 "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
                 "controller.quorum.voters": f"1@127.0.0.1:{controller}", "log.dirs": self.directory / "data",
                 **{key.replace("_", "."): value for key, value in settings.items()}}
        if secured:
            users = self.add_secured_listener(lines, *secured)
        file = self.directory / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        with open(self.directory / "log", "a", encoding="utf-8") as log:
            subprocess.run(java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", file, *users),
                           stdout=log, stderr=log, check=True)
        return self.launch()

    def add_secured_listener(self, lines, certificates, user, password):
        """What the format of the directory must be told about its user."""
        self.secured_port = free_port()
        for key in ("listeners", "advertised.listeners"):
            lines[key] += f",SECURED://127.0.0.1:{self.secured_port}"
        lines["listener.security.protocol.map"] += ",SECURED:SASL_SSL"
        store = self.directory / "server.pem"
        store.write_text((certificates / "server.key").read_text() + (certificates / "server.pem").read_text())
        scram = ("SCRAM-SHA-256", "SCRAM-SHA-512")
        modules = "org.apache.kafka.common.security"
        of_listener = {
            "ssl.keystore.type": "PEM", "ssl.keystore.location": store,
            "sasl.enabled.mechanisms": ",".join(("PLAIN", *scram)),
            "plain.sasl.jaas.config": f'{modules}.plain.PlainLoginModule required user_{user}="{password}";',
            **{f"{name.lower()}.sasl.jaas.config": f"{modules}.scram.ScramLoginModule required;" for name in scram}}
        lines.update({f"listener.name.secured.{key}": value for key, value in of_listener.items()})
        return [word for name in scram for word in ("--add-scram", f"{name}=[name={user},password={password}]")]

    def restart(self):
        """SIGKILL, and again on the same port and directory."""
        self.process.kill()
        self.process.wait(20)
        return self.launch()

    def launch(self):
        home = sources.kafka()
        log = open(self.directory / "log", "a", encoding="utf-8")
        # Not java(): a server wants the full compiler and the concurrent collector.
        self.process = subprocess.Popen(
            ["java", "-Xmx1g", "-Xms256m", "-XX:+UseG1GC", f"-Dlog4j2.configurationFile={home}/log4j2.properties",
             "-cp", f"{home}/lib/*", "kafka.Kafka", self.directory / "server.properties"], stdout=log, stderr=log, cwd=self.directory)
        try:
            wait_until(lambda: self.answers() or self.process.poll() is not None, "Apache Kafka to answer", 90)
        except AssertionError:
            self.close()
            raise
        assert self.alive(), f"Apache Kafka ended with {self.process.returncode}:\n{self.log()}"
        return self

    def answers(self):
        from confluent_kafka.admin import AdminClient
        try:
            return bool(AdminClient({"bootstrap.servers": self.address, "log_level": 0}).list_topics(timeout=2).brokers)
        except Exception:  # noqa: BLE001: a client library's own exception, whatever it is: not ready yet
            return False

    def log(self):
        return (self.directory / "log").read_text(errors="replace")[-4000:]

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def secured(self):
        return f"127.0.0.1:{self.secured_port}"

    def alive(self):
        return self.process.poll() is None

    def close(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(20)


def tools_shim():
    """A directory that looks like a Kafka distribution to librdkafka's tests; of its tools they need one."""
    script = sources.JUDGES / "distribution/bin/kafka-topics.sh"
    script.parent.mkdir(parents=True, exist_ok=True)
    program = pathlib.Path(__file__).resolve().parent / "clients/kafka_topics.py"
    script.write_text(f'#!/bin/sh\nexec /usr/bin/python3 {program} "$@"\n')
    os.chmod(script, 0o755)
    return script.parent.parent
