"""Dead letters from start to end: refused by a view, found, counted, replayed and repaired, whenever a command dies."""

import json
import signal
import subprocess

import pytest

import freshet

# A constraint that people drop later; a view whose expression throws.
TEXT = """
platform: letters
topics: { events: { partitions: 2 } }
tables:
  - CREATE TABLE l.events (id UInt32, text String) ENGINE = MergeTree ORDER BY id
  - CREATE TABLE l.numbers (id UInt32, n UInt64) ENGINE = MergeTree ORDER BY id
  - CREATE MATERIALIZED VIEW l.view TO l.numbers AS SELECT id, toUInt64(text) AS n FROM l.events
pipelines:
  rows:
    from: events
    to: { clickhouse: { table: l.events } }
    flush: { rows: 500, after: 20ms }
"""
RECORDS = 300
BAD_TEXT = {7, 50, 51, 52, 299}     # refused by the view
BAD_TYPE = {0, 100}                 # rejected by the decoder
GOOD = RECORDS - len(BAD_TEXT) - len(BAD_TYPE)


def record(number):
    if number in BAD_TYPE:
        return json.dumps({"id": str(number), "text": "1"})
    return json.dumps({"id": number, "text": "x" if number in BAD_TEXT else str(number)})


def filled(platform):
    p = platform(TEXT).start()
    freshet.run("produce", "events", "--brokers", p.kafka, stdin="".join(record(i) + "\n" for i in range(RECORDS)))
    p.wait_caught_up("rows", RECORDS)
    return p


def show(p, *options):
    out = p.command("dlq", "show", "rows", "--file", p.file, "--output", "json", "--limit", 1000, *options).stdout
    return json.loads(out)


def mend_view(p):
    p.file.write_text(TEXT.replace("toUInt64(text)", "toUInt64OrZero(text)"))
    p.sql("ALTER TABLE l.view MODIFY QUERY SELECT id, toUInt64OrZero(text) AS n FROM l.events")


def state(p):
    """Rows of the table, distinct ids there, rows of the view's target, distinct ids there."""
    return p.sql("SELECT (SELECT count() FROM l.events), (SELECT uniqExact(id) FROM l.events), "
                 "(SELECT count() FROM l.numbers), (SELECT uniqExact(id) FROM l.numbers)")[0]


def test_records_that_only_a_view_refuses_stand_alone_in_the_dead_letters(platform):
    p = filled(platform)
    assert state(p) == [str(GOOD)] * 4
    verdict = p.verify()[0]
    assert verdict["exact"] and verdict["rejected"] == len(BAD_TEXT) + len(BAD_TYPE)
    letters = show(p)
    by_reason = {}
    for letter in letters:
        by_reason.setdefault(letter["reason"], set()).add(letter["value"])
        assert letter["state"] == "open" and letter["attempt"] == 1 and letter["rejected"].startswith("20")
    assert by_reason == {"refused_by_view": {record(i) for i in BAD_TEXT}, "wrong_type": {record(i) for i in BAD_TYPE}}
    assert {letter["value"] for letter in show(p, "--reason", "wrong_type", "--path", "id", "--since", "1h")} == \
        {record(i) for i in BAD_TYPE}
    assert show(p, "--until", "1h") == []
    by_partition = [len(show(p, "--partition", each)) for each in (0, 1)]
    assert sum(by_partition) == len(letters)
    counted = json.loads(p.command("dlq", "show", "--count", "--file", p.file, "--output", "json").stdout)
    assert [(each["pipeline"], each["reason"], each["path"], each["records"]) for each in counted] == [
        ("rows", "refused_by_view", "", len(BAD_TEXT)), ("rows", "wrong_type", "id", len(BAD_TYPE))]
    assert p.stop() == 0


