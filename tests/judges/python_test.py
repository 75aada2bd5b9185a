"""Clients for Python from PyPI: confluent-kafka (a new librdkafka) and aiokafka (a client of its own)."""

import os
import pathlib
import subprocess

import pytest

import sources

JUDGE = "Python clients"
QUICK = ["produce_and_consume", "transactions"]

CLIENTS = {
    f"confluent-kafka {sources.CONFLUENT_PYTHON}":
        (sources.confluent_python, "confluent_python.py",
         ["produce_and_consume", "groups", "groups_cooperative", "transactions", "admin"]),
    f"aiokafka {sources.AIOKAFKA}":
        (sources.aiokafka, "aiokafka_client.py", ["produce_and_consume", "groups", "transactions", "admin"]),
}


@pytest.mark.parametrize("client,case", [
    pytest.param(client, case, marks=[] if case in QUICK else pytest.mark.slow)
    for client, what in CLIENTS.items() for case in what[2]])
def test_client(target, client, case):
    fetch, script, _ = CLIENTS[client]
    try:
        site = fetch()
    except sources.Missing as missing:
        pytest.skip(str(missing))
    try:
        done = subprocess.run(["/usr/bin/python3", pathlib.Path(__file__).parent / "clients" / script, target.address,
                               case, f"{script.split('_')[0]}-{case}"], capture_output=True, text=True, timeout=150,
                              env={**os.environ, "PYTHONPATH": str(site)})
    except subprocess.TimeoutExpired:
        pytest.fail("not over after 150 s")
    if done.returncode != 0:
        pytest.fail(" / ".join(reversed((done.stderr + done.stdout).strip().splitlines()[-6:]))[:600])
