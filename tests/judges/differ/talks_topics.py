"""Topics, their settings, and what says where they lie."""

from conversation import conversation

NONE = bytes(16)


@conversation("Metadata")
def named(talk):
    topic = talk.topic(partitions=2)
    wanted = [topic, talk.own + "-none", "bad name"]
    if talk.version < 4:  # what is not there would be made
        wanted = [topic]
    talk.ask("topics", topics=[{"topicId": NONE, "name": name} for name in wanted], allowAutoTopicCreation=False,
             includeClusterAuthorizedOperations=True, includeTopicAuthorizedOperations=True)
    talk.ask("no topics", topics=[{"name": topic}] if talk.version == 0 else [], allowAutoTopicCreation=False)


@conversation("Metadata")
def every_topic(talk):
    topic = talk.topic()

    def own(answer):
        return {**answer, "topics": [each for each in answer["topics"] if each["name"] == topic]}
    talk.ask("all", keep=own, topics=[] if talk.version == 0 else None)


@conversation("Metadata")
def made_on_demand(talk):
    name = {"topicId": NONE, "name": talk.own + "-new"}
    talk.ask("the second time", topics=[name], allowAutoTopicCreation=True,
             until=lambda answer: answer["topics"][0]["errorCode"] == 0)


@conversation("Metadata", range(12, 13))
def by_id(talk):
    topic = talk.topic()
    talk.ask("known", topics=[{"topicId": talk.topic_id(topic), "name": None}])
    talk.ask("unknown", topics=[{"topicId": bytes([9] * 16), "name": None}])


def creation(name, partitions=1, factor=1, configs=(), assignments=()):
    return {"name": name, "numPartitions": partitions, "replicationFactor": factor,
            "assignments": [{"partitionIndex": index, "brokerIds": brokers} for index, brokers in assignments],
            "configs": [{"name": key, "value": value} for key, value in configs]}


@conversation("CreateTopics")
def created(talk):
    def say(label, *topics, validate=False):
        talk.ask(label, topics=list(topics), timeoutMs=10000, validateOnly=validate)
    name = talk.own
    say("two partitions", creation(name, 2, configs=[("retention.ms", "1000")]))
    say("again", creation(name))
    say("assigned", creation(name + "-assigned", -1, -1, assignments=[(0, [1]), (1, [1])]))
    if talk.version >= 4:
        say("defaults", creation(name + "-defaults", -1, -1))
    say("only looked at", creation(name + "-looked-at", 2), validate=True)


@conversation("CreateTopics")
def refused(talk):
    def say(label, *topics):
        talk.ask(label, topics=list(topics), timeoutMs=10000, validateOnly=False)
    name = talk.own
    say("bad name", creation("bad name"))
    say("empty name", creation(""))
    say("dots", creation(".."))
    say("no partitions", creation(name, 0))
    say("negative partitions", creation(name, -7))
    say("no replicas", creation(name, 1, 0))
    say("three replicas", creation(name + "-three", 1, 3))
    say("unknown config", creation(name, configs=[("no.such.config", "1")]))
    say("bad config value", creation(name, configs=[("retention.ms", "soon")]))
    say("config without value", creation(name, configs=[("retention.ms", None)]))
    say("unknown broker", creation(name, -1, -1, assignments=[(0, [8])]))
    say("gap in partitions", creation(name, -1, -1, assignments=[(1, [1])]))
    say("count beside assignment", creation(name, 2, 1, assignments=[(0, [1]), (1, [1])]))
    say("twice", creation(name), creation(name))


@conversation("DeleteTopics")
def deleted(talk):
    topic, other = talk.topic(), talk.topic("-other")

    def say(label, name, topic_id=NONE):
        if talk.version < 6:
            return talk.ask(label, topicNames=[name], timeoutMs=10000)
        return talk.ask(label, topics=[{"name": name, "topicId": topic_id}], timeoutMs=10000)
    say("there", topic)
    say("gone", topic)
    if talk.version >= 6:
        identity = talk.topic_id(other)
        say("by id", None, identity)
        say("by id again", None, identity)
        say("name and id", talk.own, bytes([9] * 16))


@conversation("CreatePartitions")
def grown(talk):
    topic = talk.topic(partitions=2)

    def say(label, count, name=topic, assignments=None, validate=False):
        chosen = None if assignments is None else [{"brokerIds": each} for each in assignments]
        talk.ask(label, topics=[{"name": name, "count": count, "assignments": chosen}], timeoutMs=10000,
                 validateOnly=validate)
    say("only looked at", 3, validate=True)
    say("three", 3)
    talk.await_topic(topic, 3)
    say("three again", 3)
    say("fewer", 1)
    say("none", 0)
    say("negative", -3)
    say("assigned", 4, assignments=[[1]])
    talk.await_topic(topic, 4)
    say("too few assignments", 6, assignments=[[1]])
    say("unknown broker", 5, assignments=[[8]])
    say("unknown topic", 3, name=talk.own + "-none")
    talk.ask("twice", topics=[{"name": topic, "count": 9, "assignments": None}] * 2, timeoutMs=10000,
             validateOnly=False)


