"""Conversations: short exchanges with a broker, one for each version of an API, whose answers can be compared.

A conversation is a function under @conversation("Api"); it gets a Talk of one version and asks. What ask() answers
is written down with everything masked that may differ between two brokers that behave the same.
"""

import re
import socket
import struct
import time

import record_batches
import wire_schema
from freshet import ROOT

CONVERSATIONS = {}  # {api: {case: function}}
RANGES = {name: (int(first), int(last)) for name, first, last in re.findall(
    r'\{ApiKey::k\w+, "(\w+)", (\d+), (\d+), ', (ROOT / "src/kafka/api.h").read_text())}

# Of a partition or coordinator that is still being made, or whose last transaction is still being finished: ask again.
NOT_YET = {6, 14, 15, 16, 51}

# Equal things get equal numbers, in the order in which they appear; no id is ever compared itself.
NUMBERED = {"topicId", "memberId", "leader", "producerId", "clusterId"}
# A value that is not "nothing" is replaced by its name.
HIDDEN = {"host", "port", "logDir", "totalBytes", "usableBytes", "throttleTimeMs",
          "transactionStartTimeMs", "lastTimestamp", "sessionId", "logAppendTimeMs", "finalizedFeaturesEpoch"}
# Wording, and what the two brokers were told differently: also when there is none.
IGNORED = {"errorMessage", "batchIndexErrorMessage", "rack"}
NOTHING = (None, "", -1, 0, bytes(16))
# Lists that are sets or maps in the protocol become maps by the first of these that tells their elements apart.
IDENTITIES = ("name", "topic", "partitionIndex", "partition", "groupId", "resourceName", "transactionalId", "user",
              "key")


def conversation(api, versions=None):
    """Registers a function for all versions of an API that we have, or for some."""
    def register(function):
        CONVERSATIONS.setdefault(api, {})[function.__name__] = function
        function.versions = range(RANGES[api][0], RANGES[api][1] + 1) if versions is None else versions
        return function
    return register


