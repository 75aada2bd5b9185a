"""Operating pipelines: paused and resumed, a table in trouble beside others that are well, and the metrics that say
so."""

import json
import re
import urllib.request

import freshet

TEXT = """
platform: ops
topics: { rows: { partitions: 2 } }
tables:
  - CREATE TABLE t.rows (id UInt32, name String) ENGINE = MergeTree ORDER BY id
  - CREATE TABLE t.weak (id UInt32) ENGINE = MergeTree ORDER BY id
pipelines:
  rows: { from: rows, decode: json, to: { clickhouse: { table: t.rows } }, flush: { after: 20ms } }
  weak: { from: rows, decode: json, to: { clickhouse: { table: t.weak } }, flush: { after: 20ms } }
"""


class Producer:
    def __init__(self, p):
        self.p, self.next = p, 0

    def produce(self, records=100, bad=0):
        lines = [json.dumps({"id": self.next + i, "name": f"n{i}"}) for i in range(records)]
        lines += [json.dumps({"id": "x"})] * bad
        self.next += records
        freshet.run("produce", "rows", "--brokers", self.p.kafka, stdin="".join(line + "\n" for line in lines))


def metrics(p):
    """{(name, labels): value}, and {name: help}; every sample has a family with help and type."""
    text = urllib.request.urlopen(f"{p.api}/metrics", timeout=10).read().decode()
    samples, helps, types = {}, {}, {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, words = line[7:].split(" ", 1)
            assert name not in helps, f"{name} is described twice"
            helps[name] = words
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            types[name] = kind
        elif line:
            name, labels, value = re.fullmatch(r'([a-zA-Z_0-9:]+)(?:\{(.*)\})? (\S+)', line).groups()
            family = name if name in types else re.sub("_(bucket|sum|count)$", "", name)
            assert family in types and helps[family], line
            pairs = frozenset(re.findall(r'(\w+)="([^"]*)"', labels or ""))
            assert (name, pairs) not in samples, line
            samples[name, pairs] = float(value)
    return samples, helps


def value(samples, name, **labels):
    wanted = set(labels.items())
    found = [number for (each, pairs), number in samples.items() if each == name and wanted <= pairs]
    assert found, f"no {name} with {labels}"
    return sum(found)


def test_a_paused_pipeline_stands_still_through_a_kill_and_goes_on_exactly_once(platform):
    p = platform(TEXT).start()
    source = Producer(p)
    source.produce()
    p.wait_caught_up("rows", 100)
    said = p.command("pipeline", "pause", "rows").stdout
    assert "is paused" in said and "freshet pipeline resume rows" in said
    source.produce()
    p.wait_caught_up("weak", 200)  # the other one goes on
    assert p.pipeline("rows")["state"] == "paused"
    assert p.value("SELECT count() FROM t.rows") == "100"
    listed = json.loads(p.command("pipeline", "list", "--output", "json").stdout)
    listed = {each["name"]: each["state"] for each in listed}
    assert listed == {"rows": "paused", "weak": "running"}
    samples, _ = metrics(p)
    assert value(samples, "freshet_pipeline_paused", pipeline="rows") == 1
    freshet.wait_until(lambda: value(metrics(p)[0], "freshet_pipeline_lag_records", pipeline="rows") == 100,
                       "the lag of the paused pipeline in the metrics")
    p.kill()
    refused = p.command("up", p.file, "--until-done", "--port-offset", 0, status=1).stderr
    assert "freshet pipeline resume rows" in refused
    p.start()
    source.p = p
    source.produce()
    p.wait_caught_up("weak", 100)
    freshet.wait_until(lambda: p.pipeline("rows")["lag_records"] == 200, "the lag of the paused pipeline")
    assert p.pipeline("rows")["state"] == "paused" and p.value("SELECT count() FROM t.rows") == "100"
    assert p.command("pipeline", "resume", "rows").stdout == "pipeline rows runs\n"
    p.wait_caught_up("rows", 200)
    verdicts = p.verify()
    assert all(verdict["exact"] and verdict["in_table"] == 300 for verdict in verdicts), verdicts
    assert p.stop() == 0


def test_a_pipeline_is_paused_for_the_next_start_and_a_stop_writes_nothing_of_it(platform):
    p = platform(TEXT)
    assert "give --file" in p.command("pipeline", "pause", "rows", status=1).stderr
    wrong = p.command("pipeline", "pause", "nobody", "--file", p.file, status=1).stderr
    assert "has no pipeline nobody; it has rows, weak" in wrong
    p.command("pipeline", "pause", "rows", "--file", p.file)
    p.start()
    Producer(p).produce()
    p.wait_caught_up("weak", 100)
    assert p.stop() == 0, p.log()
    p.command("pipeline", "resume", "rows", "--file", p.file)
    p.start()
    p.wait_caught_up("rows", 100)
    assert all(verdict["exact"] for verdict in p.verify())
    assert p.stop() == 0


def test_a_table_with_too_many_parts_is_left_alone_and_others_keep_their_pace(platform):
    p = platform(TEXT.replace("t.weak (id UInt32) ENGINE = MergeTree ORDER BY id",
                              "t.weak (id UInt32) ENGINE = MergeTree ORDER BY id SETTINGS parts_to_throw_insert = 4"))
    p.start()
    p.sql("SYSTEM STOP MERGES t.weak")
    source = Producer(p)

    def open_breaker():
        source.produce(10)
        status = p.pipeline("weak")
        return status if status["breaker"] == "open" else None
    status = freshet.wait_until(open_breaker, "the breaker to open", 60)
    assert status["breaker_reason"] == "too_many_parts" and "TOO_MANY_PARTS" in status["breaker_error"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", status["next_trial"])
    assert status["state"] == "running" and status["rejected"] == 0
    shown = p.command("pipeline", "list").stdout
    assert "breaker" in shown
    for _ in range(5):
        source.produce(10)
        p.wait_caught_up("rows", source.next, seconds=20)
    samples, _ = metrics(p)
    assert value(samples, "freshet_pipeline_breaker_opened_total", pipeline="weak") >= 1
    assert value(samples, "freshet_pipeline_destination_errors_total", pipeline="weak", reason="too_many_parts") >= 1
    assert value(samples, "freshet_pipeline_in_doubt_ranges", pipeline="weak") >= 1
    assert value(samples, "freshet_pipeline_breaker_state", pipeline="rows") == 0
    assert value(samples, "freshet_pipeline_destination_errors_total", pipeline="rows") == 0
    p.sql("ALTER TABLE t.weak MODIFY SETTING parts_to_throw_insert = 3000")
    # It waits for up to 30 s after an outage that was long.
    p.wait_caught_up("weak", source.next, seconds=60)
    verdicts = p.verify()
    assert all(verdict["exact"] and verdict["rejected"] == 0 for verdict in verdicts), verdicts
    assert p.stop() == 0


# Every insert into t.slow but the first waits for a minute, in the engine.
SLOW = """
platform: ops
topics: { rows: { partitions: 2 }, slow: { partitions: 12 } }
tables:
  - CREATE TABLE t.rows (id UInt32, name String) ENGINE = MergeTree ORDER BY id
  - CREATE TABLE t.slow (id UInt32) ENGINE = MergeTree ORDER BY id SETTINGS parts_to_delay_insert = 1,
    min_delay_to_insert_ms = 60000, max_delay_to_insert = 60
pipelines:
  rows: { from: rows, decode: json, to: { clickhouse: { table: t.rows } }, flush: { after: 20ms } }
  slow: { from: slow, decode: json, to: { clickhouse: { table: t.slow } }, flush: { after: 20ms }, workers: 12 }
"""


def test_a_table_that_makes_inserts_wait_holds_up_no_other(platform):
    p = platform(SLOW).start()

    def produce_slow():
        for partition in range(12):
            freshet.run("produce", "slow", "--brokers", p.kafka, "--partition", partition, stdin='{"id": 1}\n')
    freshet.run("produce", "slow", "--brokers", p.kafka, "--partition", 0, stdin='{"id": 1}\n')
    p.wait_caught_up("slow", 1)
    produce_slow()
    freshet.wait_until(lambda: sum(each["state"] == "writing" for each in p.pipeline("slow")["partitions"]) > 8,
                       "inserts that wait")
    source = Producer(p)
    for _ in range(5):
        source.produce(10)
        p.wait_caught_up("rows", source.next, seconds=10)
    assert p.value("SELECT count() FROM t.rows") == "50"
    assert p.pipeline("slow")["rows"] == 1
    p.kill()
    p.command("sql", "--file", p.file, "ALTER TABLE t.slow MODIFY SETTING parts_to_delay_insert = 1000")
    p.file.write_text(SLOW.replace("parts_to_delay_insert = 1,", "parts_to_delay_insert = 1000,"))
    p.start()
    freshet.wait_until(lambda: p.pipeline("slow")["caught_up"], "the slow ones to land")
    verdicts = p.verify()
    assert all(verdict["exact"] for verdict in verdicts) and verdicts[1]["in_table"] == 13, verdicts
    assert p.stop() == 0


def test_the_figures_of_metrics_are_those_of_the_table(platform):
    p = platform(TEXT).start()
    source = Producer(p)
    source.produce(500, bad=3)
    p.wait_caught_up("rows", 503)
    samples, helps = metrics(p)
    sums = {"records": 503, "rows": 500, "rejected": 3}
    for what, expected in sums.items():
        assert value(samples, f"freshet_pipeline_{what}_total", pipeline="rows") == expected
        assert value(samples, f"freshet_pipeline_partition_{what}_total", pipeline="rows") == expected
    for of in ("", "partition_"):
        assert value(samples, f"freshet_pipeline_{of}rejected_total", pipeline="rows", reason="wrong_type") == 3
    ranges = value(samples, "freshet_pipeline_ranges_total", pipeline="rows")
    assert ranges >= 1 and value(samples, "freshet_pipeline_partition_ranges_total", pipeline="rows") == ranges
    assert value(samples, "freshet_pipeline_inserts_total", pipeline="rows") >= 1
    assert value(samples, "freshet_pipeline_bytes_total", pipeline="rows") > 500
    assert value(samples, "freshet_pipeline_insert_seconds_count", pipeline="rows") >= 1
    assert value(samples, "freshet_pipeline_visible_seconds_count", pipeline="rows") >= 1
    for name in ("lag_records", "lag_seconds", "in_doubt_ranges", "breaker_state", "paused"):
        assert value(samples, f"freshet_pipeline_{name}", pipeline="rows") == 0, name
    for number in range(2):
        partition = {"pipeline": "rows", "topic": "rows", "partition": str(number)}
        rows = value(samples, "freshet_pipeline_partition_rows_total", **partition)
        assert rows == float(p.value(f"SELECT count() FROM t.rows WHERE _partition = {number}"))
        assert value(samples, "freshet_pipeline_partition_lag_records", **partition) == 0
        committed = value(samples, "freshet_pipeline_partition_confirmed_offset", **partition)
        status = next(each for each in p.pipeline("rows")["partitions"] if each["partition"] == number)
        assert committed == status["high_watermark"]
    # The page of the metrics says of each what it says itself.
    page = (freshet.ROOT / "docs/reference/metrics.md").read_text()
    described = dict(re.findall(r"^\| `(freshet_pipeline_\w+)` \|[^|]*\|[^|]*\| (.*) \|$", page, re.M))
    assert described == {name: words for name, words in helps.items() if name.startswith("freshet_pipeline_")}
    assert p.stop() == 0
