"""Producers and transactions."""

from conversation import conversation
from record_batches import recent
from talks_groups import join
from talks_records import RECORDS


class Producer:
    """A transactional producer of the first protocol (KIP-98); its fields in the words of each request."""

    def __init__(self, talk, name=None):
        self.talk, self.name = talk, name or talk.own
        made = talk.call("InitProducerId", 1, transactionalId=self.name, transactionTimeoutMs=60000)
        assert made["errorCode"] == 0, made
        self.ids = {"producerId": made["producerId"], "producerEpoch": made["producerEpoch"]}
        self.who = {"transactionalId": self.name, **self.ids}

    def add_body(self, topic, partition=0, **changed):
        who = {**self.who, **changed}
        return {"v3AndBelowTransactionalId": who["transactionalId"], "v3AndBelowProducerId": who["producerId"],
                "v3AndBelowProducerEpoch": who["producerEpoch"],
                "v3AndBelowTopics": [{"name": topic, "partitions": [partition]}]}

    def begin(self, topic, sequence=0):
        """Adds the partition and writes one batch."""
        self.talk.call("AddPartitionsToTxn", 0, **self.add_body(topic))
        self.talk.produce(topic, recent(RECORDS), transactional_id=self.name, producer_id=self.ids["producerId"],
                          epoch=self.ids["producerEpoch"], sequence=sequence, attributes=16)

    def end(self, committed):
        answer = self.talk.call("EndTxn", 1, committed=committed, **self.who)
        assert answer["errorCode"] == 0, answer

    def wrong(self):
        """Label and fields of a producer that is not this one."""
        return {"another producer id": {"producerId": self.ids["producerId"] + 1000},
                "a later epoch": {"producerEpoch": self.ids["producerEpoch"] + 5},
                "an older epoch": {"producerEpoch": -1},
                "an unknown transaction": {"transactionalId": self.name + "-none"}}


@conversation("InitProducerId")
def idempotent(talk):
    talk.ask("first", transactionalId=None, transactionTimeoutMs=60000)
    talk.ask("second", transactionalId=None, transactionTimeoutMs=60000)
    talk.ask("empty name", transactionalId="", transactionTimeoutMs=60000)


@conversation("InitProducerId")
def transactional(talk):
    first = talk.ask("first", transactionalId=talk.own, transactionTimeoutMs=60000)
    talk.ask("again: next epoch", transactionalId=talk.own, transactionTimeoutMs=60000)
    talk.ask("a day", transactionalId=talk.own + "-day", transactionTimeoutMs=86400000)
    talk.ask("no time", transactionalId=talk.own + "-none", transactionTimeoutMs=0)
    if talk.version >= 3:
        for label, epoch in (("known epoch", 1), ("old epoch", 0)):
            talk.ask(label, transactionalId=talk.own, transactionTimeoutMs=60000, producerId=first["producerId"],
                     producerEpoch=epoch)
        talk.ask("another id", transactionalId=talk.own, transactionTimeoutMs=60000,
                 producerId=first["producerId"] + 1000, producerEpoch=0)
        talk.ask("id without epoch", transactionalId=talk.own, transactionTimeoutMs=60000,
                 producerId=first["producerId"], producerEpoch=-1)


@conversation("InitProducerId")
def fences_an_open_transaction(talk):
    topic = talk.topic()
    producer = Producer(talk)
    producer.begin(topic)
    talk.ask("fence", transactionalId=talk.own, transactionTimeoutMs=60000)
    talk.note("the old one", talk.call("EndTxn", 3, committed=True, **producer.who))
    talk.note("aborted", talk.call("ListOffsets", 2, replicaId=-1, isolationLevel=1, topics=[
        {"name": topic, "partitions": [{"partitionIndex": 0, "timestamp": -1}]}]))


@conversation("AddPartitionsToTxn")
def added(talk):
    topic = talk.topic(partitions=2)
    producer = Producer(talk)
    talk.ask("one", **producer.add_body(topic))
    talk.ask("again", **producer.add_body(topic))
    talk.ask("another", **producer.add_body(topic, 1))
    talk.ask("unknown partition", **producer.add_body(topic, 9))
    talk.ask("unknown topic", **producer.add_body(talk.own + "-none"))
    for label, changed in producer.wrong().items():
        talk.ask(label, **producer.add_body(topic, **changed))
    talk.ask("no name", **producer.add_body(topic, transactionalId=""))


@conversation("AddOffsetsToTxn")
def offsets_added(talk):
    producer = Producer(talk)
    talk.ask("well", groupId=talk.own, **producer.who)
    talk.ask("again", groupId=talk.own, **producer.who)
    for label, changed in producer.wrong().items():
        talk.ask(label, groupId=talk.own, **{**producer.who, **changed})
    talk.ask("no group", groupId="", **producer.who)


