"""What `freshet up` promises: all of the file runs, the verdict is the exit status, and restarts add nothing."""

import json
import os
import pty
import subprocess
import urllib.request

import freshet

EVENTS = """
platform: small
topics: { events: { partitions: 3 } }
tables:
  - CREATE TABLE t.events (user_id String, event_type LowCardinality(String), timestamp DateTime64(3, 'UTC'),
    session_id String, device LowCardinality(String), inserted_at DateTime DEFAULT now())
    ENGINE = ReplacingMergeTree() ORDER BY (timestamp, user_id) PARTITION BY toYYYYMMDD(timestamp)
sources:
  events: { generate: { kind: events, count: 20_000, seed: 7 }, to: events }
pipelines:
  events: { from: events, decode: json, to: { clickhouse: { table: t.events } }, flush: { after: 50ms } }
"""

ROWS = """
platform: rows
topics: { rows: { partitions: 2 } }
tables:
  - CREATE TABLE t.rows (id UInt32, name String, note Nullable(String)) ENGINE = MergeTree ORDER BY id
pipelines:
  rows: { from: rows, decode: json, to: { clickhouse: { table: t.rows } }, flush: { after: 20ms } }
"""


def test_until_done_proves_what_it_did(platform):
    p = platform(EVENTS)
    p.launch("--until-done", "--output", "json")
    status, out = p.wait()
    assert status == 0, p.log()
    verdict = json.loads(out)[0]
    assert verdict["exact"] and verdict["records"] == 20_000
    assert verdict["in_table"] + verdict["replaced"] == 20_000
    assert (verdict["rejected"], verdict["missing"], verdict["doubled"], verdict["foreign"]) == (0, 0, 0, 0)
    assert p.value("SELECT uniqExact(user_id) > 1000 FROM t.events") == "1"


def test_a_second_run_adds_nothing(platform):
    p = platform(EVENTS)
    for _ in range(2):
        p.launch("--until-done")
        status, out = p.wait()
        assert status == 0, p.log()
        assert "exactly once ✓" in out and "20,000" in out
    assert p.verify()[0]["records"] == 20_000


def test_the_same_seed_gives_the_same_bytes():
    first = freshet.run("generate", "events", "--count", 500, "--seed", 9).stdout
    assert first == freshet.run("generate", "events", "--count", 500, "--seed", 9).stdout
    assert first != freshet.run("generate", "events", "--count", 500, "--seed", 10).stdout
    event = json.loads(first.splitlines()[0])
    assert set(event) == {"user_id", "event_type", "timestamp", "session_id", "device"}


def test_ctrl_c_writes_and_commits_what_is_in_the_log(platform):
    p = platform(ROWS.replace("after: 20ms", "after: 1h")).start()
    lines = "".join(json.dumps({"id": i, "name": f"n{i}"}) + "\n" for i in range(1000))
    freshet.run("produce", "rows", "--brokers", p.kafka, stdin=lines)
    assert p.pipeline("rows")["records"] == 0  # nothing is due for an hour
    assert p.stop() == 0, p.log()
    assert p.verify()[0]["in_table"] == 1000
    assert p.value("SELECT (count(), sum(id)) FROM t.rows") == f"(1000,{sum(range(1000))})"


