"""A platform whose warehouse is a ClickHouse elsewhere, over HTTP: here the port of another platform, because no
ClickHouse server can be had on this machine. FRESHET_CLICKHOUSE_URL (with _USER and _PASSWORD) names one to use
instead, where a case does not need to stop, start or hide it."""

import json
import os
import subprocess
import urllib.parse
import uuid

import pytest
from forwarder import Forwarder

import freshet

SERVER = """
platform: warehouse
services: { clickhouse: { embedded: { password: "open sesame" } } }
"""
CLIENT = """
platform: far
services:
  clickhouse: {{ url: "{url}", password: "${{CH_PASSWORD}}"{more} }}
topics: {{ events: {{ partitions: 2 }} }}
tables:
  - CREATE TABLE {database}.events (user_id String, event_type LowCardinality(String), timestamp DateTime64(3, 'UTC'),
      session_id String, device LowCardinality(String)) ENGINE = {engine}
  - CREATE TABLE {database}.by_type (event_type String, n UInt64) ENGINE = SummingMergeTree ORDER BY event_type
  - CREATE MATERIALIZED VIEW {database}.view_type TO {database}.by_type AS
    SELECT event_type, count() AS n FROM {database}.events GROUP BY event_type
sources:
  events: {{ generate: {{ kind: events, count: {count}, rate: "40_000/s" }}, to: events }}
pipelines:
  events:
    from: events
    to: {{ clickhouse: {{ table: {database}.events }} }}
    flush: {{ rows: 2_000, after: 20ms }}
"""
MERGE_TREE = "MergeTree PARTITION BY event_type ORDER BY (timestamp, user_id)"
REPLACING = "ReplacingMergeTree ORDER BY (timestamp, user_id)"
PASSWORD = {"CH_PASSWORD": "open sesame"}


def text(url, engine=MERGE_TREE, count=20_000, database="far", more=""):
    return CLIENT.format(url=url, engine=engine, count=count, database=database, more=more)


def address_of(p):
    split = urllib.parse.urlsplit(p.clickhouse)
    return split.hostname, split.port


@pytest.fixture
def server(platform):
    return platform(SERVER, "server").start()


def count(server, table="far.events"):
    return int(server.value(f"SELECT count() FROM {table}"))


@pytest.mark.parametrize("engine", [MERGE_TREE, REPLACING])
def test_rows_land_exactly_once_and_every_command_reaches_them(platform, server, engine):
    p = platform(text(server.clickhouse, engine), "client")
    p.launch("--until-done", "--output", "json", env=PASSWORD)
    status, out = p.wait()
    assert status == 0, p.log()
    verdict = json.loads(out)[0]
    assert verdict["exact"] and verdict["records"] == 20_000, verdict
    rows, distinct = map(int, server.sql("SELECT count(), uniqExact(_partition, _offset) FROM far.events")[0])
    assert rows == distinct and rows == verdict["in_table"]
    assert server.value("SELECT sum(n) FROM far.by_type") == "20000"
    # Nothing runs: verify and sql find the ClickHouse by the file.
    assert p.verify(env=PASSWORD)[0]["exact"]
    out = p.command("sql", "--file", p.file, "--format", "TabSeparated", "SELECT count() FROM far.events",
                    env=PASSWORD).stdout
    assert out == f"{rows}\n"
    # No engine was opened here.
    assert not (p.data_dir / "warehouse").exists()
    # verify sees what somebody took away.
    server.sql("ALTER TABLE far.events DELETE WHERE _partition = 1 AND _offset = 7 SETTINGS mutations_sync = 2")
    if engine == MERGE_TREE:
        assert p.verify(status=1, env=PASSWORD)[0]["missing"] == 1


def test_a_running_platform_answers_with_the_clickhouse_elsewhere(platform, server):
    p = platform(text(server.clickhouse), "client").start(env=PASSWORD)
    assert p.clickhouse == server.clickhouse
    p.wait_caught_up("events", 20_000)
    assert p.value("SELECT count() FROM far.events") == "20000"
    assert p.verify()[0]["exact"]
    assert p.stop() == 0
    assert "sesame" not in p.log(10_000)


