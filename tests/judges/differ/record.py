"""Asks Apache Kafka and writes its masked answers to answers/: python3 tests/judges/differ/record.py [Api ...]."""

import json
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent.parent / "e2e"), str(HERE.parent.parent / "support")]

import conversation  # noqa: E402
import kafka_node  # noqa: E402
import talks_cluster  # noqa: E402,F401
import talks_groups  # noqa: E402,F401
import talks_records  # noqa: E402,F401
import talks_topics  # noqa: E402,F401
import talks_transactions  # noqa: E402,F401

ANSWERS = HERE / "answers"
# One partition behind groups and transactions is enough and quick; members need not wait for others.
KAFKA = {"group_initial_rebalance_delay_ms": "0", "offsets_topic_num_partitions": "1",
         "transaction_state_log_num_partitions": "1", "num_partitions": "1"}


def all_of(address, api, only=None):
    """{case: [{"versions": [...], "steps": [...]}]}: versions with the same steps stand together."""
    cases = {}
    for case, function in conversation.CONVERSATIONS[api].items():
        groups = cases.setdefault(case, [])
        for version in function.versions:
            if only is not None and version not in only:
                continue
            steps = conversation.hold(address, api, case, version)
            same = next((each for each in groups if each["steps"] == steps), None)
            if same:
                same["versions"].append(version)
            else:
                groups.append({"versions": [version], "steps": steps})
    return cases


def load(api):
    return json.loads((ANSWERS / f"{api}.json").read_text())


def save(api, cases):
    ANSWERS.mkdir(exist_ok=True)
    # One step per line: small, and a changed answer is one changed line.
    text = ["{"]
    for case, groups in cases.items():
        text.append(f' {json.dumps(case)}: [')
        for group in groups:
            text.append(f'  {{"versions": {group["versions"]}, "steps": [')
            text.append(",\n".join("   " + json.dumps(step, ensure_ascii=False) for step in group["steps"]))
            text.append("  ]}" + ("" if group is groups[-1] else ","))
        text.append(" ]" + ("" if case == list(cases)[-1] else ","))
    (ANSWERS / f"{api}.json").write_text("\n".join([*text, "}"]) + "\n")


def main():
    with tempfile.TemporaryDirectory() as directory:
        node = kafka_node.KafkaNode(directory).start(**KAFKA)
        try:
            conversation.await_coordinators(node.address)
            for api in sys.argv[1:] or sorted(conversation.CONVERSATIONS):
                save(api, all_of(node.address, api))
                print(api, flush=True)
        finally:
            node.close()


if __name__ == "__main__":
    main()