def configs_body(kind, name, keys=None, synonyms=False):
    return {"resources": [{"resourceType": kind, "resourceName": name, "configurationKeys": keys}],
            "includeSynonyms": synonyms, "includeDocumentation": False}


@conversation("DescribeConfigs")
def described(talk):
    topic = talk.topic(retention_ms="5000", cleanup_policy="compact")
    talk.ask("all of a topic", **configs_body(2, topic))
    some = ["retention.ms", "cleanup.policy", "segment.bytes"]
    talk.ask("some of a topic", **configs_body(2, topic, some, synonyms=True))
    talk.ask("an unknown one", **configs_body(2, topic, ["no.such.config"]))
    talk.ask("unknown topic", **configs_body(2, talk.own + "-none"))
    talk.ask("bad topic name", **configs_body(2, "bad name"))
    talk.ask("unknown kind", **configs_body(77, "x"))


@conversation("DescribeConfigs")
def of_the_broker(talk):
    some = ["auto.create.topics.enable", "delete.topic.enable", "log.retention.ms", "num.partitions", "broker.id",
            "message.max.bytes", "offsets.retention.minutes"]
    talk.ask("some", **configs_body(4, "1", some))
    talk.ask("another broker", **configs_body(4, "7", some))
    talk.ask("not a number", **configs_body(4, "one", some))


def configs_now(talk, topic, **expected):
    """What a topic's settings are, as soon as they are what they should be."""
    def value(answer):
        return {each["name"]: each["value"] for each in answer["results"][0]["configs"]}
    before, talk.api = talk.api, "DescribeConfigs"
    version, talk.version = talk.version, 1
    names = [key.replace("_", ".") for key in expected]
    talk.ask("afterwards", until=lambda answer: all(value(answer).get(key.replace("_", ".")) == wanted
                                                    for key, wanted in expected.items()),
             **configs_body(2, topic, names))
    talk.api, talk.version = before, version


@conversation("CreateTopics", range(5, 8))
def created_with_defaults_of_the_broker(talk):
    def defaults(name, operation, **configs):
        answer = talk.call("IncrementalAlterConfigs", 1, validateOnly=False, resources=[
            {"resourceType": 4, "resourceName": name,
             "configs": [{"name": key.replace("_", "."), "configOperation": operation, "value": value}
                         for key, value in configs.items()]}])
        assert answer["responses"][0]["errorCode"] == 0, answer
    put, delete = 0, 1
    defaults("", put, log_retention_ms="86400000", log_segment_bytes="2097152")
    defaults("1", put, log_segment_bytes="3145728")
    names = ("retention.ms", "segment.bytes", "max.message.bytes")

    def some(answer):
        return {**answer, "topics": [{**each, "configs": [one for one in each["configs"] if one["name"] in names]}
                                     for each in answer["topics"]]}
    try:
        talk.ask("created", keep=some, timeoutMs=10000, topics=[creation(talk.own)])
        talk.ask("its own", keep=some, timeoutMs=10000,
                 topics=[creation(talk.own + "-own", configs=[("segment.bytes", "4194304")])])
    finally:
        defaults("1", delete, log_segment_bytes=None)
        defaults("", delete, log_retention_ms=None, log_segment_bytes=None)


@conversation("AlterConfigs")
def replaced(talk):
    topic = talk.topic(retention_ms="5000")

    def say(label, configs, kind=2, name=topic, validate=False):
        talk.ask(label, validateOnly=validate, resources=[
            {"resourceType": kind, "resourceName": name,
             "configs": [{"name": key, "value": each} for key, each in configs]}])
    say("only looked at", [("retention.ms", "7000")], validate=True)
    say("another one", [("cleanup.policy", "compact")])
    configs_now(talk, topic, retention_ms="604800000", cleanup_policy="compact")
    say("unknown config", [("no.such.config", "1")])
    say("bad value", [("retention.ms", "soon")])
    say("null", [("retention.ms", None)])
    say("unknown topic", [("retention.ms", "1")], name=talk.own + "-none")
    say("unknown kind", [("retention.ms", "1")], kind=77)
    say("nothing: all defaults", [])
    configs_now(talk, topic, retention_ms="604800000", cleanup_policy="delete")


