"""Files as sources, killed again and again: every line becomes one record, none is skipped, none comes twice."""

import gzip
import json
import random
import subprocess

import freshet

FILES = """
platform: files
topics: { rows: { partitions: 3 }, cells: { partitions: 2 }, lines: { partitions: 2 } }
tables:
  - CREATE TABLE t.rows (id UInt64, name String) ENGINE = MergeTree ORDER BY id
  - CREATE TABLE t.cells (id UInt64, name String, v Nullable(Float64)) ENGINE = MergeTree ORDER BY id
  - CREATE TABLE t.lines (id UInt64) ENGINE = MergeTree ORDER BY id
sources:
  rows: { file: { path: "rows/*.jsonl*" }, to: rows, key: id }
  cells: { file: { path: cells.csv.gz, nulls: [NA] }, to: cells, key: id }
  lines: { file: { path: "lines/*.jsonl", follow: true }, to: lines, key: id }
pipelines:
  rows: { from: rows, decode: json, to: { clickhouse: { table: t.rows } }, flush: { after: 20ms } }
  cells: { from: cells, decode: json, to: { clickhouse: { table: t.cells } }, flush: { after: 20ms } }
  lines: { from: lines, decode: json, to: { clickhouse: { table: t.lines } }, flush: { after: 20ms } }
"""
ROWS = 20_000  # in each of three files
CELLS = 20_000
LINES_A_ROUND = 2_000
ROUNDS = 3


def write_files(directory):
    (directory / "rows").mkdir()
    (directory / "lines").mkdir()
    texts = ["".join(json.dumps({"id": number, "name": f"näme {number}"}) + "\n"
                     for number in range(part * ROWS + 1, (part + 1) * ROWS + 1)).encode() for part in range(3)]
    (directory / "rows/a.jsonl").write_bytes(texts[0])
    (directory / "rows/b.jsonl.gz").write_bytes(gzip.compress(texts[1]))
    subprocess.run(["zstd", "-q", "-o", directory / "rows/c.jsonl.zst"], input=texts[2], check=True)
    cells = "".join(f'{n},"a, ""{n}""",{"NA" if n % 10 == 0 else n / 4}\n' for n in range(1, CELLS + 1))
    (directory / "cells.csv.gz").write_bytes(gzip.compress(("id,name,v\n" + cells).encode()))


def test_a_killed_source_goes_on_with_nothing_repeated_or_skipped(platform):
    p = platform(FILES)
    write_files(p.directory)
    rng = random.Random(11)
    line = 0
    for number in range(ROUNDS):
        p.start()
        with open(p.directory / f"lines/{number}.jsonl", "w", encoding="utf-8") as out:
            for _ in range(LINES_A_ROUND):
                line += 1
                text = json.dumps({"id": line}) + "\n"
                cut = rng.randrange(len(text))  # a reader may see half a line
                out.write(text[:cut])
                out.flush()
                out.write(text[cut:])
        p.kill()
    p.start()
    freshet.wait_until(lambda: p.value("SELECT count() FROM t.lines") == str(line), "the last line", 30)
    freshet.wait_until(lambda: all(p.pipeline(name)["caught_up"] for name in ("rows", "cells", "lines")),
                       "everything to be written")
    assert p.stop() == 0, p.log()
    assert {each["pipeline"]: (each["records"], each["exact"]) for each in p.verify()} == {
        "rows": (3 * ROWS, True), "cells": (CELLS, True), "lines": (line, True)}
    for table, count in (("rows", 3 * ROWS), ("cells", CELLS), ("lines", line)):
        assert p.value(f"SELECT (uniqExact(id), min(id), max(id)) FROM t.{table}") == f"({count},1,{count})"
    assert p.value("SELECT countIf(v IS NULL) FROM t.cells") == str(CELLS // 10)
    assert p.value("SELECT name FROM t.cells WHERE id = 7") == 'a, "7"'
    assert p.value(f"SELECT name FROM t.rows WHERE id = {3 * ROWS}") == f"näme {3 * ROWS}"
