// @clickhouse/client against an HTTP port: clickhouse_client.mjs URL CASE. Ends with 0 if all is as with ClickHouse.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { createClient } from "@clickhouse/client";

const [url, name] = process.argv.slice(2);
const json = async (client, query, more = {}) => (await client.query({ query, format: "JSONEachRow", ...more })).json();

async function raises(code, call) {
  await assert.rejects(call, (error) => {
    assert.equal(error.code, code);
    return true;
  });
}

const cases = {
  async queries(client) {
    assert.equal((await client.ping()).success, true);
    assert.equal((await client.ping({ select: true })).success, true);
    const whole = await (await client.query({ query: "SELECT number AS n FROM numbers(3)", format: "JSON" })).json();
    assert.equal(whole.rows, 3);
    assert.deepEqual(whole.data.map((row) => Number(row.n)), [0, 1, 2]);
    for (const format of ["JSONCompact", "JSONCompactEachRow", "CSV", "TabSeparatedWithNames", "JSONObjectEachRow"]) {
      assert.ok((await (await client.query({ query: "SELECT 1 AS a", format })).text()).includes("1"));
    }
    const answer = await client.query({ query: "SELECT 1", query_id: "mine", format: "CSV" });
    assert.equal(answer.query_id, "mine");
    assert.equal(await answer.text(), "1\n");
  },

  async parameters(client) {
    const row = { n: 7, s: "it's \\ a\ttab\nand a line", a: ["x'y"], z: null, t: new Date(Date.UTC(2026, 0, 2)) };
    const [found] = await json(client,
      "SELECT {n:UInt32} AS n, {s:String} AS s, {a:Array(String)} AS a, {z:Nullable(UInt8)} AS z, " +
      "toUnixTimestamp({t:DateTime}) AS t", { query_params: row });
    assert.deepEqual(found, { ...row, t: row.t.getTime() / 1000 });
  },

  async inserts(client) {
    await client.command({ query: "CREATE TABLE js (a UInt32, b String) ENGINE = MergeTree ORDER BY a" });
    const values = Array.from({ length: 10000 }, (_, i) => ({ a: i, b: `row ${i}` }));
    const done = await client.insert({ table: "js", format: "JSONEachRow", values });
    assert.equal(done.executed, true);
    assert.equal(done.summary.written_rows, "10000");
    await client.insert({ table: "js", format: "JSONCompactEachRow", values: [[10000, "x"]], columns: ["a", "b"] });
    await client.insert({ table: "js", format: "CSV", values: Readable.from(["10001,y\n", "10002,z\n"], { objectMode: false }) });
    await client.insert({ table: "js", format: "JSONEachRow", values: Readable.from(values) });
    const [count] = await json(client, "SELECT count() AS n, toUInt32(sum(a)) AS s FROM js");
    assert.deepEqual([Number(count.n), Number(count.s)], [20003, 2 * 49995000 + 30003]);
    await raises("60", () => client.insert({ table: "nowhere", format: "JSONEachRow", values: [{ a: 1 }] }));
    await client.command({ query: "DROP TABLE js" });
  },

  async streams(client) {
    let rows = 0;
    const answer = await client.query({ query: "SELECT number FROM numbers(300000)", format: "JSONEachRow" });
    for await (const piece of answer.stream()) rows += piece.length;
    assert.equal(rows, 300000);
    let bytes = 0;
    const raw = await client.exec({ query: "SELECT number FROM numbers(300000) FORMAT CSV" });
    for await (const piece of raw.stream) bytes += piece.length;
    assert.ok(bytes > 0);
  },

  async sessions(client) {
    const mine = createClient({ url, session_id: `js-${process.pid}-${Math.random()}` });
    await mine.command({ query: "CREATE TEMPORARY TABLE mine (a UInt8)" });
    await mine.insert({ table: "mine", format: "JSONEachRow", values: [{ a: 1 }] });
    assert.deepEqual(await json(mine, "SELECT a FROM mine"), [{ a: 1 }]);
    await raises("60", () => json(client, "SELECT a FROM mine"));
    await mine.close();
    const [set] = await json(client, "SELECT toUInt32(getSetting('max_threads')) AS n",
      { clickhouse_settings: { max_threads: 3 } });
    assert.equal(set.n, 3);
  },

  async errors(client) {
    await raises("60", () => json(client, "SELECT * FROM not_there"));
    await raises("62", () => json(client, "SELEC 1"));
    await raises("497", () => json(client, "SELECT * FROM file('/etc/passwd')"));
    await assert.rejects(async () => {
      const answer = await client.query({
        query: "SELECT number, throwIf(number = 2900000) FROM numbers(3000000)", format: "JSONEachRow",
        clickhouse_settings: { max_block_size: "65536", max_threads: 1 } });
      for await (const piece of answer.stream()) assert.ok(piece.length > 0);
    });
    const controller = new AbortController();
    const endless = json(client, "SELECT count() AS n FROM numbers(100000000000) WHERE NOT ignore(number)",
      { abort_signal: controller.signal });
    setTimeout(() => controller.abort(), 200);
    await assert.rejects(endless);
    assert.deepEqual(await json(client, "SELECT 1 AS a"), [{ a: 1 }]);
  },
};

for (const compression of [{ request: true, response: true }, { request: false, response: false }]) {
  const client = createClient({ url, compression });
  await cases[name](client);
  await client.close();
}
