"""What people and tools do to topic, group and table behind a pipeline's back: said in a sentence, and nothing is
written twice or lost because of it."""

import json

import pytest

import freshet

TEXT = """
platform: outside
topics: { rows: { partitions: 2 } }
tables:
  - CREATE TABLE t.rows (id UInt32, name String) ENGINE = MergeTree PARTITION BY intDiv(id, 50) ORDER BY id
pipelines:
  rows: { from: rows, decode: json, to: { clickhouse: { table: t.rows } }, flush: { after: 20ms } }
"""
GROUP = "freshet.outside.rows"


def produce(p, first, count, partition=0):
    lines = "".join(json.dumps({"id": first + i, "name": f"n{first + i}"}) + "\n" for i in range(count))
    freshet.run("produce", "rows", "--brokers", p.kafka, "--partition", partition, stdin=lines)


def filled(platform, count=100):
    p = platform(TEXT).start()
    produce(p, 0, count)
    p.wait_caught_up("rows", count)
    return p


def wait_failed(p):
    return freshet.wait_until(lambda: (s := p.pipeline("rows"))["state"] == "failed" and s["failure"],
                              "the pipeline to stop by itself", 40)


def exact(p, records):
    verdict = p.verify()[0]
    assert verdict["exact"] and verdict["records"] == records, verdict
    assert p.sql("SELECT count(), uniqExact(id) FROM t.rows")[0] == [str(records)] * 2


def reset(p, platform, *arguments):
    """With the pipeline stopped, as Kafka demands; the log served by a platform without pipelines."""
    assert p.stop() in (0, 1)
    broker = platform("platform: outside", "broker")
    broker.data_dir = p.data_dir
    broker.start()
    freshet.run("group", *arguments, "--brokers", broker.kafka)
    assert broker.stop() == 0


def test_a_dropped_partition_is_found_offset_by_offset_and_put_back(platform):
    p = filled(platform)
    p.sql("ALTER TABLE t.rows DROP PARTITION 1")  # ids 50 to 99
    produce(p, 100, 10)
    p.wait_caught_up("rows", 110)
    assert p.verify(status=1)[0]["missing"] == 50
    assert "missing in rows-0: 50-99 (50 offsets)" in p.command("verify", status=1).stdout
    p.command("repair", "--file", p.file)
    exact(p, 110)
    assert p.stop() == 0


def test_a_table_that_is_created_again_while_it_stands_is_told_of_and_repaired(platform):
    p = filled(platform)
    assert p.stop() == 0
    p.command("sql", "--file", p.file, "DROP TABLE t.rows SYNC")
    p.start()
    produce(p, 100, 10)
    p.wait_caught_up("rows", 10)
    assert "was it created again, or emptied?" in p.log(), p.log()
    assert p.verify(status=1)[0]["missing"] == 100
    p.command("repair", "--file", p.file)
    exact(p, 110)
    assert p.stop() == 0


def test_a_table_that_is_dropped_while_it_runs_stops_the_pipeline_with_a_sentence(platform):
    p = filled(platform)
    p.sql("DROP TABLE t.rows SYNC")
    produce(p, 100, 10)
    failure = wait_failed(p)
    assert "t.rows" in failure, failure
    assert p.stop() == 1
    p.start()  # makes the table again
    p.wait_caught_up("rows", 10)
    p.command("repair", "--file", p.file)
    exact(p, 110)
    assert p.stop() == 0


@pytest.mark.slow  # it is looked at every ten seconds
def test_a_table_that_is_created_again_while_it_runs_is_seen(platform):
    p = filled(platform)
    ddl = p.command("sql", "--format", "TabSeparatedRaw",
                    "SELECT create_table_query FROM system.tables WHERE database = 't' AND name = 'rows'").stdout
    p.sql("DROP TABLE t.rows SYNC")
    p.command("sql", ddl)
    sent = 100

    def failed():
        nonlocal sent
        if (status := p.pipeline("rows"))["state"] == "failed":
            return status["failure"]
        produce(p, sent, 1)
        sent += 1
        return None
    failure = freshet.wait_until(failed, "the other table to be seen", 40)
    assert "was dropped and created again" in failure and "freshet repair" in failure, failure
    assert p.stop() == 1
    p.start()
    freshet.wait_until(lambda: p.pipeline("rows")["caught_up"], "the rest to be written")
    p.command("repair", "--file", p.file)
    exact(p, sent)
    assert p.stop() == 0


