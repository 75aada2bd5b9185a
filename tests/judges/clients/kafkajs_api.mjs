// node kafkajs_api.mjs MODULE BOOTSTRAP CASE NAME: one case through the KafkaJS API, of kafkajs itself or of
// @confluentinc/kafka-javascript. Ends with 0 when everything was as it must be.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

const [moduleName, bootstrap, what, name] = process.argv.slice(2)
const module = createRequire(import.meta.url)(moduleName)
const confluent = moduleName.startsWith('@confluentinc')
const { Kafka, CompressionTypes, logLevel } = confluent ? module.KafkaJS : module

const common = { clientId: 'judge', brokers: [bootstrap], logLevel: logLevel.NOTHING }
const kafka = new Kafka(confluent ? { kafkaJS: common } : common)
const options = settings => (confluent ? { kafkaJS: settings } : settings)

const makeProducer = (settings = {}) => kafka.producer(options(settings))
const makeConsumer = (groupId, settings = {}) =>
  kafka.consumer(options({ groupId, sessionTimeout: 10000, ...(confluent ? { fromBeginning: true } : {}), ...settings }))
const subscribe = (consumer, topic) =>
  consumer.subscribe(confluent ? { topics: [topic] } : { topics: [topic], fromBeginning: true })
const numbered = (from, to) => Array.from({ length: to - from }, (_, i) => ({ key: `k${from + i}`, value: `v${from + i}` }))

async function until(condition, text, seconds = 40) {
  const end = Date.now() + seconds * 1000
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain for ${text}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

async function createTopic(topic, numPartitions) {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] })
  await admin.disconnect()
}

async function readAll(topic, groupId, count, settings = {}) {
  const consumer = makeConsumer(groupId, settings)
  const seen = []
  await consumer.connect()
  await subscribe(consumer, topic)
  await consumer.run({ eachMessage: async ({ partition, message }) => { seen.push({ partition, ...message }) } })
  await until(() => seen.length >= count, `${count} records of ${topic}, ${seen.length} seen`)
  await consumer.disconnect()
  return seen
}

