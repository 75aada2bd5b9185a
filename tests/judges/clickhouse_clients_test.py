"""ClickHouse's own clients against the ClickHouse port of a running platform."""

import pathlib
import shutil
import subprocess
import urllib.parse

import pytest

import freshet
import sources

CLIENTS = pathlib.Path(__file__).resolve().parent / "clients"
CASES = ["queries", "parameters", "inserts", "streams", "sessions", "errors"]


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    platform = freshet.Platform(tmp_path_factory.mktemp("port"), "platform: port\n").start()
    yield platform.clickhouse
    platform.close()


def fetched(client):
    try:
        return client()
    except sources.Missing as missing:
        pytest.skip(str(missing))


def check(done):
    if done.returncode != 0:
        pytest.fail((done.stderr + done.stdout).strip()[-3000:])


@pytest.mark.parametrize("case", CASES + ["many_at_once"])
def test_clickhouse_connect(port, case):
    site = fetched(sources.clickhouse_connect)
    check(subprocess.run(["/usr/bin/python3", CLIENTS / "clickhouse_connect_client.py",
                          str(urllib.parse.urlsplit(port).port), case], env={"PYTHONPATH": str(site)},
                         capture_output=True, text=True, timeout=150))


@pytest.mark.parametrize("case", CASES)
def test_clickhouse_client_for_node(port, case):
    directory = fetched(sources.clickhouse_client)
    # node.js looks for modules from where the script lies.
    shutil.copy(CLIENTS / "clickhouse_client.mjs", directory)
    check(subprocess.run(["node", "clickhouse_client.mjs", port, case], cwd=directory, capture_output=True, text=True,
                         timeout=150))


def test_clickhouse_jdbc(port):
    directory = fetched(sources.clickhouse_jdbc)
    # Every case in one virtual machine, which compiles the program first.
    check(subprocess.run(["java", "-cp", f"{directory}/lib/*", CLIENTS / "ClickhouseJdbc.java", port, "queries",
                          "parameters", "inserts", "metadata", "errors", "cancels"], capture_output=True, text=True,
                         timeout=300))


@pytest.mark.parametrize("case", ["queries", "parameters", "inserts", "standard", "failures"])
def test_clickhouse_go(port, case):
    program = fetched(sources.clickhouse_go)
    check(subprocess.run([program, urllib.parse.urlsplit(port).netloc, case], capture_output=True, text=True, timeout=150))
