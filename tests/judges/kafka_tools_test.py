"""Apache Kafka's own command-line tools and its compatibility programs: each row ends with 0 and says the right thing."""

import json
import re
import subprocess
import time

import pytest

import sources
from broker_fixture import wait_until
from kafka_node import java

JUDGE = f"Apache Kafka {sources.KAFKA} tools"
TOOLS = "org.apache.kafka.tools."
pytestmark = pytest.mark.slow


class Tools:
    """Runs mains of the distribution against one target."""

    def __init__(self, target, directory):
        self.target, self.directory = target, directory

    def run(self, main, *arguments, stdin="", status=0, seconds=90, server="--bootstrap-server", heap="256m"):
        main = main if main.startswith(("kafka.", "org.")) else TOOLS + main
        command = java(main, *([server, self.target.address] if server else []), *arguments, heap=heap)
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired as late:
            text = b"".join(part or b"" for part in (late.stdout, late.stderr)).decode(errors="replace")
            pytest.fail(f"{main} not over after {seconds} s: {brief(text)}")
        if status is not None and done.returncode != status:
            pytest.fail(f"{main} ended with {done.returncode}: {brief(done.stdout + done.stderr)}")
        return done.stdout

    def create(self, topic, partitions=1, *arguments):
        self.run("TopicCommand", "--create", "--topic", topic, "--partitions", partitions, *arguments)
        return topic

    def fill(self, topic, count=1000):
        lines = "".join(f"k{i}:value {i}\n" for i in range(count))
        self.run("ConsoleProducer", "--topic", topic, "--reader-property", "parse.key=true",
                 "--reader-property", "key.separator=:", "--command-property", "acks=all", stdin=lines)
        return topic

    def read(self, topic, count, *arguments):
        out = self.run("consumer.ConsoleConsumer", "--topic", topic, "--from-beginning", "--max-messages", count,
                       "--timeout-ms", "30000", *arguments)
        return out.splitlines()

    def end_offsets(self, topic, when="latest"):
        out = self.run("GetOffsetShell", "--topic", topic, "--time", when)
        return [int(line.rsplit(":", 1)[1]) for line in out.splitlines() if line.startswith(topic + ":")]


def brief(text):
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"Exception|Error|ERROR|error", line)]
    return " / ".join((errors or lines)[:3])[:400]


@pytest.fixture
def tools(target, tmp_path):
    try:
        sources.kafka()
    except sources.Missing as missing:
        pytest.skip(str(missing))
    return Tools(target, tmp_path)


def test_topics_create_list_describe_delete(tools):
    tools.create("tcr", 3, "--config", "retention.ms=100000", "--config", "cleanup.policy=compact")
    assert "tcr" in tools.run("TopicCommand", "--list").split()
    text = tools.run("TopicCommand", "--describe", "--topic", "tcr")
    assert "PartitionCount: 3" in text and "retention.ms=100000" in text and "cleanup.policy=compact" in text
    tools.run("TopicCommand", "--delete", "--topic", "tcr")
    assert "tcr" not in tools.run("TopicCommand", "--list").split()


def test_topics_alter_partitions(tools):
    tools.create("tap", 2)
    tools.run("TopicCommand", "--alter", "--topic", "tap", "--partitions", 5)
    assert "PartitionCount: 5" in tools.run("TopicCommand", "--describe", "--topic", "tap")


def test_console_producer_and_consumer(tools):
    tools.fill(tools.create("cpc", 1))
    assert tools.read("cpc", 1000) == [f"value {i}" for i in range(1000)]


def test_console_consumer_in_a_group_read_committed(tools):
    tools.fill(tools.create("ccg", 2))
    lines = tools.read("ccg", 1000, "--group", "ccg-group", "--isolation-level", "read_committed")
    assert sorted(lines) == sorted(f"value {i}" for i in range(1000))


@pytest.fixture
def group(tools):
    """A group that has read a topic of 1,000 records to its end."""
    name = f"grp{time.monotonic_ns()}"
    tools.fill(tools.create(name, 1))
    tools.read(name, 1000, "--group", name)
    return name


GROUPS = "consumer.group.ConsumerGroupCommand"


