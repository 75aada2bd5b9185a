"""Disks that lie or fill up, and a log that somebody damaged: said clearly, served on, nothing else lost."""

import json
import os
import re
import subprocess
import sys
import tempfile

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
    """A file system of a size that a test can change: root's, or of a namespace in which we are root."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=420m", "tmpfs", directory], capture_output=True,
                             text=True)
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    yield directory
    subprocess.run(["umount", "-l", directory], check=True)


def run_in_namespace(test):
    """Runs one test of this file again as root of a user and mount namespace of its own."""
    # A short path: the control socket of a long one goes to a directory that belongs to the real root.
    with tempfile.TemporaryDirectory(prefix="full") as directory:
        again = subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-m", "pytest", "-q", "-rs", "-p",
             "no:cacheprovider", f"--basetemp={directory}/t", f"{__file__}::{test}"],
            capture_output=True, text=True, cwd=freshet.ROOT)
    if again.stderr.startswith("unshare:"):
        pytest.skip(f"not root, and no namespace in which to mount a tmpfs: {again.stderr.strip()}")
    if " skipped" in again.stdout:
        pytest.skip(again.stdout.strip())
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root needs no namespace")
def test_a_full_disk_without_being_root():
    run_in_namespace("test_a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a tmpfs; the test above does it in a namespace")
def test_a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room(small_disk):
    p = freshet.Platform(small_disk / "p", FILLING)
    p.launch("--until-done", "--output", "json")
    try:
        freshet.wait_until(lambda: "source tries again" in p.log(1000) or p.process.poll() is not None,
                           "the disk to be full", 60)
        said = [line for line in p.log(1000).splitlines() if "source tries again" in line]
        assert len(said) == 1 and str(small_disk) in said[0] and "free some space" in said[0], p.log()
        assert p.process.poll() is None
        subprocess.run(["mount", "-o", "remount,size=4g", "tmpfs", small_disk], check=True)
        status, out = p.wait(120)
    finally:
        p.close()
    assert status == 0, p.log()
    verdict = json.loads(out)[0]
    assert verdict["exact"] and verdict["records"] == 2_000_000
    assert (verdict["missing"], verdict["doubled"]) == (0, 0)
    # The commit of an offset may meet the full disk, too; nobody says it again and again.
    said = [re.search(r"module=(\S+)", line)[1] for line in p.log(1000).splitlines() if "free some space" in line]
    assert len(said) == len(set(said)), p.log()
