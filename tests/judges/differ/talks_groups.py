"""Groups of the classic protocol and what they commit."""

import struct

from conversation import conversation

SUBSCRIPTION = struct.pack(">hih", 0, 1, 1) + b"t" + struct.pack(">i", -1)  # version 0: topic "t"
ASSIGNMENT = struct.pack(">hih", 0, 1, 1) + b"t" + struct.pack(">iii", 1, 0, -1)


def join_body(group, member="", protocol="range", kind="consumer", session=10000, instance=None):
    return {"groupId": group, "sessionTimeoutMs": session, "rebalanceTimeoutMs": 10000, "memberId": member,
            "groupInstanceId": instance, "protocolType": kind,
            "protocols": [{"name": protocol, "metadata": SUBSCRIPTION}]}


def join(talk, group, **more):
    """Joins with version 5 as the only member and takes its assignment: (member id, generation)."""
    first = talk.call("JoinGroup", 5, **join_body(group, **more))
    again = talk.call("JoinGroup", 5, **join_body(group, first["memberId"], **more)) if first["errorCode"] else first
    assert again["errorCode"] == 0, again
    talk.call("SyncGroup", 3, groupId=group, generationId=again["generationId"], memberId=again["memberId"],
              groupInstanceId=more.get("instance"),
              assignments=[{"memberId": again["memberId"], "assignment": ASSIGNMENT}])
    return again["memberId"], again["generationId"]


@conversation("FindCoordinator")
def found(talk):
    for kind in (0, 1) if talk.version else (0,):
        talk.ask(f"kind {kind}", key=talk.own, keyType=kind, coordinatorKeys=[talk.own])
    if talk.version:
        talk.ask("unknown kind", key=talk.own, keyType=9, coordinatorKeys=[talk.own])
    talk.ask("empty group", key="", keyType=0, coordinatorKeys=[""])
    if talk.version >= 4:
        talk.ask("two", keyType=0, coordinatorKeys=[talk.own, talk.own + "-b"])


@conversation("JoinGroup")
def alone(talk):
    group = talk.own
    first = talk.ask("first", **join_body(group))
    if first["errorCode"] == 79:
        first = talk.ask("with the id", **join_body(group, first["memberId"]))
    talk.call("SyncGroup", 0, groupId=group, generationId=first["generationId"], memberId=first["memberId"],
              assignments=[{"memberId": first["memberId"], "assignment": ASSIGNMENT}])
    talk.ask("again", **join_body(group, first["memberId"]))
    talk.ask("unknown member", **join_body(group, "nobody"))
    talk.ask("another protocol", **join_body(group, protocol="sticky"))
    talk.ask("another kind", **join_body(group, kind="connect"))


@conversation("JoinGroup")
def refused(talk):
    talk.ask("no group", **join_body(""))
    talk.ask("short session", **join_body(talk.own, session=10))
    talk.ask("long session", **join_body(talk.own, session=10**9))
    talk.ask("unknown member of a new group", **join_body(talk.own, "nobody"))
    talk.ask("no protocol", **{**join_body(talk.own), "protocols": []})
    talk.ask("no kind", **join_body(talk.own, kind=""))


@conversation("JoinGroup", range(5, 10))
def static_member(talk):
    first = talk.ask("first", **join_body(talk.own, instance="i1"))
    talk.call("SyncGroup", 3, groupId=talk.own, generationId=first["generationId"], memberId=first["memberId"],
              groupInstanceId="i1", assignments=[{"memberId": first["memberId"], "assignment": ASSIGNMENT}])
    talk.ask("comes back", **join_body(talk.own, instance="i1"))
    talk.ask("its old id", **join_body(talk.own, first["memberId"], instance="i1"))
    talk.ask("an unknown instance", **join_body(talk.own, first["memberId"], instance="i2"))


@conversation("SyncGroup")
def assigned(talk):
    made = talk.call("JoinGroup", 3, **join_body(talk.own))
    member, generation = made["memberId"], made["generationId"]

    def say(label, **changed):
        talk.ask(label, **{"groupId": talk.own, "generationId": generation, "memberId": member,
                           "protocolType": "consumer", "protocolName": "range",
                           "assignments": [{"memberId": member, "assignment": ASSIGNMENT}], **changed})
    say("wrong generation", generationId=generation + 3)
    say("unknown member", memberId="nobody")
    say("unknown group", groupId=talk.own + "-none")
    say("no group", groupId="")
    if talk.version >= 5:
        say("another protocol", protocolName="sticky")
        say("another kind", protocolType="connect")
    say("leader", assignments=[{"memberId": member, "assignment": ASSIGNMENT}])
    say("again")


@conversation("Heartbeat")
def beaten(talk):
    member, generation = join(talk, talk.own)

    def say(label, **changed):
        talk.ask(label, **{"groupId": talk.own, "generationId": generation, "memberId": member, **changed})
    say("well")
    say("wrong generation", generationId=generation - 1)
    say("unknown member", memberId="nobody")
    say("unknown group", groupId=talk.own + "-none")
    say("no group", groupId="")
    if talk.version >= 3:
        say("unknown instance", groupInstanceId="i9")