def test_consumer_groups_list_describe_members_state(tools, group):
    assert group in tools.run(GROUPS, "--list").split()
    assert re.search(rf"{group}\s+{group}\s+0\s+1000\s+1000\s+0", tools.run(GROUPS, "--describe", "--group", group))
    tools.run(GROUPS, "--describe", "--group", group, "--members", "--verbose")
    assert "Empty" in tools.run(GROUPS, "--describe", "--group", group, "--state")


def test_consumer_groups_reset_offsets(tools, group):
    tools.run(GROUPS, "--group", group, "--topic", group, "--reset-offsets", "--to-offset", 10, "--execute")
    assert re.search(rf"{group}\s+0\s+10\s+1000\s+990", tools.run(GROUPS, "--describe", "--group", group))
    tools.run(GROUPS, "--group", group, "--topic", group, "--reset-offsets", "--to-datetime",
              "2020-01-01T00:00:00.000", "--execute")
    assert re.search(rf"{group}\s+0\s+0\s+1000\s+1000", tools.run(GROUPS, "--describe", "--group", group))


def test_consumer_groups_delete_offsets(tools, group):
    tools.run(GROUPS, "--group", group, "--topic", group, "--delete-offsets")
    assert not re.search(rf"{group}\s+{group}\s+0\s+1000", tools.run(GROUPS, "--describe", "--group", group,
                                                                    status=None))


def test_consumer_groups_delete(tools, group):
    tools.run(GROUPS, "--group", group, "--delete")
    assert group not in tools.run(GROUPS, "--list").split()


def test_groups_list(tools, group):
    assert group in tools.run("GroupsCommand", "--list")


def test_share_groups_list(tools):
    tools.run("consumer.group.ShareGroupCommand", "--list")


def test_configs_of_a_topic(tools):
    tools.create("cot")
    configs = ("kafka.admin.ConfigCommand", "--entity-type", "topics", "--entity-name", "cot")
    assert "segment.bytes=" in tools.run(*configs, "--describe", "--all")
    tools.run(*configs, "--alter", "--add-config", "retention.ms=12345678,max.message.bytes=2000000")
    assert "retention.ms=12345678" in tools.run(*configs, "--describe")
    tools.run(*configs, "--alter", "--delete-config", "retention.ms")
    assert "12345678" not in tools.run(*configs, "--describe")


def broker_id(tools):
    return re.search(r"id: (\d+)", tools.run("BrokerApiVersionsCommand")).group(1)


def test_configs_of_the_broker(tools):
    configs = ("kafka.admin.ConfigCommand", "--entity-type", "brokers", "--entity-name", broker_id(tools))
    assert "log.retention" in tools.run(*configs, "--describe", "--all")


def test_configs_of_the_broker_altered(tools):
    configs = ("kafka.admin.ConfigCommand", "--entity-type", "brokers", "--entity-name", broker_id(tools))
    tools.run(*configs, "--alter", "--add-config", "log.cleaner.threads=2")
    assert "log.cleaner.threads=2" in tools.run(*configs, "--describe")
    tools.run(*configs, "--alter", "--delete-config", "log.cleaner.threads")


def test_get_offsets_latest_earliest_max_timestamp(tools):
    tools.fill(tools.create("gos"))
    assert tools.end_offsets("gos") == [1000]
    assert tools.end_offsets("gos", "earliest") == [0]
    # Records of one millisecond may share the largest time; the first of them is meant.
    assert 0 <= tools.end_offsets("gos", "max-timestamp")[0] < 1000


def test_delete_records(tools):
    tools.fill(tools.create("dre"))
    file = tools.directory / "delete.json"
    file.write_text(json.dumps({"version": 1, "partitions": [{"topic": "dre", "partition": 0, "offset": 400}]}))
    assert "low_watermark: 400" in tools.run("DeleteRecordsCommand", "--offset-json-file", file)
    assert tools.end_offsets("dre", "earliest") == [400]
    assert tools.read("dre", 600) == [f"value {i}" for i in range(400, 1000)]


