"""Nested JSON of the real world through the whole program, compared value by value with Python's parser."""

import json

import pytest

import freshet

TWEETS = freshet.ROOT / ".deps/sonic-v1.14.1/twitter.json"

# Table column: (ClickHouse type, path in the record).
COLUMNS = {
    "id": ("UInt64", "id"),
    "body": ("String", "text"),
    "lang": ("LowCardinality(String)", "metadata.iso_language_code"),
    "author": ("String", "user.screen_name"),
    "about": ("String", "user.description"),
    "followers": ("UInt32", "user.followers_count"),
    "utc_offset": ("Nullable(Int32)", "user.utc_offset"),
    "zone": ("Nullable(String)", "user.time_zone"),
    "verified": ("Bool", "user.verified"),
    "banner": ("Nullable(String)", "user.profile_banner_url"),
    "reply_to": ("Nullable(UInt64)", "in_reply_to_status_id"),
    "sensitive": ("Nullable(Bool)", "possibly_sensitive"),
    "country": ("Nullable(String)", "place.country"),
    "original": ("Nullable(UInt64)", "retweeted_status.id"),
    "original_author": ("Nullable(String)", "retweeted_status.user.screen_name"),
    "original_retweets": ("Nullable(UInt32)", "retweeted_status.retweet_count"),
}

PLATFORM = f"""
platform: nested
tables:
  - CREATE TABLE t.statuses ({", ".join(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())})
    ENGINE = MergeTree ORDER BY id
sources:
  statuses: {{ file: {{ path: statuses.jsonl }}, to: statuses, key: id_str }}
pipelines:
  statuses:
    from: statuses
    decode: json
    columns: {{ {", ".join(f"{name}: {path}" for name, (_, path) in COLUMNS.items())} }}
    to: {{ clickhouse: {{ table: t.statuses }} }}
"""


def at(record, path):
    for key in path.split("."):
        record = record.get(key) if isinstance(record, dict) else None
    return record


@pytest.mark.skipif(not TWEETS.is_file(), reason=f"{TWEETS} is not there: install golang-go, then run scripts/setup")
def test_nested_values_are_what_python_reads(platform):
    statuses = json.loads(TWEETS.read_bytes())["statuses"]
    p = platform(PLATFORM)
    lines = [json.dumps(status, ensure_ascii=index % 2 == 0) for index, status in enumerate(statuses)]
    (p.directory / "statuses.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    p.launch("--until-done", "--output", "json")
    status, out = p.wait(60)
    assert status == 0, p.log()
    assert json.loads(out)[0]["in_table"] == len(statuses) == 100
    stored = p.command("sql", "--file", p.file, "--format", "JSONEachRow",
                       f"SELECT {', '.join(COLUMNS)} FROM t.statuses ORDER BY _offset").stdout
    for status, line in zip(statuses, stored.splitlines(), strict=True):
        row = json.loads(line)
        for name, (kind, path) in COLUMNS.items():
            value = int(row[name]) if "Int" in kind and row[name] is not None else row[name]
            assert value == at(status, path), (name, status["id"])
