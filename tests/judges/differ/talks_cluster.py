"""The broker itself: versions, logins, ACLs, quotas, users."""

from conversation import conversation

SHA_256, SHA_512 = 1, 2


@conversation("ApiVersions")
def versions(talk):
    def own(answer):
        return {**answer, "apiKeys": "compared by the range test"} if isinstance(answer, dict) else answer
    talk.ask("well", keep=own, clientSoftwareName="differ", clientSoftwareVersion="1.0")
    if talk.version >= 3:
        talk.ask("bad name", keep=own, clientSoftwareName="-bad name-", clientSoftwareVersion="1.0")
        talk.ask("no version", keep=own, clientSoftwareName="differ", clientSoftwareVersion="")


@conversation("SaslHandshake")
def no_login_here(talk):
    talk.ask("on a plain listener", mechanism="PLAIN")


@conversation("SaslAuthenticate")
def no_login_here_either(talk):
    talk.ask("on a plain listener", authBytes=b"\0user\0password")


@conversation("DescribeCluster")
def brokers(talk):
    talk.ask("brokers")
    talk.ask("operations", includeClusterAuthorizedOperations=True)
    if talk.version >= 1:
        talk.ask("controllers", endpointType=2)
        talk.ask("unknown kind", endpointType=9)
    if talk.version >= 2:
        talk.ask("fenced too", includeFencedBrokers=True)


@conversation("DescribeQuorum")
def quorum_of_one(talk):
    def relations(answer):
        """Offsets and times of the metadata are each broker's own; how they stand to each other is not."""
        for partition in (each for topic in answer["topics"] for each in topic["partitions"]):
            for voter in partition["currentVoters"]:
                voter["logEndOffset"] -= partition["highWatermark"]
                for time in ("lastFetchTimestamp", "lastCaughtUpTimestamp"):
                    if time in voter:
                        voter[time] = "now" if voter[time] > 10**12 else voter[time]
            if partition["errorCode"] == 0:
                partition["highWatermark"] = partition["highWatermark"] > 0
                partition["leaderEpoch"] = partition["leaderEpoch"] >= 0
        return answer

    def say(label, *wanted):
        talk.ask(label, keep=relations, topics=[{"topicName": name, "partitions": [{"partitionIndex": each} for each in partitions]}
                                for name, partitions in wanted])
    say("metadata", ("__cluster_metadata", (0,)))
    say("another partition", ("__cluster_metadata", (1,)))
    say("two partitions", ("__cluster_metadata", (0, 1)))
    say("another topic", (talk.own, (0, 3)))
    say("two topics", ("__cluster_metadata", (0,)), (talk.own, (0,)))
    say("no partition", ("__cluster_metadata", ()))
    say("no topic")


@conversation("DescribeAcls")
def none_to_describe(talk):
    talk.ask("all", resourceTypeFilter=1, resourceNameFilter=None, patternTypeFilter=1, principalFilter=None,
             hostFilter=None, operation=1, permissionType=1)


@conversation("CreateAcls")
def none_to_create(talk):
    rule = {"resourceType": 2, "resourceName": "t", "resourcePatternType": 3, "principal": "User:u", "host": "*",
            "operation": 3, "permissionType": 3}
    talk.ask("two", creations=[rule, {**rule, "resourceName": "t2"}])
    talk.ask("none", creations=[])


@conversation("DeleteAcls")
def none_to_delete(talk):
    talk.ask("one", filters=[{"resourceTypeFilter": 2, "resourceNameFilter": "t", "patternTypeFilter": 3,
                              "principalFilter": None, "hostFilter": None, "operation": 1, "permissionType": 1}])


@conversation("DescribeClientQuotas")
def no_quotas(talk):
    def say(label, *components, strict=False):
        talk.ask(label, strict=strict, components=[
            {"entityType": kind, "matchType": match, "match": name} for kind, match, name in components])
    say("all")
    say("users", ("user", 2, None))
    say("one", ("user", 0, talk.own), ("client-id", 1, None), strict=True)
    say("unknown kind", ("host", 2, None))
    say("empty kind", ("", 2, None))
    say("twice", ("user", 2, None), ("user", 1, None))
    say("exact without a name", ("user", 0, None))
    say("default with a name", ("user", 1, "u"))
    say("unknown match", ("user", 9, None))
    say("ip and user", ("ip", 2, None), ("user", 2, None))


@conversation("AlterClientQuotas")
def quotas(talk):
    def say(label, entity, *operations, validate=False):
        talk.ask(label, validateOnly=validate, entries=[
            {"entity": [{"entityType": kind, "entityName": name} for kind, name in entity],
             "ops": [{"key": key, "value": value, "remove": remove} for key, value, remove in operations]}])
    user = [("user", talk.own)]
    say("only looked at", user, ("producer_byte_rate", 1000.0, False), validate=True)
    say("set", user, ("producer_byte_rate", 1000.0, False))
    say("remove", user, ("producer_byte_rate", 0.0, True))
    say("remove again", user, ("producer_byte_rate", 0.0, True))
    say("unknown limit", user, ("no_such_limit", 1.0, False))
    say("negative", user, ("producer_byte_rate", -1.0, False))
    say("limit of another kind", [("ip", "10.0.0.1")], ("producer_byte_rate", 1.0, False))
    say("unknown kind", [("host", "h")], ("producer_byte_rate", 1.0, False))
    say("no entity", [], ("producer_byte_rate", 1.0, False))
    say("empty name", [("user", "")], ("producer_byte_rate", 1.0, False))


@conversation("DescribeUserScramCredentials")
def users_described(talk):
    upsert(talk, talk.own, SHA_256)
    upsert(talk, talk.own, SHA_512)

    def settled(answer):
        return len(answer["results"][0].get("credentialInfos", ())) == 2
    talk.ask("one", users=[{"name": talk.own}], until=settled)
    talk.ask("unknown", users=[{"name": talk.own + "-none"}])
    talk.ask("twice", users=[{"name": talk.own}, {"name": talk.own}])

    def own(answer):
        return {**answer, "results": [each for each in answer["results"] if each["user"] == talk.own]}
    talk.ask("all", keep=own, users=None)


def upsert(talk, user, mechanism):
    talk.call("AlterUserScramCredentials", 0, deletions=[], upsertions=[upsertion(user, mechanism)])


def upsertion(user, mechanism, iterations=4096, password=b"p"):
    return {"name": user, "mechanism": mechanism, "iterations": iterations, "salt": b"salt",
            "saltedPassword": password * (32 if mechanism == SHA_256 else 64)}


@conversation("AlterUserScramCredentials")
def users_changed(talk):
    def say(label, deletions=(), upsertions=()):
        talk.ask(label, deletions=[{"name": name, "mechanism": mechanism} for name, mechanism in deletions],
                 upsertions=list(upsertions))
    user = talk.own
    say("unknown user", deletions=[(user, SHA_256)])
    say("made", upsertions=[upsertion(user, SHA_256)])
    say("few iterations", upsertions=[upsertion(user, SHA_256, 100)])
    say("many iterations", upsertions=[upsertion(user, SHA_256, 100000)])
    say("unknown mechanism", upsertions=[upsertion(user, 9)])
    say("empty name", upsertions=[upsertion("", SHA_256)])
    say("both at once", deletions=[(user, SHA_256)], upsertions=[upsertion(user, SHA_256)])
    say("twice", upsertions=[upsertion(user, SHA_512), upsertion(user, SHA_512)])
    say("deleted", deletions=[(user, SHA_256)])
    say("unknown mechanism deleted", deletions=[(user, 9)])