@conversation("LeaveGroup")
def left(talk):
    member, _ = join(talk, talk.own)

    def say(label, who, group=talk.own):
        talk.ask(label, groupId=group, memberId=who, members=[{"memberId": who, "groupInstanceId": None}])
    say("unknown member", "nobody")
    say("unknown group", member, talk.own + "-none")
    say("no group", member, "")
    say("well", member)
    say("again", member)
    if talk.version >= 3:
        join(talk, talk.own + "-static", instance="i1")
        for label in ("by instance", "by instance again"):
            talk.ask(label, groupId=talk.own + "-static", members=[{"memberId": "", "groupInstanceId": "i1"}])


@conversation("DescribeGroups")
def described(talk):
    topic = talk.topic()
    stable, empty = talk.own, talk.own + "-empty"
    join(talk, stable)
    talk.commit(empty, topic)
    talk.ask("stable", groups=[stable])
    talk.ask("empty", groups=[empty])
    talk.ask("unknown", groups=[talk.own + "-none"])
    if talk.version >= 3:
        talk.ask("operations", groups=[empty], includeAuthorizedOperations=True)


@conversation("ListGroups")
def listed(talk):
    topic = talk.topic()
    join(talk, talk.own)
    talk.commit(talk.own + "-empty", topic)

    def own(answer):
        return {**answer, "groups": [each for each in answer["groups"] if each["groupId"].startswith(talk.own)]}
    talk.ask("all", keep=own)
    if talk.version >= 4:
        talk.ask("stable", keep=own, statesFilter=["Stable"])
        talk.ask("in small letters", keep=own, statesFilter=["empty"])
        talk.ask("unknown state", keep=own, statesFilter=["Bored"])
    if talk.version >= 5:
        talk.ask("classic", keep=own, typesFilter=["classic"])
        talk.ask("consumer", keep=own, typesFilter=["consumer"])
        talk.ask("unknown type", keep=own, typesFilter=["bored"])


@conversation("DeleteGroups")
def deleted(talk):
    topic = talk.topic()
    join(talk, talk.own)
    talk.commit(talk.own + "-empty", topic)
    talk.ask("has members", groupsNames=[talk.own])
    talk.ask("empty and unknown", groupsNames=[talk.own + "-empty", talk.own + "-none"])
    talk.ask("again", groupsNames=[talk.own + "-empty"])
    talk.note("nothing is left", talk.call("OffsetFetch", 5, groupId=talk.own + "-empty", topics=[
        {"name": topic, "partitionIndexes": [0]}]))


def commit_body(group, topic, offset=7, metadata="note", partition=0, **more):
    return {"groupId": group, "topics": [{"name": topic, "partitions": [
        {"partitionIndex": partition, "committedOffset": offset, "committedLeaderEpoch": 0,
         "committedMetadata": metadata}]}], **more}


@conversation("OffsetCommit")
def committed(talk):
    topic = talk.topic()
    talk.ask("without a member", **commit_body(talk.own, topic))
    talk.ask("null metadata", **commit_body(talk.own, topic, metadata=None))
    talk.ask("much metadata", **commit_body(talk.own, topic, metadata="m" * 5000))
    talk.ask("unknown topic", **commit_body(talk.own, talk.own + "-none"))
    talk.ask("unknown partition", **commit_body(talk.own, topic, partition=8))
    talk.ask("no group", **commit_body("", topic))
    talk.ask("a generation without a group", **commit_body(
        talk.own + "-none", topic, generationIdOrMemberEpoch=3, memberId="nobody"))


@conversation("OffsetCommit")
def by_members(talk):
    topic = talk.topic()
    member, generation = join(talk, talk.own)

    def say(label, who, when):
        talk.ask(label, **commit_body(talk.own, topic, generationIdOrMemberEpoch=when, memberId=who))
    say("well", member, generation)
    say("wrong generation", member, generation + 2)
    say("unknown member", "nobody", generation)
    say("nobody in particular", "", -1)


@conversation("OffsetFetch")
def fetched(talk):
    topic = talk.topic(partitions=2)
    talk.commit(talk.own, topic, 42)

    def say(label, group, wanted):
        topics = wanted if wanted is None else [{"name": name, "partitionIndexes": list(indexes)}
                                                for name, indexes in wanted]
        talk.ask(label, groupId=group, topics=topics, groups=[{"groupId": group, "topics": topics}])
    say("some", talk.own, [(topic, (0, 1))])
    if talk.version >= 2:
        say("all", talk.own, None)
        say("all of an unknown group", talk.own + "-none", None)
    say("unknown group", talk.own + "-none", [(topic, (0,))])
    say("unknown topic", talk.own, [(talk.own + "-none", (0,))])
    say("no group", "", [(topic, (0,))])
    if talk.version >= 8:
        talk.ask("two groups", groups=[{"groupId": each, "topics": None} for each in (talk.own, talk.own + "-none")])


@conversation("OffsetDelete")
def forgotten(talk):
    topic = talk.topic(partitions=2)
    talk.commit(talk.own, topic)

    def say(label, group, name=topic, partition=0):
        talk.ask(label, groupId=group, topics=[{"name": name, "partitions": [{"partitionIndex": partition}]}])
    say("committed", talk.own)
    talk.note("afterwards", talk.call("OffsetFetch", 5, groupId=talk.own, topics=None))
    talk.commit(talk.own, topic)
    say("not committed", talk.own, partition=1)
    say("unknown topic", talk.own, talk.own + "-none")
    say("unknown partition", talk.own, partition=9)
    say("unknown group", talk.own + "-none")
    say("no group", "")
    join(talk, talk.own + "-busy")
    say("has members, not subscribed", talk.own + "-busy")