def test_verify_counts_a_row_as_replaced_only_while_its_survivor_is_there(platform):
    p = platform(ROWS.replace("MergeTree ORDER BY id", "ReplacingMergeTree ORDER BY id")).start()
    for name in ("old", "new"):
        lines = "".join(json.dumps({"id": i, "name": name}) + "\n" for i in range(100))
        freshet.run("produce", "rows", "--brokers", p.kafka, "--partition", 0, stdin=lines)
    p.wait_caught_up("rows", 200)
    p.command("sql", "OPTIMIZE TABLE t.rows FINAL")
    verdict = p.verify()[0]
    assert (verdict["records"], verdict["in_table"], verdict["replaced"], verdict["exact"]) == (200, 100, 100, True)
    p.command("sql", "ALTER TABLE t.rows DELETE WHERE id = 5 SETTINGS mutations_sync = 2")
    shown = p.command("verify", status=1).stdout
    assert "NOT EXACT" in shown and "rows: missing in rows-0: 5, 105 (2 offsets)" in shown, shown
    p.command("sql", "INSERT INTO t.rows SELECT id + 1000 AS id, * EXCEPT (id) FROM t.rows WHERE _offset = 107")
    assert "rows: doubled in rows-0: 107 (1 offsets)" in p.command("verify", status=1).stdout
    assert p.stop() == 0


def test_health_metrics_and_status_are_served(platform):
    p = platform(EVENTS).start()
    p.wait_caught_up("events", 20_000)
    assert urllib.request.urlopen(f"{p.api}/health/ready", timeout=10).status == 200
    metrics = urllib.request.urlopen(f"{p.api}/metrics", timeout=10).read().decode()
    assert "freshet_pipeline_" in metrics
    described = p.pipeline("events")
    assert described["rejected"] == 0 and described["lag_records"] == 0
    listed = json.loads(p.command("pipeline", "list", "--output", "json").stdout)
    assert [(each["name"], each["topics"]) for each in listed] == [("events", ["events"])]
    assert p.verify()[0]["exact"]
    assert p.stop() == 0


def test_sql_answers_in_any_format_while_the_platform_runs(platform):
    p = platform(EVENTS).start()
    p.wait_caught_up("events", 20_000)
    query = "SELECT 1 AS one, 'x' AS letter"
    assert json.loads(p.command("sql", "--format", "JSONEachRow", query).stdout) == {"one": 1, "letter": "x"}
    assert p.command("sql", "--format", "CSV", query).stdout == '1,"x"\n'
    assert json.loads(p.command("sql", "--output", "json", query).stdout) == [{"one": 1, "letter": "x"}]
    assert "one" in p.command("sql", "--output", "table", query).stdout
    wrong = p.command("sql", "SELECT nonsense", status=1)
    assert "nonsense" in wrong.stderr and wrong.stdout == ""


def test_start_is_quick_and_so_is_the_first_row_after_a_kill(platform):
    p = platform(EVENTS).start()
    p.wait_caught_up("events", 20_000)
    p.kill()
    p.file.write_text(EVENTS.replace("20_000", "21_000"))
    p.start()
    assert p.ready_seconds < 3  # the bar is 0.5 s on a machine that does nothing else
    p.wait_caught_up("events", 1000, seconds=15)  # no session time-out holds the partitions
    assert p.verify()[0]["records"] == 21_000


def test_the_demo_is_what_a_bare_up_runs():
    helped = freshet.run("up", "--help").stdout
    assert "--until-done" in helped and "examples/events" in helped


def test_a_terminal_shows_progress_and_nothing_of_the_engine(platform):
    p = platform(EVENTS.replace("seed: 7", "seed: 7, rate: 40_000/s"))
    outside, inside = pty.openpty()
    process = subprocess.Popen([freshet.PROGRAM, "up", p.file, "--data-dir", p.data_dir, "--port-offset", "0",
                                "--until-done"], stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    shown = b""
    while True:
        try:
            shown += os.read(outside, 65536)
        except OSError:  # the other side is closed
            break
    os.close(outside)
    assert process.wait(60) == 0
    text = shown.decode()
    assert "exactly once ✓" in text and "lag" in text and "ETA" in text, text
    assert "ClickHouse" not in text and "Fatal" not in text and "Thread" not in text, text


def test_the_program_ends_quietly_when_its_reader_goes():
    done = subprocess.run(f"{freshet.PROGRAM} generate events --count 100000 | head -n 1", shell=True,
                          capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("{") and len(done.stderr.splitlines()) <= 1