@conversation("EndTxn")
def ended(talk):
    topic = talk.topic()
    producer = Producer(talk)

    def say(label, committed, **changed):
        talk.ask(label, committed=committed, **{**producer.who, **changed})
    say("nothing to commit", True)
    producer.begin(topic)
    for label, changed in producer.wrong().items():
        say(label, True, **changed)
    say("commit", True)
    say("commit again", True)
    say("abort after commit", False)
    producer.begin(topic, sequence=3)
    say("abort", False)
    say("abort again", False)
    say("commit after abort", True)
    talk.note("the end", talk.call("ListOffsets", 2, replicaId=-1, isolationLevel=1, topics=[
        {"name": topic, "partitions": [{"partitionIndex": 0, "timestamp": -1}]}]))


@conversation("TxnOffsetCommit")
def committed(talk):
    topic = talk.topic()
    producer = Producer(talk)
    group = talk.own
    talk.call("AddOffsetsToTxn", 0, groupId=group, **producer.who)

    def say(label, name=topic, partition=0, metadata="note", **changed):
        talk.ask(label, **{"groupId": group, **producer.who, **changed, "topics": [{"name": name, "partitions": [
            {"partitionIndex": partition, "committedOffset": 5, "committedLeaderEpoch": 0,
             "committedMetadata": metadata}]}]})
    say("well")
    say("much metadata", metadata="m" * 5000)
    say("unknown topic", name=talk.own + "-none")
    say("unknown partition", partition=9)
    say("no group", groupId="")

    def offsets(label, version, **more):
        talk.note(label, talk.connection.call("OffsetFetch", version, groupId=group, topics=[
            {"name": topic, "partitionIndexes": [0]}], **more))
    offsets("pending", 6)
    offsets("pending and stable wanted", 7, requireStable=True)
    producer.end(True)
    talk.call("InitProducerId", 1, transactionalId=talk.own, transactionTimeoutMs=60000)
    offsets("committed", 6)
    say("after the end")


@conversation("TxnOffsetCommit", range(3, 5))
def fenced_by_the_group(talk):
    topic = talk.topic()
    producer = Producer(talk)
    member, generation = join(talk, talk.own)
    talk.call("AddOffsetsToTxn", 0, groupId=talk.own, **producer.who)

    def say(label, who, when, instance=None):
        talk.ask(label, groupId=talk.own, generationId=when, memberId=who, groupInstanceId=instance, **producer.who,
                 topics=[{"name": topic, "partitions": [{"partitionIndex": 0, "committedOffset": 5,
                                                         "committedMetadata": None}]}])
    say("well", member, generation)
    say("wrong generation", member, generation + 1)
    say("unknown member", "nobody", generation)
    say("unknown instance", member, generation, "i9")


@conversation("DescribeProducers")
def producers(talk):
    topic = talk.topic()

    def say(label, name=topic, partition=0):
        talk.ask(label, topics=[{"name": name, "partitionIndexes": [partition]}])
    say("none")
    producer = Producer(talk)
    producer.begin(topic)
    say("an open transaction")
    producer.end(True)
    talk.call("InitProducerId", 1, transactionalId=talk.own, transactionTimeoutMs=60000)
    say("an ended one")
    say("unknown topic", talk.own + "-none")
    say("unknown partition", partition=9)
    say("bad name", "bad name")


@conversation("DescribeTransactions")
def transactions(talk):
    topic = talk.topic()
    producer = Producer(talk)
    talk.ask("new", transactionalIds=[talk.own])
    producer.begin(topic)
    talk.ask("open", transactionalIds=[talk.own])
    producer.end(True)
    talk.ask("ended", transactionalIds=[talk.own],
             until=lambda answer: answer["transactionStates"][0]["transactionState"] == "CompleteCommit")
    talk.ask("unknown", transactionalIds=[talk.own + "-none"])
    talk.ask("no name", transactionalIds=[""])


@conversation("ListTransactions")
def listed(talk):
    topic = talk.topic()
    producer = Producer(talk)
    Producer(talk, talk.own + "-idle")
    producer.begin(topic)

    def say(label, **body):
        talk.ask(label, keep=lambda answer: {**answer, "transactionStates": [
            each for each in answer["transactionStates"] if each["transactionalId"].startswith(talk.own)]}, **body)
    say("all", stateFilters=[], producerIdFilters=[])
    say("open ones", stateFilters=["Ongoing"], producerIdFilters=[])
    say("unknown state", stateFilters=["Bored"], producerIdFilters=[])
    say("by producer", stateFilters=[], producerIdFilters=[producer.ids["producerId"]])
    if talk.version >= 1:
        say("long ones", stateFilters=[], producerIdFilters=[], durationFilter=10**9)
    if talk.version >= 2:
        say("by pattern", stateFilters=[], producerIdFilters=[], transactionalIdPattern=".*-idle")
        say("no pattern", stateFilters=[], producerIdFilters=[], transactionalIdPattern="")
        say("bad pattern", stateFilters=[], producerIdFilters=[], transactionalIdPattern="(")
