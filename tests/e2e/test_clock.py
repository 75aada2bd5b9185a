"""A machine whose clock somebody sets back, while the platform runs and while it is down: said, and nothing lost.

libfaketime stands between the program and the clock; only the wall clock is faked, as in life. (libchdb asks
the kernel itself, so the parts of tables keep the true time: no harder case than a clock that is the same.)
"""

import json
import pathlib

import pytest

import freshet

LIBRARY = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
EVENTS = 60_000

CLOCK = f"""
platform: clock
topics: {{ events: {{ partitions: 2 }} }}
tables:
  - CREATE TABLE t.events (user_id String, event_type LowCardinality(String), timestamp DateTime64(3, 'UTC'),
    session_id String, device LowCardinality(String)) ENGINE = MergeTree ORDER BY (timestamp, user_id)
  - CREATE TABLE t.by_device (device LowCardinality(String), events UInt64) ENGINE = SummingMergeTree ORDER BY device
  - CREATE MATERIALIZED VIEW t.to_device TO t.by_device AS SELECT device, count() AS events FROM t.events GROUP BY device
sources:
  events: {{ generate: {{ kind: events, count: {EVENTS}, rate: 12_000/s, seed: 3 }}, to: events }}
pipelines:
  events: {{ from: events, decode: json, to: {{ clickhouse: {{ table: t.events }} }}, flush: {{ after: 50ms }} }}
"""


@pytest.mark.skipif(not LIBRARY.is_file(), reason=f"{LIBRARY} is not there: scripts/setup installs libfaketime")
def test_a_clock_that_is_set_back_is_said_and_loses_nothing(platform, tmp_path):
    shift = tmp_path / "shift"
    clock = {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(shift), "FAKETIME_NO_CACHE": "1",
             "DONT_FAKE_MONOTONIC": "1"}
    p = platform(CLOCK)

    def records_of_this_run():
        return p.pipeline("events")["records"]

    shift.write_text("+0")
    p.start(env=clock)
    freshet.wait_until(lambda: records_of_this_run() > 8_000, "the first records")
    shift.write_text("-2h")
    freshet.wait_until(lambda: "clock was set back by 7200 s" in p.log(), "the sentence about the clock")
    before = records_of_this_run()
    freshet.wait_until(lambda: records_of_this_run() > before + 4_000, "records after the jump")
    p.kill()

    shift.write_text("-9d")  # set back while nothing runs, in the middle of a write
    p.start(env=clock)
    freshet.wait_until(lambda: records_of_this_run() > 8_000, "records of the second run")
    p.kill()
    shift.write_text("+0")
    p.launch("--until-done", "--output", "json", env=clock)
    status, out = p.wait(60)
    assert status == 0, p.log()
    verdict = json.loads(out)[0]
    assert verdict["exact"] and verdict["records"] == EVENTS, verdict
    views = p.command("sql", "SELECT sum(events) FROM t.by_device", "--file", p.file).stdout
    assert views.strip() == str(EVENTS)