def test_log_dirs(tools):
    tools.fill(tools.create("ldi", 2))
    out = tools.run("LogDirsCommand", "--describe", "--topic-list", "ldi")
    answer = json.loads(next(line for line in out.splitlines() if line.startswith("{")))
    partitions = answer["brokers"][0]["logDirs"][0]["partitions"]
    assert len(partitions) == 2 and sum(p["size"] for p in partitions) > 10_000


def test_cluster_id_and_endpoints(tools):
    assert re.search(r"Cluster ID: \S{22}", tools.run("ClusterTool", "cluster-id", "--bootstrap-server",
                                                     tools.target.address, server=None))
    assert str(tools.target.port) in tools.run("ClusterTool", "list-endpoints", "--bootstrap-server",
                                               tools.target.address, server=None)


def test_broker_api_versions(tools):
    out = tools.run("BrokerApiVersionsCommand")
    assert re.search(r"Fetch\(1\): 4 to 1\d", out) and "Produce(0)" in out


def test_features(tools):
    tools.run("FeatureCommand", "--bootstrap-server", tools.target.address, "describe", server=None)


def test_metadata_quorum_status(tools):
    tools.run("MetadataQuorumCommand", "--bootstrap-server", tools.target.address, "describe", "--status",
              server=None)


def test_transactions_list_find_hanging(tools):
    tools.fill(tools.create("tlf"))
    at = ("--bootstrap-server", tools.target.address)
    tools.run("TransactionsCommand", *at, "list", server=None)
    tools.run("TransactionsCommand", *at, "find-hanging", "--broker-id", broker_id(tools), server=None)
    tools.run("TransactionsCommand", *at, "describe-producers", "--topic", "tlf", "--partition", 0, server=None)


def test_transactions_describe(tools):
    tools.create("tde")
    tools.run("ProducerPerformance", "--topic", "tde", "--num-records", 100, "--throughput", -1, "--record-size", 50,
              "--transactional-id", "tde-id", "--transaction-duration-ms", 50)
    at = ("--bootstrap-server", tools.target.address)
    out = tools.run("TransactionsCommand", *at, "describe", "--transactional-id", "tde-id", server=None)
    assert "tde-id" in out and "Complete" in out


def test_reassign_partitions_list(tools):
    tools.run("reassign.ReassignPartitionsCommand", "--list")


def test_elect_preferred_leaders(tools):
    tools.create("epl")
    tools.run("LeaderElectionCommand", "--election-type", "preferred", "--topic", "epl", "--partition", 0)


def test_producer_and_consumer_performance(tools):
    tools.create("ppe", 2)
    out = tools.run("ProducerPerformance", "--topic", "ppe", "--num-records", 50_000, "--throughput", -1,
                    "--record-size", 100, "--command-property", "acks=all")
    assert "50000 records sent" in out
    out = tools.run("ConsumerPerformance", "--topic", "ppe", "--num-records", 50_000)
    assert "50000" in out or "5000" in out.splitlines()[-1]


def test_producer_performance_in_transactions(tools):
    tools.create("ppt", 2)
    tools.run("ProducerPerformance", "--topic", "ppt", "--num-records", 5_000, "--throughput", -1, "--record-size",
              100, "--transactional-id", "ppt-id", "--transaction-duration-ms", 100)
    assert len(tools.read("ppt", 5000, "--isolation-level", "read_committed")) == 5000


def test_end_to_end_latency(tools):
    tools.create("ete")
    tools.run("EndToEndLatency", "--topic", "ete", "--num-records", 500, "--producer-acks", "all", "--record-size",
              100)


def verifiable_produce(tools, topic, count=2000):
    out = tools.run("VerifiableProducer", "--topic", topic, "--max-messages", count)
    last = json.loads(out.splitlines()[-1])
    assert (last["name"], last["sent"], last["acked"]) == ("tool_data", count, count), last


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_verifiable_producer_and_consumer(tools, protocol):
    if protocol == "consumer" and "ConsumerGroupHeartbeat(68): 0" not in tools.run("BrokerApiVersionsCommand"):
        pytest.skip("the KIP-848 protocol is not offered")
    topic = tools.create("vpc-" + protocol, 2)
    verifiable_produce(tools, topic)
    out = tools.run("VerifiableConsumer", "--topic", topic, "--group-id", topic, "--group-protocol", protocol,
                    "--max-messages", 2000, "--reset-policy", "earliest")
    events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert sum(event["count"] for event in events if event["name"] == "records_consumed") == 2000


