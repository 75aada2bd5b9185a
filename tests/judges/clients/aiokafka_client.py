"""aiokafka_client.py BOOTSTRAP CASE NAME: one case through aiokafka; ends with 0 when all is right."""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

bootstrap, case, name = sys.argv[1:]
common = {"bootstrap_servers": bootstrap}


def values(start, end):
    return [b"v%d" % i for i in range(start, end)]


class Admin:
    async def __aenter__(self):
        self.client = AIOKafkaAdminClient(**common)
        await self.client.start()
        return self.client

    async def __aexit__(self, *_):
        await self.client.close()


async def create(topic, partitions):
    async with Admin() as admin:
        await admin.create_topics([NewTopic(topic, partitions, 1)])


async def produce(topic, what, **settings):
    async with AIOKafkaProducer(**common, **settings) as producer:
        await asyncio.gather(*[await producer.send(topic, value, key=value, headers=[("h", b"header")])
                               for value in what])


def consumer(*topics, **settings):
    return AIOKafkaConsumer(*topics, **common, auto_offset_reset="earliest", **settings)


async def read(reader, count):
    return [await asyncio.wait_for(reader.getone(), 40) for _ in range(count)]


async def produce_and_consume():
    await create(name, 3)
    for i, codec in enumerate([None, "gzip"]):
        await produce(name, values(i * 500, i * 500 + 500), compression_type=codec, enable_idempotence=bool(i))
    async with consumer(name, group_id=name) as reader:
        messages = await read(reader, 1000)
        assert {message.value for message in messages} == set(values(0, 1000))
        assert messages[0].headers == (("h", b"header"),)
        await reader.commit()
        partition = TopicPartition(name, 0)
        assert (await reader.end_offsets([partition]))[partition] == await reader.committed(partition)
        found = await reader.offsets_for_times({partition: messages[0].timestamp - 1000})
        assert found[partition].offset == 0


async def groups():
    await create(name, 4)
    await produce(name, values(0, 400))
    members = [consumer(name, group_id=name, session_timeout_ms=10000, heartbeat_interval_ms=300) for _ in range(2)]
    await asyncio.gather(*(member.start() for member in members))
    seen, deadline = set(), asyncio.get_running_loop().time() + 60
    while not all(len(member.assignment()) == 2 for member in members) or len(seen) < 400:
        assert asyncio.get_running_loop().time() < deadline, [len(seen), *(m.assignment() for m in members)]
        for member in members:
            for batch in (await member.getmany(timeout_ms=100)).values():
                seen.update(message.value for message in batch)
    async with Admin() as admin:
        assert name in [group[0] for group in await admin.list_consumer_groups()]
        await admin.describe_consumer_groups([name])
    for member in members:
        await member.stop()


async def transactions():
    await create(name, 1)
    await create(name + "-in", 1)
    await produce(name + "-in", values(0, 10))
    producer = AIOKafkaProducer(**common, transactional_id=name)
    await producer.start()
    for i in range(4):
        await producer.begin_transaction()
        for value in values(i * 10, i * 10 + 10):
            await producer.send_and_wait(name, value)
        await producer.send_offsets_to_transaction({TopicPartition(name + "-in", 0): i + 1}, name)
        await (producer.abort_transaction() if i % 2 else producer.commit_transaction())
    await producer.stop()
    async with consumer(name, group_id=None, isolation_level="read_committed") as reader:
        assert [message.value for message in await read(reader, 20)] == values(0, 10) + values(20, 30)
    async with Admin() as admin:
        offsets = await admin.list_consumer_group_offsets(name)
        assert offsets[TopicPartition(name + "-in", 0)].offset == 3


async def admin_calls():
    await create(name, 2)
    async with Admin() as admin:
        assert name in await admin.list_topics()
        await admin.create_partitions({name: NewPartitions(4)})
        topic = (await admin.describe_topics([name]))[0]
        assert len(topic["partitions"]) == 4
        resource = ConfigResource(ConfigResourceType.TOPIC, name)
        await admin.describe_configs([resource])
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": "1234567"})])
        await admin.describe_cluster()
        await admin.delete_topics([name])
        assert name not in await admin.list_topics()


asyncio.run({"produce_and_consume": produce_and_consume, "groups": groups, "transactions": transactions,
             "admin": admin_calls}[case]())