def test_a_clickhouse_that_comes_late_goes_away_and_moves_costs_nothing(platform, server):
    forwarder = Forwarder()
    try:
        p = platform(text(forwarder.url, count=40_000), "client")
        p.launch(env=PASSWORD)
        freshet.wait_until(lambda: "waiting for ClickHouse" in p.log(), "it to wait for its ClickHouse")
        forwarder.point_to(address_of(server))
        freshet.wait_until(p._ready, "the platform to be ready")
        for _ in range(3):
            seen = count(server)
            freshet.wait_until(lambda: count(server) > seen or count(server) == 40_000, "rows")
            forwarder.point_to(None)
            forwarder.point_to(address_of(server))
        # The server itself dies and comes back elsewhere.
        server.kill()
        server.start()
        forwarder.point_to(address_of(server))
        p.wait_caught_up("events", 40_000, seconds=120)
        verdict = p.verify()[0]
        assert verdict["exact"] and verdict["records"] == 40_000, verdict
        assert server.value("SELECT sum(n) FROM far.by_type") == "40000"
        assert p.stop() == 0
    finally:
        forwarder.close()


def test_what_cannot_work_is_said_in_one_sentence(platform, server):
    def refusal(more_text, env):
        p = platform(more_text, f"refused-{uuid.uuid4().hex[:6]}")
        p.launch("--until-done", env=env)
        status, _ = p.wait()
        assert status == 1, p.log()
        assert "sesame" not in p.log(10_000)
        return p.log()

    wrong = refusal(text(server.clickhouse), {"CH_PASSWORD": "wrong"})
    assert "ClickHouse error 516" in wrong and "password is incorrect" in wrong
    assert "connect to 127.0.0.1:1: Connection refused" in refusal(text("http://127.0.0.1:1"), PASSWORD)
    assert "without a word of ClickHouse" in refusal(text(server.api), PASSWORD)
    assert "does it speak TLS?" in refusal(text(server.clickhouse.replace("http:", "https:")), PASSWORD)
    assert "Memory, which cannot deduplicate" in refusal(text(server.clickhouse, "Memory", database="mem"), PASSWORD)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)

    for name, names in (("server", "IP:127.0.0.1"), ("stranger", "DNS:elsewhere.example.org")):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", "-keyout", directory / f"{name}.key",
                "-out", directory / f"{name}.pem")
    return directory


def test_over_tls_only_who_is_trusted_is_believed(platform, server, certificates):
    good = Forwarder(address_of(server), certificates / "server.pem")
    stranger = Forwarder(address_of(server), certificates / "stranger.pem")
    try:
        trusted = f", tls: {{ ca: {certificates / 'server.pem'} }}"
        p = platform(text(good.url, more=trusted), "client")
        p.launch("--until-done", "--output", "json", env=PASSWORD)
        status, out = p.wait()
        assert status == 0 and json.loads(out)[0]["exact"], p.log()
        for forwarder, more, why in (
                (good, "", "self-signed certificate"),
                (stranger, trusted, "self-signed certificate"),
                (stranger, f", tls: {{ ca: {certificates / 'stranger.pem'} }}", "IP address mismatch")):
            p = platform(text(forwarder.url, more=more), f"refused-{uuid.uuid4().hex[:6]}")
            p.launch("--until-done", env=PASSWORD)
            status, _ = p.wait()
            assert status == 1 and "is not trusted: " + why in p.log(), p.log()
        unchecked = ", tls: { check_certificate: false }"
        p = platform(text(stranger.url, database="unchecked", more=unchecked), "unchecked")
        p.launch("--until-done", env=PASSWORD)
        assert p.wait()[0] == 0, p.log()
    finally:
        good.close()
        stranger.close()


@pytest.mark.skipif("FRESHET_CLICKHOUSE_URL" not in os.environ,
                    reason="FRESHET_CLICKHOUSE_URL names no ClickHouse server")
def test_a_clickhouse_server_takes_rows_exactly_once(platform):
    database = f"freshet_{uuid.uuid4().hex[:8]}"
    more = f", user: {os.environ.get('FRESHET_CLICKHOUSE_USER', 'default')}"
    p = platform(text(os.environ["FRESHET_CLICKHOUSE_URL"], database=database, more=more))
    env = {"CH_PASSWORD": os.environ.get("FRESHET_CLICKHOUSE_PASSWORD", "")}
    p.launch("--until-done", "--output", "json", env=env)
    status, out = p.wait()
    try:
        assert status == 0 and json.loads(out)[0]["exact"], p.log()
    finally:
        p.command("sql", "--file", p.file, f"DROP DATABASE IF EXISTS {database} SYNC", env=env)
