"""Bad input of every kind: one clear sentence, the right exit status, and nothing lost beside it."""

import contextlib
import json
import os
import re
import socket
import subprocess

import pytest

import freshet

TEN_MISTAKES = """
platfrom: demo
topics: { events: { partitions: none } }
tables: [CREATE TABL t.x (id UInt8)]
sources:
  a: { generate: { kind: evnts, count: many, rate: fast }, to: events }
  b: { file: { }, to: events }
pipelines:
  p: { from: events, decode: jsn, to: { clickhouse: { tabel: t.x } }, flush: { after: 100, rows: -1 }, on_reject: ignore }
"""

TYPED = """
platform: typed
topics: { typed: { partitions: 1, config: { max.message.bytes: 4194304 } } }
tables:
  - CREATE TABLE t.typed (id UInt8, name String, amount Decimal(9, 2), at Nullable(DateTime64(3, 'UTC')))
    ENGINE = MergeTree ORDER BY id
pipelines:
  typed:
    from: typed
    decode: json
    columns: { at: meta.at }
    to: { clickhouse: { table: t.typed } }
    flush: { after: 20ms }
"""


def test_ten_mistakes_are_ten_errors(tmp_path):
    file = tmp_path / "platform.yaml"
    file.write_text(TEN_MISTAKES)
    done = freshet.run("check", file, status=1)
    errors = [line for line in done.stderr.splitlines() if ": error: " in line]
    assert len(errors) >= 10, done.stderr
    assert all(re.match(rf"{re.escape(str(file))}:\d+:\d+: error: ", line) for line in errors
               if "required" not in line and "missing" not in line), done.stderr
    assert "did you mean" in done.stderr and "platform" in done.stderr and '"TABL"' in done.stderr
    up = freshet.run("up", file, "--data-dir", tmp_path / "data", status=1)
    assert up.stderr.count(": error: ") == len(errors)
    assert not (tmp_path / "data").exists()


def test_check_counts_what_is_well_formed():
    done = freshet.run("check", freshet.ROOT / "examples/events/platform.yaml")
    assert "platform demo is well-formed" in done.stdout


@pytest.mark.parametrize("arguments", [
    [], ["check"], ["upp"], ["up", "--until-dome"], ["topic"], ["consume"], ["sql", "--output", "xml", "SELECT 1"],
    ["generate", "nonsense"], ["generate", "--rate", "fast"], ["up", "--port-offset", "-1"],
    ["up", "--data-dir", "a", "--data-dir", "b"]])
def test_wrong_usage_is_status_2(arguments):
    done = freshet.run(*arguments, status=2)
    assert done.stderr.strip()


def test_a_missing_file_and_a_missing_platform_are_named(tmp_path):
    assert "nothere.yaml" in freshet.run("up", tmp_path / "nothere.yaml", status=1).stderr
    done = freshet.run("sql", "SELECT 1", "--data-dir", tmp_path / "none", status=1)
    assert "freshet up" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_taken_port_is_named_with_the_flag_that_helps(tmp_path):
    file = tmp_path / "platform.yaml"
    file.write_text("platform: empty\n")
    with contextlib.ExitStack() as sockets:
        offset = 50_001
        while offset > 50_000:  # some free ports are out of reach of --port-offset
            taken = sockets.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            offset = taken.getsockname()[1] - 9092
        taken.listen()
        done = freshet.run("up", file, "--data-dir", tmp_path / "data", "--port-offset", offset, status=1)
    assert str(offset + 9092) in done.stderr and done.stderr.count("--port-offset") == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert str(os.getpid()) in done.stderr


def test_a_locked_data_directory_names_the_holder(platform):
    p = platform(TYPED).start()
    other = freshet.run("up", p.file, "--data-dir", p.data_dir, "--port-offset", 0, status=1)
    assert str(p.process.pid) in other.stderr and str(p.data_dir) in other.stderr
    assert len(other.stderr.strip().splitlines()) == 1
    assert p.stop() == 0


def test_a_table_with_other_columns_is_refused_with_all_differences(platform):
    p = platform(TYPED).start()
    assert p.stop() == 0
    p.file.write_text(TYPED.replace("id UInt8", "id UInt16").replace("name String, ", "title String, "))
    p.launch()
    status, _ = p.wait()
    log = p.log()
    assert status == 1
    for word in ("id", "UInt8", "UInt16", "name", "title"):
        assert word in log, log


def test_each_bad_record_is_rejected_alone_with_its_reason(platform):
    p = platform(TYPED).start()
    big = json.dumps({"id": 9, "name": "x" * 2_000_000, "amount": 1})
    records = [
        ('{"id":1,"name":"good","amount":1.25,"meta":{"at":"2025-09-18T10:30:00Z"}}', None),
        ('{"id":1,"name":"half', "malformed"),
        ('{"id":"1","name":"a","amount":1}', "wrong_type"),
        ('{"id":256,"name":"a","amount":1}', "out_of_range"),
        ('{"id":1,"name":"a","amount":1.255}', "out_of_range"),
        ('{"id":null,"name":"a","amount":1}', "null_not_allowed"),
        ('[1,2]', "not_an_object"),
        ('17', "not_an_object"),
        ('{"id":1,"id":2,"name":"a","amount":1}', "duplicate_key"),
        ('{"id":1,"name":"a","amount":1,"meta":{"at":"yesterday"}}', None),  # any of two reasons
        ("[" * 5000 + "]" * 5000, None),
        (big, "too_large"),
        ('{"id":2,"name":"good","amount":2.5}', None),
    ]
    for value, _ in records:
        freshet.run("produce", "typed", "--brokers", p.kafka, "--property", "message.max.bytes=4000000",
                    stdin=value + "\n")
    # Bytes that are not UTF-8 cannot come through a text pipe.
    subprocess.run([freshet.PROGRAM, "produce", "typed", "--brokers", p.kafka], check=True, timeout=60,
                   input=b'{"id":3,"name":"\xff\xfe","amount":1}\n')
    p.wait_caught_up("typed", len(records) + 1)
    assert p.sql("SELECT id, name, toString(amount) FROM t.typed ORDER BY id") == [
        ["1", "good", "1.25"], ["2", "good", "2.5"]]
    verdict = p.verify()[0]
    assert verdict["exact"] and verdict["rejected"] == len(records) + 1 - 2
    shown = [json.loads(line) for line in
             p.command("dlq", "show", "typed", "--file", p.file, "--output", "ndjson").stdout.splitlines()]
    by_offset = {letter["offset"]: letter for letter in shown}
    for offset, (value, reason) in enumerate(records):
        if reason is not None:
            assert by_offset[offset]["reason"] == reason, (value[:60], by_offset[offset])
    assert by_offset[len(records)]["reason"] == "invalid_utf8"
    assert by_offset[2]["path"] == "id" and by_offset[2]["value"] == records[2][0]
    assert set(by_offset) == set(range(14)) - {0, 12}
    listed = json.loads(p.command("dlq", "list", "--file", p.file, "--output", "json").stdout)
    assert [(each["pipeline"], each["records"]) for each in listed] == [("typed", 12)]
    assert p.stop() == 0