@pytest.mark.parametrize("copier", ["aborts", "aborts and group metadata"])
def test_transactional_message_copier(tools, copier):
    name = "tmc" + str(len(copier))
    tools.create(name + "in")
    tools.create(name + "out")
    verifiable_produce(tools, name + "in")
    extra = ["--use-group-metadata"] if "metadata" in copier else []
    tools.run("TransactionalMessageCopier", "--broker-list", tools.target.address, "--transactional-id", name,
              "--consumer-group", name, "--input-topic", name + "in", "--input-partition", 0, "--output-topic",
              name + "out", "--transaction-size", 100, "--max-messages", 2000, "--enable-random-aborts", *extra,
              server=None, seconds=120)
    lines = tools.read(name + "out", 2000, "--isolation-level", "read_committed")
    assert lines == [str(i) for i in range(2000)]
    assert tools.read(name + "in", 2000) == lines


def test_client_compatibility(tools):
    # It makes a topic of this name and wants to be the first.
    tools.run("TopicCommand", "--delete", "--topic", "newtopic", status=None)
    tools.create("clientcompat", 1)
    supported = ("offsets-for-times", "create-topics", "describe-acls", "describe-configs", "idempotent-producer")
    tools.run("ClientCompatibilityTest", "--topic", "clientcompat", "--num-cluster-nodes", 1, "--cluster-id-supported",
              "true", "--expect-record-too-large-exception", "false",
              *(word for name in supported for word in (f"--{name}-supported", "true")))


def test_log_compaction(tools):
    out = tools.run("LogCompactionTester", "--messages", 50_000, "--topics", 1, "--percent-deletes", 20,
                    "--duplicates", 5, "--sleep", 20, seconds=200)
    assert re.search(r"Validated [1-9]\d* values, 0 mismatches", out), out


def segments(tools, topic):
    """Closed files of the topic's partition 0: read while the target is up, after the last write."""
    return sorted(tools.target.directory.rglob(f"{topic}-0/*"))


def test_dump_log_of_segments(tools):
    tools.create("dlo", 1, "--config", "segment.bytes=1048576")
    tools.run("ProducerPerformance", "--topic", "dlo", "--num-records", 30_000, "--throughput", -1, "--record-size",
              100)
    files = wait_until(lambda: [f for f in segments(tools, "dlo") if f.suffix == ".log"][:-1], "a closed segment")
    out = tools.run("DumpLogSegments", "--deep-iteration", "--print-data-log", "--files",
                    ",".join(map(str, files)), server=None)
    assert out.count("payload") > 1000 and "isvalid: true" in out and "isvalid: false" not in out


def test_dump_log_of_indexes(tools):
    tools.create("dli", 1, "--config", "segment.bytes=1048576")
    tools.run("ProducerPerformance", "--topic", "dli", "--num-records", 30_000, "--throughput", -1, "--record-size",
              100)
    files = wait_until(lambda: [f for f in segments(tools, "dli") if f.suffix in (".index", ".timeindex")][:-2],
                       "a closed index")
    out = tools.run("DumpLogSegments", "--deep-iteration", "--files", ",".join(map(str, files)), server=None)
    assert "Found timestamp mismatch" not in out and "Index sanity check" not in out, out
    assert "mismatch" not in out.lower(), out


def test_dump_log_of_committed_offsets(tools, group):
    files = [f for f in tools.target.directory.rglob("__consumer_offsets-*/*.log") if f.stat().st_size]
    assert files, "no segment of __consumer_offsets"
    out = tools.run("DumpLogSegments", "--offsets-decoder", "--files", ",".join(map(str, files)), server=None)
    assert group in out, "the commit is not in the dump"


def test_storage_tool(tools):
    assert re.fullmatch(r"\S{22}", tools.run("kafka.tools.StorageTool", "random-uuid", server=None).strip())
