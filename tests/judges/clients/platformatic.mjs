// node platformatic.mjs MODULE BOOTSTRAP CASE NAME: one case through @platformatic/kafka. Ends with 0 when all is right.
import assert from 'node:assert/strict'
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'

const [, bootstrap, what, name] = process.argv.slice(2)
const common = { clientId: 'judge', bootstrapBrokers: [bootstrap], strict: true }
const makeProducer = (settings = {}) => new Producer({ ...common, serializers: stringSerializers, autocreateTopics: false, ...settings })
const makeConsumer = (groupId, settings = {}) =>
  new Consumer({ ...common, groupId, deserializers: stringDeserializers, maxWaitTime: 200, ...settings })
const numbered = (topic, from, to, more = {}) =>
  Array.from({ length: to - from }, (_, i) => ({ topic, key: `k${from + i}`, value: `v${from + i}`, ...more }))

async function createTopic(topic, partitions) {
  const admin = new Admin(common)
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
  await admin.close()
}

async function read(consumer, topic, count, settings = {}) {
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: true, sessionTimeout: 10000, rebalanceTimeout: 10000, heartbeatInterval: 500, ...settings })
  const seen = []
  const late = setTimeout(() => { console.error(`${seen.length} of ${count} records of ${topic} after 40 s`); process.exit(1) }, 40000)
  for await (const message of stream) {
    seen.push(message)
    if (seen.length >= count) break
  }
  clearTimeout(late)
  await stream.close()
  return seen
}

const cases = {
  async produce_and_consume() {
    await createTopic(name, 3)
    let sent = 0
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const producer = makeProducer({ compression })
      try {
        await producer.send({ messages: numbered(name, sent, sent + 200, { headers: { h: 'header' } }), acks: -1 })
        sent += 200
      } catch (error) {
        // Some codecs need an optional package or a newer node.js; that is no verdict on a broker.
        if (error.code !== 'PLT_KFK_UNSUPPORTED_COMPRESSION') throw error
      }
      await producer.close()
    }
    const consumer = makeConsumer(`${name}-group`)
    const seen = await read(consumer, name, sent)
    await consumer.close()
    assert.equal(new Set(seen.map(m => m.value)).size, sent)
    assert.equal(seen[0].headers.get('h'), 'header')
  },

  async groups() {
    await createTopic(name, 4)
    const producer = makeProducer()
    const members = [makeConsumer(`${name}-group`), makeConsumer(`${name}-group`)]
    const seen = [new Set(), new Set()]
    const streams = []
    for (const [i, member] of members.entries()) {
      const stream = await member.consume({ topics: [name], mode: 'committed', fallbackMode: 'earliest', autocommit: true, sessionTimeout: 10000, rebalanceTimeout: 10000, heartbeatInterval: 500 })
      stream.on('data', message => seen[i].add(message.value))
      stream.on('error', error => { console.error(error); process.exit(1) })
      streams.push(stream)
    }
    let sent = 0
    const send = async () => {
      await producer.send({ messages: numbered(name, sent, sent + 40).map((m, i) => ({ ...m, partition: i % 4 })), acks: -1 })
      sent += 40
    }
    const end = Date.now() + 60000
    while (!seen[0].size || !seen[1].size) {
      assert.ok(Date.now() < end, `both members read: ${seen[0].size} and ${seen[1].size}`)
      await send()
      await new Promise(resolve => setTimeout(resolve, 200))
    }
    const admin = new Admin(common)
    const described = await admin.describeGroups({ groups: [`${name}-group`] })
    assert.equal(described.get(`${name}-group`).members.size, 2)
    await streams[0].close()
    await members[0].close()
    await send()
    while (new Set([...seen[0], ...seen[1]]).size < sent) {
      assert.ok(Date.now() < end + 30000, 'the member that is left reads the rest')
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    await streams[1].close()
    await members[1].close()
    await admin.deleteGroups({ groups: [`${name}-group`] })
    await admin.close()
    await producer.close()
  },

  async transactions() {
    await createTopic(name, 1)
    const producer = makeProducer({ transactionalId: `${name}-id`, idempotent: true })
    for (let round = 0; round < 4; round += 1) {
      const transaction = await producer.beginTransaction()
      await transaction.send({ messages: numbered(name, round * 10, round * 10 + 10), acks: -1 })
      if (round % 2) await transaction.abort()
      else await transaction.commit()
    }
    await producer.close()
    // This client's reader does not leave aborted records out, on any broker: javascript_test.py reads the topic.
  },

  async admin() {
    const admin = new Admin(common)
    await admin.createTopics({ topics: [name], partitions: 2, replicas: 1 })
    assert.ok((await admin.listTopics()).includes(name))
    assert.equal((await admin.metadata({ topics: [name] })).topics.get(name).partitions.length, 2)
    await admin.createPartitions({ topics: [{ name, count: 4 }] })
    await admin.listGroups()
    await admin.describeConfigs({ resources: [{ resourceType: 2, resourceName: name }] })
    await admin.deleteTopics({ topics: [name] })
    assert.ok(!(await admin.listTopics()).includes(name))
    await admin.close()
  },
}

cases[what]().then(() => process.exit(0), error => { console.dir(error, { depth: 6 }); process.exit(1) })