@conversation("IncrementalAlterConfigs")
def changed(talk):
    topic = talk.topic(retention_ms="5000")
    put, delete, append, subtract = range(4)

    def say(label, *configs, kind=2, name=topic, validate=False):
        talk.ask(label, validateOnly=validate, resources=[
            {"resourceType": kind, "resourceName": name,
             "configs": [{"name": key, "configOperation": operation, "value": each}
                         for operation, key, each in configs]}])
    say("only looked at", (put, "retention.ms", "7000"), validate=True)
    say("set", (put, "retention.ms", "7000"), (put, "segment.bytes", "2097152"))
    configs_now(talk, topic, retention_ms="7000", segment_bytes="2097152")
    say("append", (append, "cleanup.policy", "compact"))
    configs_now(talk, topic, cleanup_policy="delete,compact")
    say("subtract", (subtract, "cleanup.policy", "delete"))
    configs_now(talk, topic, cleanup_policy="compact")
    say("delete", (delete, "retention.ms", None))
    configs_now(talk, topic, retention_ms="604800000")
    say("append to no list", (append, "retention.ms", "1"))
    say("unknown config", (put, "no.such.config", "1"))
    say("delete unknown config", (delete, "no.such.config", None))
    say("bad value", (put, "retention.ms", "soon"))
    say("null", (put, "retention.ms", None))
    say("unknown operation", (9, "retention.ms", "1"))
    say("twice", (put, "retention.ms", "1"), (delete, "retention.ms", None))
    say("unknown topic", (put, "retention.ms", "1"), name=talk.own + "-none")
    say("unknown kind", (put, "retention.ms", "1"), kind=77)


@conversation("DescribeLogDirs")
def sizes(talk):
    topic = talk.topic(partitions=2)
    talk.produce(topic)

    def both(answer):
        return any(len(each["partitions"]) == 2 for one in answer["results"] for each in one["topics"])
    talk.ask("one topic", until=both, topics=[{"topic": topic, "partitions": [0, 1, 9]},
                                  {"topic": talk.own + "-none", "partitions": [0]}])
    talk.ask("nothing", topics=[])

    def own(answer):
        return {**answer, "results": [{**each, "topics": [one for one in each["topics"] if one["name"] == topic]}
                                      for each in answer["results"]]}
    talk.ask("everything", keep=own, topics=None)


@conversation("DescribeTopicPartitions")
def pages(talk):
    one, two = talk.topic(partitions=3), talk.topic("-two", partitions=2)

    def say(label, *topics, limit=2000, cursor=None):
        at = cursor and {"topicName": cursor[0], "partitionIndex": cursor[1]}
        talk.ask(label, topics=[{"name": name} for name in topics], responsePartitionLimit=limit, cursor=at)
    say("whole", two, one)
    say("unknown", talk.own + "-none", "bad name", one)
    say("first page", one, two, limit=2)
    say("second page", one, two, limit=2, cursor=(one, 2))
    say("a page ends with a topic", one, two, limit=3)
    say("no limit below one", one, limit=0)
    say("cursor outside", one, cursor=(two, 0))
    say("cursor below 0", one, cursor=(one, -1))
    say("cursor past the end", one, cursor=(one, 9))


@conversation("ListPartitionReassignments")
def nothing_moves(talk):
    topic = talk.topic()
    talk.ask("all", topics=None)
    talk.ask("one", topics=[{"name": topic, "partitionIndexes": [0]}])
    talk.ask("unknown", topics=[{"name": talk.own + "-none", "partitionIndexes": [0]}])


@conversation("ElectLeaders")
def no_other_leader(talk):
    topic = talk.topic(partitions=2)

    def say(label, *wanted, kind=0):
        typed = {"electionType": kind} if talk.version >= 1 else {}
        talk.ask(label, timeoutMs=10000, **typed, topicPartitions=[
            {"topic": name, "partitions": list(partitions)} for name, partitions in wanted])
    say("preferred", (topic, (0, 1)))
    say("partition twice", (topic, (0, 0)))
    say("unknown partition", (topic, (7, -1)))
    say("unknown topic", (talk.own + "-none", (0,)), ("bad name", (0,)))
    say("nothing")
    say("no partitions", (topic, ()))
    if talk.version >= 1:
        say("unclean", (topic, (1,)), kind=1)
        say("unknown kind", (topic, (0, 1)), kind=7)

    def own(answer):
        return {**answer, "replicaElectionResults":
                [each for each in answer["replicaElectionResults"] if each["topic"] == topic]}
    talk.ask("everything", keep=own, timeoutMs=10000, topicPartitions=None)