def test_a_replay_lands_what_fits_after_the_mend_once(platform):
    p = filled(platform)
    dry = json.loads(p.command("dlq", "replay", "rows", "--dry-run", "--output", "ndjson", status=1).stdout)
    assert (dry["open"], dry["landed"], dry["left"]) == (7, 5, 2), "the decoder takes what the view does not"
    mend_view(p)
    done = json.loads(p.command("dlq", "replay", "rows", "--reason", "refused_by_view", "--output", "ndjson").stdout)
    assert (done["selected"], done["landed"], done["left"]) == (5, 5, 0)
    assert state(p) == [str(GOOD + 5)] * 4
    again = json.loads(p.command("dlq", "replay", "rows", "--output", "ndjson", status=1).stdout)
    assert (again["open"], again["landed"], again["reasons"]) == (2, 0, {"wrong_type": 2})
    verdict = p.verify()[0]
    assert verdict["exact"] and verdict["rejected"] == 2 and verdict["replayed"] == 5
    assert {letter["attempt"] for letter in show(p)} == {2}
    assert sorted(letter["state"] for letter in show(p, "--all")) == ["open"] * 2 + ["replayed"] * 5 + ["tried again"] * 2
    assert p.stop() == 0


@pytest.mark.parametrize("point", [pytest.param("before_mend_intent", marks=pytest.mark.slow), "after_mend_intent",
                                   "mid_insert", pytest.param("before_mend_done", marks=pytest.mark.slow),
                                   "after_mend_done"])
def test_a_replay_that_is_killed_lands_every_record_once_when_it_is_run_again(platform, point):
    p = filled(platform)
    mend_view(p)
    assert p.stop() == 0
    replay = [freshet.PROGRAM, "dlq", "replay", "rows", "--file", p.file, "--data-dir", p.data_dir]
    died = subprocess.run(list(map(str, replay)), env={**freshet.os.environ, "FRESHET_CRASH_AT": point}, timeout=60,
                          capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert p.verify()[0]["exact"], "also between the two"
    p.command("dlq", "replay", "rows", "--file", p.file, status=1)
    verdict = p.verify()[0]
    assert verdict["exact"] and verdict["rejected"] == 2 and verdict["replayed"] == 5
    p.start()
    assert state(p) == [str(GOOD + 5)] * 4
    assert p.stop() == 0


def test_too_many_rejects_stop_the_pipeline_with_one_sentence(platform):
    p = platform(TEXT.replace("    from: events\n", "    from: events\n    dlq: { max_count: 3 }\n")).start()
    freshet.run("produce", "events", "--brokers", p.kafka, stdin="".join(record(i) + "\n" for i in range(RECORDS)))
    failure = freshet.wait_until(lambda: p.pipeline("rows")["failure"], "the pipeline to stop", 60)
    assert "dlq.max_count allows (3)" in failure and "freshet dlq show rows --count" in failure
    assert len(failure.splitlines()) == 1
    p.stop()
    p.file.write_text(TEXT)
    p.start()
    freshet.wait_until(lambda: p.pipeline("rows")["caught_up"], "the rest to be written", 60)
    verdict = p.verify()[0]
    assert verdict["exact"] and verdict["records"] == RECORDS and verdict["in_table"] == GOOD
    assert p.stop() == 0


@pytest.mark.parametrize("running", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_repair_mends_what_hands_have_broken(platform, running):
    p = filled(platform)
    p.sql("ALTER TABLE l.events DELETE WHERE id IN (10, 11, 200) SETTINGS mutations_sync = 2")
    p.sql("INSERT INTO l.events SELECT * FROM l.events WHERE id IN (20, 21) SETTINGS deduplicate_insert = 'disable', "
          "insert_deduplicate = 0")
    broken = p.verify(status=1)[0]
    assert (broken["missing"], broken["doubled"]) == (3, 2)
    if not running:
        assert p.stop() == 0
    file = ["--file", p.file]
    dry = json.loads(p.command("repair", "--dry-run", *file, "--output", "json", status=1).stdout)[0]
    assert sum(each["put_back"] for each in dry["repairs"]) == 3
    assert sum(each["deleted"] for each in dry["repairs"]) == 2
    assert p.verify(status=1)[0] == broken
    mended = p.command("repair", *file).stdout
    assert "put back from the log" in mended and "exactly once" in mended
    assert p.verify()[0]["exact"]
    if not running:
        p.start()
    assert state(p)[:2] == [str(GOOD)] * 2
    assert p.stop() == 0