class Connection:
    """Encodes, sends, waits for and decodes; every request must be answered or the connection closed."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self.correlation = 0

    def send(self, api, version, body):
        self.correlation += 1
        client = b"differ"
        flexible = wire_schema.flexible(api, version)
        frame = struct.pack(">hhih", wire_schema.api_key(api), version, self.correlation, len(client)) + client
        frame += (b"\0" if flexible else b"") + body
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)

    def receive(self):
        """The next frame without size and correlation id; None when the broker closed the connection."""
        data = self.exactly(4)
        if data is None:
            return None
        data = self.exactly(struct.unpack(">i", data)[0])
        correlation = struct.unpack(">i", data[:4])[0]
        assert correlation == self.correlation, f"answer {correlation} to request {self.correlation}"
        return data[4:]

    def exactly(self, count):
        data = b""
        while len(data) < count:
            try:
                piece = self.socket.recv(count - len(data))
            except ConnectionResetError:
                return None
            if not piece:
                return None
            data += piece
        return data

    def decode(self, api, version, data):
        if data is None:
            return "closed"
        if wire_schema.flexible(api, version) and api != "ApiVersions":
            assert data[0] == 0, "tagged fields in a response header"
            data = data[1:]
        return wire_schema.Message(api + "Response", version).decode(data)

    def call(self, api, version, /, **body):
        self.send(api, version, wire_schema.Message(api + "Request", version).encode(body))
        return self.decode(api, version, self.receive())

    def close(self):
        self.socket.close()


class Talk:
    """One conversation in one version. `own` is a name that nobody else uses, for its topics and groups."""

    def __init__(self, address, api, version, case):
        self.address, self.api, self.version = address, api, version
        self.own = f"{api}-{version}-{case}".replace("_", "-")
        self.steps = []
        self.numbers = {}
        self.connection = Connection(address)
        self.connections = [self.connection]

    def another(self):
        """A connection of its own, for a second member."""
        self.connections.append(Connection(self.address))
        return self.connections[-1]

    def close(self):
        for each in self.connections:
            each.close()

    # What is compared -------------------------------------------------------------------------------------

    def ask(self, label, until=None, keep=None, **body):
        """Asks the API of the conversation. `until`: again, until that holds. `keep` drops what is not ours."""
        deadline = time.monotonic() + 5
        while True:
            answer = self.connection.call(self.api, self.version, **body)
            if answer == "closed":
                self.connection = self.another()
                break
            if not (errors(answer) & NOT_YET or (until and not until(answer))) or time.monotonic() > deadline:
                break
            time.sleep(0.05)  # tidy: a deadline guards this wait
        self.note(label, keep(answer) if keep else answer)
        return answer

    def note(self, label, answer):
        before = sum(each["step"].split(" (")[0] == label for each in self.steps)
        label += f" ({before + 1})" if before else ""
        self.steps.append({"step": label, "answer": self.masked(answer)})

    def masked(self, value, name=""):
        if isinstance(value, dict):
            return {key: self.masked(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return self.masked_list(value, name)
        if name in NUMBERED and value not in NOTHING[:3] + NOTHING[4:]:
            seen = self.numbers.setdefault(name, {})
            return f"<{name} {seen.setdefault(value, len(seen) + 1)}>"
        if name in IGNORED:
            return f"<{name}>"
        if name in HIDDEN and value not in NOTHING:
            return f"<{name}>"
        if name == "records" and isinstance(value, bytes):
            return self.masked(record_batches.summary(value))
        if isinstance(value, bytes):
            return value.hex()
        return value.replace(self.own, "@") if isinstance(value, str) else value

    def masked_list(self, values, name):
        if values and all(isinstance(each, dict) for each in values):
            for identity in IDENTITIES:
                if all(each.get(identity) is not None for each in values):
                    ordered = sorted(values, key=lambda each: str(each[identity]))
                    known = {str(self.masked(each[identity], identity)): self.masked(each) for each in ordered}
                    if len(known) == len(values):
                        return known
        return [self.masked(each, name) for each in values]

    # What leads up to it ----------------------------------------------------------------------------------

    def call(self, api, version, /, **body):
        """Another API on the way; waits for coordinators."""
        deadline = time.monotonic() + 20
        while True:
            answer = self.connection.call(api, version, **body)
            assert answer != "closed", f"{api} {version} closed the connection"
            if not errors(answer) & NOT_YET or time.monotonic() > deadline:
                return answer
            time.sleep(0.05)  # tidy: a deadline guards this wait

    def topic(self, suffix="", partitions=1, **configs):
        """Makes a topic and waits until every partition has a leader."""
        name = self.own + suffix
        made = self.call("CreateTopics", 5, timeoutMs=10000, topics=[
            {"name": name, "numPartitions": partitions, "replicationFactor": 1, "assignments": [],
             "configs": [{"name": key.replace("_", "."), "value": value} for key, value in configs.items()]}])
        assert made["topics"][0]["errorCode"] == 0, made
        self.await_topic(name, partitions)
        return name

    def await_topic(self, name, partitions=1):
        deadline = time.monotonic() + 20
        while True:
            found = self.call("Metadata", 9, topics=[{"name": name}], allowAutoTopicCreation=False)["topics"][0]
            ready = [each for each in found["partitions"] if each["errorCode"] == 0 and each["leaderId"] >= 0]
            if found["errorCode"] == 0 and len(ready) == partitions:
                return
            assert time.monotonic() < deadline, found
            time.sleep(0.02)  # tidy: a deadline guards this wait

    def topic_id(self, name):
        return self.call("Metadata", 12, topics=[{"topicId": bytes(16), "name": name}],
                         allowAutoTopicCreation=False)["topics"][0]["topicId"]

    def produce(self, topic, records=((1000, b"k", b"v"),), partition=0, transactional_id=None, **batch):
        answer = self.call("Produce", 9, transactionalId=transactional_id, acks=-1, timeoutMs=10000, topicData=[
            {"name": topic, "partitionData": [
                {"index": partition, "records": record_batches.batch(list(records), **batch)}]}])
        part = answer["responses"][0]["partitionResponses"][0]
        assert part["errorCode"] == 0, part
        return part["baseOffset"]

    def commit(self, group, topic, offset=1):
        answer = self.call("OffsetCommit", 7, groupId=group, topics=[
            {"name": topic, "partitions": [{"partitionIndex": 0, "committedOffset": offset,
                                            "committedMetadata": "note"}]}])
        assert answer["topics"][0]["partitions"][0]["errorCode"] == 0, answer


def errors(answer):
    """Every error code anywhere in an answer."""
    if isinstance(answer, dict):
        own = {answer[key] for key in ("errorCode", "partitionErrorCode") if key in answer}
        return own.union(*(errors(each) for each in answer.values()))
    if isinstance(answer, list):
        return set().union(*(errors(each) for each in answer))
    return set()


def hold(address, api, case, version):
    """The steps of one conversation with one broker."""
    talk = Talk(address, api, version, case)
    try:
        CONVERSATIONS[api][case](talk)
    finally:
        talk.close()
    return talk.steps


def await_coordinators(address):
    """Until groups and transactions are served: Apache Kafka makes the topics behind them on first use."""
    talk = Talk(address, "Metadata", 9, "coordinators")
    try:
        for kind in (0, 1):
            talk.call("FindCoordinator", 2, key="warm", keyType=kind)
        talk.call("OffsetFetch", 7, groupId="warm", topics=None)
        advertised = talk.call("ApiVersions", 0)["apiKeys"]
        if any(each["apiKey"] == 22 for each in advertised):
            talk.call("InitProducerId", 1, transactionalId="warm", transactionTimeoutMs=60000)
    finally:
        talk.close()
