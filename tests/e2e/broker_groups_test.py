"""Consumer groups as Debian's python3-confluent-kafka (librdkafka 2.0.2) lives in them."""

import time

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from broker_fixture import BrokerProcess, wait_until

PARTITIONS = 6


class Member:
    """A consumer that remembers what its group did to it."""

    def __init__(self, broker, **settings):
        self.consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "g", "auto.offset.reset": "earliest",
                                  "session.timeout.ms": 6000, "heartbeat.interval.ms": 300,
                                  "reconnect.backoff.max.ms": 500, "enable.auto.commit": False, **settings})
        self.events = []
        self.seen = []
        self.consumer.subscribe(["t"], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def _assigned(self, _, partitions):
        self.events.append(("assigned", sorted(p.partition for p in partitions)))

    def _revoked(self, _, partitions):
        self.events.append(("revoked", sorted(p.partition for p in partitions)))

    def _lost(self, _, partitions):
        self.events.append(("lost", sorted(p.partition for p in partitions)))

    def poll(self):
        message = self.consumer.poll(0.05)
        if message is not None and message.error() is None:
            self.seen.append(message.value())
        return self

    @property
    def owned(self):
        return sorted(p.partition for p in self.consumer.assignment())

    def close(self):
        self.consumer.close()


@pytest.fixture
def start(tmp_path):
    processes = []

    def launch(**options):
        processes.append(BrokerProcess(tmp_path / f"log{len(processes)}").start(**options))
        admin = AdminClient({"bootstrap.servers": processes[-1].address})
        admin.create_topics([NewTopic("t", PARTITIONS, 1)])["t"].result(20)
        return processes[-1]

    yield launch
    for process in processes:
        process.close()


def settle(members, each, seconds=60):
    wait_until(lambda: all([len(member.poll().owned) == each for member in members]),  # each is polled, each time
               f"{len(members)} members with {each} partitions each", seconds)


def produce(broker, values):
    producer = Producer({"bootstrap.servers": broker.address})
    for i, value in enumerate(values):
        producer.produce("t", value, partition=i % PARTITIONS)
    assert producer.flush(30) == 0


def group_state(broker, group="g"):
    found = [g for g in AdminClient({"bootstrap.servers": broker.address}).list_groups(timeout=20) if g.id == group]
    return found[0] if found else None


def test_a_static_member_comes_back_without_a_rebalance(start):
    broker = start()
    members = [Member(broker, **{"group.instance.id": f"i{i}"}) for i in range(2)]
    settle(members, 3)
    owned, before = members[1].owned, len(members[0].events)
    members[1].close()  # a static member does not leave
    members[1] = Member(broker, **{"group.instance.id": "i1"})
    settle(members, 3)
    assert members[1].owned == owned
    assert len(members[0].events) == before, members[0].events
    for member in members:
        member.close()


def test_two_holders_of_a_static_name_the_older_is_fenced(start):
    broker = start()
    older = Member(broker, **{"group.instance.id": "i"})
    settle([older], PARTITIONS)
    newer = Member(broker, **{"group.instance.id": "i"})
    settle([newer], PARTITIONS)
    error = wait_until(lambda: older.consumer.poll(0.1), "the older one to hear of it")
    assert error.error().code() in (KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID), error.error()
    newer.close()


def test_a_static_member_that_stays_away_is_replaced(start):
    broker = start()
    members = [Member(broker, **{"group.instance.id": f"i{i}"}) for i in range(2)]
    settle(members, 3)
    members[1].close()
    settle(members[:1], PARTITIONS)  # after the session of 6 s
    members[0].close()


@pytest.mark.parametrize("strategy", [pytest.param("range", marks=pytest.mark.slow),
                                      pytest.param("roundrobin", marks=pytest.mark.slow), "cooperative-sticky"])
def test_members_come_and_go_and_every_record_is_read(start, strategy):
    broker = start()
    settings = {"partition.assignment.strategy": strategy}
    members = [Member(broker, **settings)]
    produce(broker, [f"a{i}" for i in range(300)])
    settle(members, 6)
    members.append(Member(broker, **settings))
    settle(members, 3)
    members.append(Member(broker, **settings))
    settle(members, 2)
    produce(broker, [f"b{i}" for i in range(300)])
    members.pop(0).close()
    settle(members, 3)
    if strategy == "cooperative-sticky":
        revoked = [e for member in members for e in member.events if e[0] != "assigned"]
        assert all(len(partitions) <= 1 for _, partitions in revoked), revoked
    for member in members:
        member.close()
    reader = Member(broker, **settings, **{"group.id": "reader"})
    wanted = {f"{c}{i}".encode() for c in "ab" for i in range(300)}
    wait_until(lambda: set(reader.poll().seen) == wanted, "all 600 records", 60)
    reader.close()


def test_a_broker_that_is_killed_keeps_groups_of_members_that_live(start):
    broker = start()
    members = [Member(broker), Member(broker, **{"group.instance.id": "static"})]
    settle(members, 3)
    owned, events = [m.owned for m in members], [list(m.events) for m in members]
    broker.kill()
    broker.start(port=broker.port)
    produce(broker, [f"after {i}" for i in range(60)])
    wait_until(lambda: sum(len(m.poll().seen) for m in members) == 60, "the records that came after", 60)
    for member in members:
        member.consumer.commit(offsets=[TopicPartition("t", p, 10) for p in member.owned], asynchronous=False)
    assert [m.owned for m in members] == owned
    assert [m.events for m in members] == events, "somebody lost partitions"
    for member in members:
        member.close()


def test_members_that_died_with_the_broker_do_not_hold_up_those_who_come(start):
    broker = start()
    gone = Member(broker, **{"session.timeout.ms": 45000})
    settle([gone], PARTITIONS)
    broker.kill()
    gone.close()
    broker.start()
    began = time.monotonic()
    member = Member(broker)
    settle([member], PARTITIONS)
    assert time.monotonic() - began < 30, "waited for a dead member's session of 45 s"
    member.close()


def test_the_first_rebalance_waits_for_more_members_if_told_to(start):
    broker = start(initial_rebalance_delay=2000)
    members = [Member(broker) for _ in range(3)]
    settle(members, 2)
    assert [len(m.events) for m in members] == [1, 1, 1], [m.events for m in members]
    for member in members:
        member.close()


def test_a_full_group_refuses_one_more(start):
    broker = start(group_members_max=2)
    members = [Member(broker) for _ in range(2)]
    settle(members, 3)
    third = Member(broker)
    refused = wait_until(lambda: third.consumer.poll(0.1) or [m.poll() for m in members] and None, "the refusal", 30)
    assert refused.error() and refused.error().code() == KafkaError.GROUP_MAX_SIZE_REACHED, refused.error()
    for member in members:
        member.close()


def test_offsets_and_groups_that_nobody_uses_expire(start):
    broker = start(offsets_retention=1500, offsets_retention_check=100)
    member = Member(broker)
    settle([member], PARTITIONS)
    member.consumer.commit(offsets=[TopicPartition("t", 0, 0)], asynchronous=False)
    alone = Consumer({"bootstrap.servers": broker.address, "group.id": "alone"})
    alone.commit(offsets=[TopicPartition("t", 1, 0)], asynchronous=False)
    wait_until(lambda: group_state(broker, "alone") is None, "the offsets without members to expire")
    assert member.poll().consumer.committed([TopicPartition("t", 0)], 20)[0].offset == 0, "its member lives"
    member.close()
    wait_until(lambda: group_state(broker) is None, "the group to expire after its last member left")
    alone.close()