def test_a_topic_that_is_created_again_stops_the_pipeline_with_a_sentence(platform):
    p = filled(platform)
    freshet.run("topic", "delete", "rows", "--brokers", p.kafka)
    freshet.run("topic", "create", "rows", "--partitions", 2, "--brokers", p.kafka)
    produce(p, 1000, 10)
    for _ in range(2):
        # The broker has dropped the group's position with the topic, as Kafka does.
        failure = wait_failed(p)
        assert "those of an older topic of that name" in failure and "delete those rows" in failure, failure
        assert p.stop() == 1
        p.start()
    assert p.value("SELECT count() FROM t.rows") == "100"
    p.sql("TRUNCATE TABLE t.rows")
    assert p.stop() == 1
    p.start()
    p.wait_caught_up("rows", 10)
    exact(p, 10)
    assert p.stop() == 0


def test_a_group_that_a_tool_set_back_compares_before_it_writes(platform):
    p = filled(platform)
    reset(p, platform, "reset", GROUP, "--to", "beginning", "--execute")
    p.start()
    produce(p, 100, 10)
    freshet.wait_until(lambda: p.pipeline("rows")["caught_up"], "everything to be compared")
    assert "are compared with table t.rows before they are written" in p.log(), p.log()
    exact(p, 110)
    assert p.stop() == 0


def test_a_group_that_a_tool_set_forward_is_told_what_it_skips(platform):
    p = filled(platform)
    p.sql("ALTER TABLE t.rows DELETE WHERE id >= 90 SETTINGS mutations_sync = 2")
    reset(p, platform, "reset", GROUP, "--to", "latest", "--execute")
    p.start()
    produce(p, 100, 10)
    p.wait_caught_up("rows", 10)
    assert "holds no row of offsets 90-99" in p.log() and "set the position to 90" in p.log(), p.log()
    reset(p, platform, "reset", GROUP, "--topic", "rows", "--to", "90", "--execute")
    p.start()
    freshet.wait_until(lambda: p.pipeline("rows")["caught_up"], "everything to be compared")
    verdict = p.verify()[0]
    assert verdict["exact"] and verdict["records"] == 20, f"proven from offset 90 on: {verdict}"
    assert p.sql("SELECT count(), uniqExact(id) FROM t.rows")[0] == ["110"] * 2
    assert p.stop() == 0


def test_a_group_that_was_deleted_is_refused_with_the_way_on(platform):
    p = filled(platform)
    reset(p, platform, "delete", GROUP, "--execute")
    p.start()
    failure = wait_failed(p)
    assert "has no position" in failure and "--reset-offsets" in failure, failure
    reset(p, platform, "reset", GROUP, "--topic", "rows", "--to", "beginning", "--execute")
    p.start()
    produce(p, 100, 10)
    freshet.wait_until(lambda: p.pipeline("rows")["caught_up"], "everything to be compared")
    exact(p, 110)
    assert p.stop() == 0


def test_a_changed_definition_goes_on_exactly_once_after_a_kill(platform):
    p = platform(TEXT).start(env={"FRESHET_CRASH_AT": "after_insert:3"})
    for number in range(20):
        try:
            produce(p, number * 10, 10)
        except AssertionError:
            break
    p.process.wait(30)
    p.close()
    p.file.write_text(TEXT.replace("flush:", "columns: { name: note }, flush:"))
    p.start()
    freshet.wait_until(lambda: p.pipeline("rows")["caught_up"], "the rest to be written")
    assert "the pipeline's definition changed since offset" in p.log(), p.log()
    verdict = p.verify()[0]
    assert verdict["exact"], verdict
    assert p.stop() == 0


def test_a_definition_that_no_longer_fits_the_table_says_why_it_cannot_go_on(platform):
    p = filled(platform)
    assert p.stop() == 0
    p.file.write_text(TEXT.replace("flush:", "columns: { ghost: id }, flush:"))
    p.launch()
    status, _ = p.wait(30)
    assert status == 1 and "no column ghost" in p.log(), p.log()
    p.file.write_text(TEXT)
    p.start()
    produce(p, 100, 10)
    p.wait_caught_up("rows", 10)
    exact(p, 110)
    assert p.stop() == 0