const cases = {
  async produce_and_consume() {
    await createTopic(name, 3)
    const codecs = [undefined, CompressionTypes.GZIP]
    if (confluent) codecs.push(CompressionTypes.Snappy, CompressionTypes.LZ4, CompressionTypes.ZSTD)
    let sent = 0
    for (const compression of codecs) {
      const producer = makeProducer(confluent && compression ? { compression } : {})
      await producer.connect()
      const messages = numbered(sent, sent + 500).map(m => ({ ...m, headers: { h: 'header' } }))
      const answer = await producer.send({ topic: name, messages, ...(confluent ? {} : { compression, acks: -1 }) })
      assert.ok(answer.length >= 1)
      sent += 500
      await producer.disconnect()
    }
    const seen = await readAll(name, `${name}-group`, sent)
    assert.deepEqual(new Set(seen.map(m => m.value.toString())), new Set(numbered(0, sent).map(m => m.value)))
    assert.equal(seen.length, sent)
    assert.equal(seen[0].headers.h.toString(), 'header')
  },

  async groups() {
    await createTopic(name, 4)
    const producer = makeProducer()
    await producer.connect()
    const seen = { a: [], b: [] }
    const members = {}
    for (const id of ['a', 'b']) {
      members[id] = makeConsumer(`${name}-group`)
      await members[id].connect()
      await subscribe(members[id], name)
      members[id].run({ eachMessage: async ({ partition, message }) => { seen[id].push([partition, message.value.toString()]) } })
    }
    const total = () => seen.a.length + seen.b.length
    let sent = 0
    const send = async () => {
      await producer.send({ topic: name, messages: numbered(sent, sent + 40).map((m, i) => ({ ...m, partition: i % 4 })) })
      sent += 40
    }
    const deadline = Date.now() + 60000
    while (!seen.a.length || !seen.b.length) {
      assert.ok(Date.now() < deadline, `both members read: a ${seen.a.length}, b ${seen.b.length}`)
      await send()
      await new Promise(resolve => setTimeout(resolve, 200))
    }
    await until(() => total() >= sent, 'all records')
    const admin = kafka.admin()
    await admin.connect()
    const { groups } = await admin.describeGroups([`${name}-group`])
    assert.equal(groups[0].members.length, 2)
    await members.a.disconnect()
    await send()
    await until(() => new Set([...seen.a, ...seen.b].map(String)).size >= sent, 'the rest, by the member that is left')
    await members.b.disconnect()
    const listed = await admin.listGroups()
    assert.ok(listed.groups.some(g => g.groupId === `${name}-group`))
    await admin.deleteGroups([`${name}-group`])
    await admin.disconnect()
    await producer.disconnect()
  },

  async transactions() {
    await createTopic(`${name}-in`, 1)
    await createTopic(name, 2)
    const plain = makeProducer()
    await plain.connect()
    await plain.send({ topic: `${name}-in`, messages: numbered(0, 10) })
    await plain.disconnect()
    const producer = makeProducer({ transactionalId: `${name}-id`, maxInFlightRequests: 1, idempotent: true })
    await producer.connect()
    const consumer = makeConsumer(`${name}-copier`, { autoCommit: false })
    await consumer.connect()
    await subscribe(consumer, `${name}-in`)
    let read = 0
    await consumer.run({ eachMessage: async () => { read += 1 } })
    await until(() => read >= 10, 'the input')
    for (let round = 0; round < 4; round += 1) {
      const transaction = await producer.transaction()
      await transaction.send({ topic: name, messages: numbered(round * 10, round * 10 + 10) })
      const topics = [{ topic: `${name}-in`, partitions: [{ partition: 0, offset: String(round + 1) }] }]
      await transaction.sendOffsets(confluent ? { consumer, topics } : { consumerGroupId: `${name}-copier`, topics })
      if (round % 2) await transaction.abort()
      else await transaction.commit()
    }
    await consumer.disconnect()
    await producer.disconnect()
    const seen = await readAll(name, `${name}-reader`, 20)
    const expected = [...numbered(0, 10), ...numbered(20, 30)].map(m => m.value).sort()
    assert.deepEqual(seen.map(m => m.value.toString()).sort(), expected)
    const admin = kafka.admin()
    await admin.connect()
    const offsets = await admin.fetchOffsets({ groupId: `${name}-copier`, topics: [`${name}-in`] })
    assert.equal(String(offsets[0].partitions[0].offset), '3')
    await admin.disconnect()
  },

  async admin() {
    await createTopic(name, 2)
    const admin = kafka.admin()
    await admin.connect()
    assert.ok((await admin.listTopics()).includes(name))
    const metadata = await admin.fetchTopicMetadata({ topics: [name] })
    assert.equal((confluent ? metadata : metadata.topics)[0].partitions.length, 2)
    const producer = makeProducer()
    await producer.connect()
    await producer.send({ topic: name, messages: numbered(0, 20).map(m => ({ ...m, partition: 0 })) })
    await producer.disconnect()
    const offsets = await admin.fetchTopicOffsets(name)
    assert.equal(String(offsets.find(o => o.partition === 0).high ?? offsets.find(o => o.partition === 0).offset), '20')
    if (!confluent) {
      await admin.createPartitions({ topicPartitions: [{ topic: name, count: 4 }] })
      const { resources } = await admin.describeConfigs({ resources: [{ type: 2, name }] })
      assert.ok(resources[0].configEntries.some(entry => entry.configName === 'retention.ms'))
      await admin.alterConfigs({ resources: [{ type: 2, name, configEntries: [{ name: 'retention.ms', value: '1000000' }] }] })
      assert.ok((await admin.describeCluster()).brokers.length >= 1)
    }
    await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: '5' }] })
    await admin.deleteTopics({ topics: [name] })
    assert.ok(!(await admin.listTopics()).includes(name))
    await admin.disconnect()
  },
}

cases[what]().then(() => process.exit(0), error => { console.error(error); process.exit(1) })
