"""What the judges said, and the table of it in tests/e2e/README.md.

results.json holds for every judge and test the last verdict for us and for Apache Kafka: pass, fail or skip, with
seconds and, where there is one, the reason. A run replaces only the verdicts of what it ran.
`python3 tests/judges/results.py` writes the table anew.
"""

import fcntl
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
STORE = HERE / "results.json"
README = HERE.parent / "e2e/README.md"
TARGETS = {"freshet": "Freshet", "kafka": "Apache Kafka"}

INTRODUCTION = """# What foreign judges say about the broker

Test suites, tools and clients that others wrote, fetched from package registries, run unchanged against Freshet and
against one node of Apache Kafka 4.3.1 on the same machine. `make judges` runs them all and writes this page;
`make test` runs a slice against Freshet, `make test-all` everything that this machine can fetch and build.
How each judge is fetched and built: `tests/judges/sources.py`.

"""


LEFT_OUT = """
## Left out

| what | why |
|---|---|
| librdkafka 0016 | reads Apache Kafka's JMX beans |
| librdkafka 0052 | sends Produce below version 3, which Apache Kafka 4 dropped too |
| librdkafka 0081, 0098, 0113 | fail on Apache Kafka 4.3.1 itself, in parts, for reasons not understood |
| librdkafka 0092 | alters message.format.version, which Apache Kafka 4 dropped |
| librdkafka 0109, 0115, 0119 | need ACLs |
| franz-go: the 118 other tests of `pkg/kgo` | do not touch a broker |
| librdkafka 2.15.1: 0016, 0081, 0092, 0098, 0101, 0109, 0113, 0115, 0119 | as above; 0081 needs ACLs too, 0101 three racks |
| librdkafka 2.15.1: 0126, 0135, 0142 | need a server for OAuth or a listener with SASL |
| librdkafka 2.15.1: 0028, 0047, 0107, 0111 | issues of the library itself; a broker that makes no topics on demand |
| librdkafka 2.15.1: 0170 and above | share groups, which are not offered |
| danielqsj/kafka_exporter | refused by the Go module proxy; its copy grafana/kafka_exporter is judged instead |
"""


def record(verdicts):
    """Merges {judge: {test: {target: {verdict, seconds, reason}}}} into the store."""
    with open(HERE / ".results.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stored = load()
        for judge, tests in verdicts.items():
            for test, targets in tests.items():
                stored.setdefault(judge, {}).setdefault(test, {}).update(targets)
        STORE.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
    (HERE / ".results.lock").unlink(missing_ok=True)


def load():
    return json.loads(STORE.read_text()) if STORE.exists() else {}


def cell(verdict):
    if verdict is None:
        return "not run"
    text = verdict["verdict"]
    return f"{text} {verdict['seconds']} s" if text != "skip" else text


def count(tests, target):
    verdicts = [test[target]["verdict"] for test in tests.values() if target in test]
    ran = [verdict for verdict in verdicts if verdict != "skip"]
    return f"{ran.count('pass')} of {len(ran)}" if ran else "not run"


def table(stored):
    lines = ["| judge | tests | passed by Freshet | passed by Apache Kafka |", "|---|---|---|---|"]
    for judge, tests in sorted(stored.items()):
        lines.append(f"| {judge} | {len(tests)} | {count(tests, 'freshet')} | {count(tests, 'kafka')} |")
    for judge, tests in sorted(stored.items()):
        lines += ["", f"## {judge}", "", "| test | Freshet | Apache Kafka | why not |", "|---|---|---|---|"]
        for test, targets in sorted(tests.items()):
            reasons = "; ".join(f"{TARGETS[target]}: {targets[target]['reason']}" for target in TARGETS
                                if targets.get(target, {}).get("reason"))
            lines.append(f"| {test} | {cell(targets.get('freshet'))} | {cell(targets.get('kafka'))} | "
                         f"{reasons.replace('|', '/')} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    README.write_text(INTRODUCTION + table(load()) + LEFT_OUT)
    print(f"{README.relative_to(HERE.parent.parent)}: {len(load())} judges")
