#!/usr/bin/env python3
"""How soon a platform works again after SIGKILL with gigabytes in its log.

  bench/restart.py [--gigabytes 2] [--rounds 3] [--data-dir DIR] [--output json]

Fills a log of six partitions with events of reference platform 1, lets a pipeline write them into their
ReplacingMergeTree, kills the process in the middle of that, and starts it again, round after round. Each round
shows, counted from the moment the process is started: until it says that it is ready, and until the table has a
row that it had not before the start (asked over the control socket every few milliseconds). At the end the rest
is written and verified. Exit status 1 if a bar is missed: 0.5 s and 1 s; anything missing or doubled.
"""

import argparse
import http.client
import json
import pathlib
import shutil
import signal
import socket
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))
import freshet  # noqa: E402

READY_BAR, FIRST_ROW_BAR = 0.5, 1.0
EVENT_BYTES = 148  # in the log, uncompressed
EVENTS_BETWEEN_KILLS = 1_000_000

TABLE = """
  - CREATE TABLE bitpin.events (user_id String, event_type LowCardinality(String), timestamp DateTime64(3, 'UTC'),
    session_id String, device LowCardinality(String), inserted_at DateTime DEFAULT now())
    ENGINE = ReplacingMergeTree() ORDER BY (timestamp, user_id) PARTITION BY toYYYYMMDD(timestamp)
"""
TOPIC = "platform: restart\ntopics: { events: { partitions: 6 } }\n"
PIPELINE = "pipelines: { events: { from: events, decode: json, to: { clickhouse: { table: bitpin.events } } } }\n"
SOURCE = "sources: {{ events: {{ generate: {{ kind: events, count: {count} }}, to: events }} }}\n"
COUNT = "SELECT count() FROM bitpin.events"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


def rows_now(platform):
    """Rows in the table of a running platform; None while it does not answer yet."""
    connection = UnixConnection(platform.data_dir / "state/control.sock")
    try:
        connection.request("POST", "/v1/sql", body=COUNT)
        answer = connection.getresponse()
        text = answer.read()
        return int(text) if answer.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def rows_on_disk(platform):
    return int(platform.command("sql", COUNT, "--file", platform.file).stdout)


def wait_for_rows(platform, more_than, seconds=60):
    deadline = time.monotonic() + seconds
    while (rows_now(platform) or 0) <= more_than:
        if platform.process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"no row came:\n{platform.log()}")
        time.sleep(0.005)


def fill(directory, gigabytes):
    events = int(gigabytes * 1e9 / EVENT_BYTES)
    platform = freshet.Platform(directory, TOPIC + SOURCE.format(count=events))
    platform.launch("--until-done")
    status, _ = platform.wait(600)
    if status != 0:
        raise SystemExit(f"the log could not be filled:\n{platform.log()}")
    return platform, events


def restart(platform):
    """One round: (seconds to ready, seconds to the first new row)."""
    before = rows_on_disk(platform)
    began = time.monotonic()
    platform.launch()
    wait_for_rows(platform, before)
    first_row = time.monotonic() - began
    ready = freshet.wait_until(lambda: freshet.READY.search(platform.log()), "the ready line")
    wait_for_rows(platform, before + EVENTS_BETWEEN_KILLS)
    platform.process.send_signal(signal.SIGKILL)
    platform.process.wait(20)
    return float(ready.group(1)), first_row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the log")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data-dir", type=pathlib.Path, default=ROOT / "freshet-data/bench-restart")
    parser.add_argument("--output", choices=["table", "json"], default="table")
    options = parser.parse_args()
    shutil.rmtree(options.data_dir, ignore_errors=True)
    try:
        platform, events = fill(options.data_dir, options.gigabytes)
        log_bytes = sum(path.stat().st_size for path in platform.data_dir.glob("log/events-*/*.log"))
        platform.file.write_text(TOPIC + "tables:" + TABLE + PIPELINE)
        platform.start()
        wait_for_rows(platform, EVENTS_BETWEEN_KILLS)
        platform.kill()
        rounds = [restart(platform) for _ in range(options.rounds)]
        platform.launch("--until-done", "--output", "json")
        verdict = json.loads(platform.wait(600)[1])[0]
    finally:
        if "platform" in locals():
            platform.close()
        shutil.rmtree(options.data_dir, ignore_errors=True)
    ready, first_row = max(each[0] for each in rounds), max(each[1] for each in rounds)
    good = ready <= READY_BAR and first_row <= FIRST_ROW_BAR and verdict["exact"] and verdict["records"] == events
    if options.output == "json":
        print(json.dumps({"name": "restart", "events": events, "log_bytes": log_bytes, "ready_s": ready,
                          "first_row_s": round(first_row, 3), "missing": verdict["missing"],
                          "doubled": verdict["doubled"]}))
    else:
        print(f"log of {log_bytes / 1e9:.2f} GB, {events:,} events, SIGKILL while the pipeline writes")
        for number, (to_ready, to_row) in enumerate(rounds, 1):
            print(f"  restart {number}: ready after {to_ready:.2f} s, first new row after {to_row:.2f} s")
        print(f"  worst: {ready:.2f} s (bar {READY_BAR}), {first_row:.2f} s (bar {FIRST_ROW_BAR}); "
              f"missing {verdict['missing']}, doubled {verdict['doubled']}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
