"""clickhouse-connect against an HTTP port: clickhouse_connect_client.py PORT CASE. Ends with 0 if all is as with ClickHouse."""

import datetime
import decimal
import gzip
import io
import ipaddress
import sys
import threading
import uuid

import clickhouse_connect
import lz4.frame
from backports import zstd
from clickhouse_connect.driver.exceptions import DatabaseError, Error

DAY = datetime.datetime(2026, 11, 21, 12, 0, 0, 5000)


def raises(code, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except DatabaseError as error:
        assert str(code) in str(error), error
        return
    raise AssertionError(f"no error {code}")


def queries(client):
    assert client.ping() and client.server_version.startswith("26.7")
    assert client.query("SELECT 1, 'x'").result_rows == [(1, "x")]
    empty = client.query("SELECT number AS n FROM numbers(0)")
    assert empty.result_rows == [] and client.command("SELECT 7") == 7
    assert client.query("SHOW TABLES FROM default").result_rows is not None
    assert client.query("SELECT number FROM numbers(1000000)").row_count == 1_000_000
    assert client.query("EXPLAIN SELECT 1").row_count > 0
    assert client.query("DESCRIBE TABLE system.one").first_item["name"] == "dummy"


def parameters(client):
    def ask(sql, **values):
        return client.query(sql, parameters=values).result_rows
    assert ask("SELECT {n:UInt32} + 1, {s:String}", n=41, s="it's \\ a\ttab\nand a line") == \
        [(42, "it's \\ a\ttab\nand a line")]
    assert ask("SELECT {a:Array(String)}, {b:Array(Nullable(Int8))}", a=["x'y", "z"], b=[1, None]) == \
        [(["x'y", "z"], [1, None])]
    assert ask("SELECT {d:DateTime}, {o:Nullable(UInt8)}", d=datetime.datetime(2026, 1, 2, 3, 4, 5), o=None) == \
        [(datetime.datetime(2026, 1, 2, 3, 4, 5), None)]
    assert ask("SELECT name FROM {d:Identifier}.{t:Identifier} WHERE name = 'numbers'", d="system", t="tables") == \
        [("numbers",)]
    assert ask("SELECT number FROM numbers(9) WHERE number < %(n)s", n=3) == [(0,), (1,), (2,)]
    assert ask("SELECT %(s)s", s="O'Neill") == [("O'Neill",)]


def inserts(client):
    client.command("CREATE TABLE py (a UInt32, b String, c Nullable(Float64), d DateTime64(3), e Array(String), "
                   "f LowCardinality(String), g Decimal(18, 4), h UUID, i IPv4, j Map(String, Int64), "
                   "k Tuple(x Int8, y String), l Enum8('one' = 1, 'two' = 2)) ENGINE = MergeTree ORDER BY a")
    key = uuid.UUID("12345678-1234-5678-1234-567812345678")

    def row(i):
        return [i, f"row {i}", None if i % 2 else i / 4, DAY, ["x", str(i)], f"f{i % 3}", decimal.Decimal("1.2500"), key,
                ipaddress.IPv4Address("10.0.0.1"), {"k": i}, {"x": 1, "y": "z"}, "two"]
    summary = client.insert("py", [row(i) for i in range(20_000)])
    assert summary.written_rows == 20_000, summary.summary
    assert client.query("SELECT count(), sum(a) FROM py").result_rows == [(20_000, 199_990_000)]
    found = client.query("SELECT * FROM py WHERE a = 7").result_rows[0]
    assert list(found) == row(7), found
    for compression in ("lz4", "zstd", "gzip", None):
        client.raw_insert("py", ["a", "b", "d", "h", "i", "l"], packed(compression), fmt="CSV", compression=compression)
    assert client.command("SELECT count() FROM py WHERE a = 30000") == 4
    client.insert("py", [[1, "named"]], column_names=["a", "b"])
    assert client.command("SELECT count() FROM py WHERE b = 'named'") == 1
    raises(16, client.raw_insert, "py", ["nobody"], b"1\n", fmt="CSV")
    client.command("DROP TABLE py")


def packed(compression):
    row = b"30000,raw,2026-11-21 12:00:00,12345678-1234-5678-1234-567812345678,10.0.0.1,one\n"
    if compression is None:
        return row
    if compression == "gzip":
        return gzip.compress(row)
    if compression == "lz4":
        return lz4.frame.compress(row)
    return zstd.compress(row)


def streams(client):
    with client.query_row_block_stream("SELECT number FROM numbers(3000000)") as stream:
        assert sum(len(block) for block in stream) == 3_000_000
    with client.query_rows_stream("SELECT number, toString(number) FROM numbers(100000)") as stream:
        assert sum(1 for _ in stream) == 100_000
    assert client.raw_query("SELECT 1 AS x", fmt="JSONEachRow") == b'{"x":1}\n'
    with client.raw_stream("SELECT number FROM numbers(500000)", fmt="CSV") as stream:
        assert io.TextIOWrapper(stream).read().count("\n") == 500_000


def sessions(client):
    client.command("CREATE TEMPORARY TABLE mine (a UInt8)")
    client.insert("mine", [[1], [2]], column_names=["a"])
    assert client.command("SELECT count() FROM mine") == 2
    client.command("SET max_threads = 2")
    assert client.command("SELECT getSetting('max_threads')") == 2
    assert client.query("SELECT getSetting('max_threads')", settings={"max_threads": 3}).first_row == (3,)
    assert client.command("SELECT getSetting('max_threads')") == 2
    stranger = clickhouse_connect.get_client(host="127.0.0.1", port=client._port)
    raises(60, stranger.query, "SELECT count() FROM mine")
    stranger.close()


def errors(client):
    raises(60, client.query, "SELECT * FROM not_there")
    raises(62, client.query, "SELEC 1")
    raises(497, client.query, "SELECT * FROM file('/etc/passwd')")
    raises(395, client.query, "SELECT throwIf(number = 2000000) FROM numbers(3000000)")
    # In the middle of an answer.
    try:
        with client.query_row_block_stream("SELECT number, throwIf(number = 2900000) FROM numbers(3000000)",
                                           settings={"max_block_size": 65536, "max_threads": 1}) as stream:
            rows = sum(len(block) for block in stream)
    except Error as error:
        assert "395" in str(error), repr(error)
    else:
        raise AssertionError(f"{rows} rows and no error")
    assert client.command("SELECT 1") == 1


def many_at_once(client):
    found = []

    def ask(i):
        mine = clickhouse_connect.get_client(host="127.0.0.1", port=client._port)
        found.append(mine.query("SELECT sum(number) FROM numbers({n:UInt64})", parameters={"n": i}).first_row[0])
        mine.close()
    askers = [threading.Thread(target=ask, args=(i,)) for i in range(24)]
    for each in askers:
        each.start()
    for each in askers:
        each.join()
    assert sorted(found) == sorted(i * (i - 1) // 2 for i in range(24))


CASES = {case.__name__: case for case in (queries, parameters, inserts, streams, sessions, errors, many_at_once)}

if __name__ == "__main__":
    for compress in (True, False, "gzip", "zstd"):
        one = clickhouse_connect.get_client(host="127.0.0.1", port=int(sys.argv[1]), compress=compress)
        one._port = int(sys.argv[1])
        CASES[sys.argv[2]](one)
        one.close()
