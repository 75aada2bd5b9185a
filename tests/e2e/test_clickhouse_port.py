"""ClickHouse's HTTP interface of a running platform, asked by hand; its own clients ask in tests/judges."""

import http.client
import socket
import threading
import time
import urllib.parse
import urllib.request

import pytest

import freshet

PLATFORM = """
platform: port
tables:
  - CREATE TABLE default.seen (a UInt32, b String) ENGINE = MergeTree ORDER BY a
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    p = freshet.Platform(tmp_path_factory.mktemp("port"), PLATFORM).start()
    yield p
    p.close()


def ask(p, sql, body=None, method="POST", **parameters):
    address = urllib.parse.urlsplit(p.clickhouse)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    connection.request(method, "/?" + urllib.parse.urlencode({"query": sql, **parameters}), body)
    reply = connection.getresponse()
    return reply.status, reply.read().decode()


def test_a_cut_insert_never_lands(platform):
    address = urllib.parse.urlsplit(platform.clickhouse)
    target = "/?" + urllib.parse.urlencode({"query": "INSERT INTO seen FORMAT CSV"})
    head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\n"
    rows = "".join(f"{i},cut\n" for i in range(1000))
    for cut in (head + f"Content-Length: {len(rows) * 2}\r\n\r\n{rows}",
                head + f"Transfer-Encoding: chunked\r\n\r\n{len(rows):x}\r\n{rows}\r\n"):
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(cut.encode())
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    assert ask(platform, "SELECT count() FROM seen WHERE b = 'cut'") == (200, "0\n")


def test_a_running_platform_reaches_nothing_outside(platform):
    escape = platform.directory / "escape"
    for sql in ("SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT file('/etc/passwd')",
                f"SELECT 1 INTO OUTFILE '{escape}'", "SELECT * FROM url('http://127.0.0.1:1/')"):
        status, text = ask(platform, sql)
        assert status == 403 and text.startswith("Code: 497."), (sql, text)
    assert not escape.exists()


def test_what_a_client_asked_for_ends_with_it_and_stop_waits_for_nobody(tmp_path):
    p = freshet.Platform(tmp_path, "platform: leaving\n").start()
    try:
        endless = "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(number)"
        address = urllib.parse.urlsplit(p.clickhouse)

        def metric(name):
            text = urllib.request.urlopen(p.api + "/metrics", timeout=10).read().decode()
            return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " ")), 0)

        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(endless)}\r\n\r\n{endless}"
                               .encode())
            freshet.wait_until(lambda: metric("freshet_api_clickhouse_running") == 1, "the statement to run")
        freshet.wait_until(lambda: metric("freshet_api_clickhouse_running") == 0, "it to end with its client")
        assert metric("freshet_api_clickhouse_cancelled_total") == 1

        killed = []
        asker = threading.Thread(target=lambda: killed.append(ask(p, endless, query_id="mine")))
        asker.start()
        freshet.wait_until(lambda: metric("freshet_api_clickhouse_running") == 1, "the statement to run")
        assert ask(p, "KILL QUERY WHERE query_id = 'mine'")[1].startswith("finished\tmine")
        asker.join(20)
        assert killed[0][0] == 500 and killed[0][1].startswith("Code: 394."), killed

        asker = threading.Thread(target=lambda: pytest.raises(Exception, ask, p, endless))
        asker.start()
        freshet.wait_until(lambda: metric("freshet_api_clickhouse_running") == 1, "the statement to run")
        began = time.monotonic()
        p.stop()
        assert time.monotonic() - began < 20
        asker.join(20)
    finally:
        p.close()


def test_the_port_can_be_closed_and_have_a_password(tmp_path):
    p = freshet.Platform(tmp_path, "platform: shut\nservices: { clickhouse: { embedded: { http: false } } }\n").start()
    try:
        assert p.clickhouse == "off"
    finally:
        p.close()
    p = freshet.Platform(tmp_path, "platform: shut\nservices: { clickhouse: { embedded: { password: \"${CH_PASSWORD}\", "
                                   "result_rows: 5 } } }\n").start(env={"CH_PASSWORD": "open sesame"})
    try:
        assert ask(p, "SELECT 1")[0] == 403
        assert ask(p, "SELECT 1", user="default", password="open sesame") == (200, "1\n")
        status, text = ask(p, "SELECT number FROM numbers(100000)", user="default", password="open sesame")
        assert status == 500 and text.startswith("Code: 396."), text
        assert "sesame" not in p.log()
    finally:
        p.close()
