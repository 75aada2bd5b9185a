"""Disks that lie or fill up, and a log that somebody damaged: said clearly, served on, nothing else lost."""

import json
import os
import subprocess

import pytest

import freshet

ROWS = """
platform: rows
topics: { rows: { partitions: 2 } }
tables:
  - CREATE TABLE t.rows (id UInt32, name String) ENGINE = MergeTree ORDER BY id
pipelines:
  rows: { from: rows, decode: json, to: { clickhouse: { table: t.rows } }, flush: { after: 20ms } }
"""

FILLING = """
platform: filling
topics: { events: { partitions: 2 } }
tables:
  - CREATE TABLE t.events (user_id String, event_type LowCardinality(String), timestamp DateTime64(3, 'UTC'),
    session_id String, device LowCardinality(String)) ENGINE = MergeTree ORDER BY (timestamp, user_id)
sources:
  events: { generate: { kind: events, count: 2_000_000, seed: 3 }, to: events }
pipelines:
  events: { from: events, decode: json, to: { clickhouse: { table: t.events } }, flush: { after: 100ms } }
"""


def produce(platform, first, last):
    lines = "".join(json.dumps({"id": i, "name": f"name {i}"}) + "\n" for i in range(first, last))
    freshet.run("produce", "rows", "--brokers", platform.kafka, "--codec", "none", stdin=lines)


def test_a_damaged_segment_is_named_and_its_neighbours_are_served(platform):
    p = platform(ROWS).start()
    for start in range(0, 3000, 500):
        produce(p, start, start + 500)
    p.wait_caught_up("rows", 3000)
    assert p.stop() == 0
    segment = next(path for path in sorted(p.data_dir.glob("log/rows-*/*.log")) if path.stat().st_size > 10_000)
    with open(segment, "r+b") as log:
        log.seek(segment.stat().st_size // 2)
        log.write(b"damaged!")
    p.start()
    produce(p, 3000, 3500)
    p.wait_caught_up("rows", 500)
    assert p.value("SELECT (count(), uniqExact(id)) FROM t.rows") == "(3500,3500)"
    verdict = p.command("verify", status=1)
    assert segment.parent.name in verdict.stderr + verdict.stdout, verdict
    assert len(verdict.stderr.strip().splitlines()) <= 1
    assert p.stop() == 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a size that a test can change."""
    directory = tmp_path / "disk"
    directory.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=420m", "tmpfs", directory],
                                           capture_output=True).returncode != 0:
        pytest.skip("mounting a tmpfs needs root")
    yield directory
    subprocess.run(["umount", "-l", directory], check=True)


def test_a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room(small_disk):
    p = freshet.Platform(small_disk / "p", FILLING)
    p.launch("--until-done", "--output", "json")
    freshet.wait_until(lambda: "are kept in reserve" in p.log(1000), "the disk to be full", 60)
    assert "free some space" in p.log(1000)
    assert p.process.poll() is None
    subprocess.run(["mount", "-o", "remount,size=4g", small_disk], check=True)
    status, out = p.wait(120)
    assert status == 0, p.log()
    verdict = json.loads(out)[0]
    assert verdict["exact"] and verdict["records"] == 2_000_000
