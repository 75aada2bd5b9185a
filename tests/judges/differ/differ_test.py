"""The same requests, in every advertised version of every API, to Apache Kafka and to us; the answers are compared.

Apache Kafka's answers stand in answers/ (record.py makes them), with ids, times, addresses and wording masked. Where
ours differ, differences.json says which, and why; a difference that is not there fails, and so does an entry that
explains nothing any more. With Apache Kafka as the target, its answers are compared with the recorded ones.
"""

import fnmatch
import json
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import conversation  # noqa: E402
import record  # noqa: E402
import sources  # noqa: E402
import wire_schema  # noqa: E402

JUDGE = "Differ: answers of every API and version"
KAFKA = record.KAFKA
DIFFERENCES = json.loads((HERE / "differences.json").read_text())
APIS = sorted(conversation.CONVERSATIONS)


@pytest.fixture
def advertised(target):
    """{api: versions} by ApiVersions itself; the coordinators are ready."""
    try:
        wire_schema.messages()
    except sources.Missing as missing:
        pytest.skip(str(missing))
    conversation.await_coordinators(target.address)
    link = conversation.Connection(target.address)
    keys = link.call("ApiVersions", 3, clientSoftwareName="differ", clientSoftwareVersion="1")["apiKeys"]
    link.close()
    return {wire_schema.api_name(each["apiKey"]): range(each["minVersion"], each["maxVersion"] + 1) for each in keys}


@pytest.mark.parametrize("api", APIS)
def test_answers(target, advertised, api):
    if api not in advertised:
        pytest.skip("not advertised")
    found, used = [], set()
    for case, groups in record.load(api).items():
        for group in groups:
            for version in group["versions"]:
                steps = conversation.hold(target.address, api, case, version)
                for path, kafka, ours in differences(group["steps"], steps):
                    entry = None if target.name == "kafka" else explanation(api, case, version, path, ours)
                    if entry is None:
                        found.append(f"{case} version {version}: {path}: Apache Kafka {kafka!r}, here {ours!r}")
                    used.add(entry)
    if target.name != "kafka":
        found += [f"differences.json explains nothing here any more: {entry}" for index, entry in enumerate(DIFFERENCES)
                  if entry["api"] == api and index not in used]
    assert not found, f"{len(found)} unexplained\n" + "\n".join(found[:60])


def test_every_advertised_version_is_asked(target, advertised):
    """And no range of ours goes beyond Apache Kafka's, whose own are in its answers."""
    asked = {api: {version for groups in record.load(api).values() for group in groups for version in group["versions"]}
             for api in APIS}
    mine = {api: range(first, last + 1) for api, (first, last) in conversation.RANGES.items()}
    missing = [f"{api} {version}" for api, versions in mine.items() if api in advertised for version in versions
               if version not in asked.get(api, ())]
    assert not missing, missing
    beyond = [f"{api}: {versions}" for api, versions in mine.items()
              if api in advertised and not set(versions) <= set(advertised[api])]
    assert not beyond, beyond


def explanation(api, case, version, path, ours):
    for index, entry in enumerate(DIFFERENCES):
        if (entry["api"] in (api, "*") and fnmatch.fnmatchcase(case, entry.get("case", "*"))
                and version in range(entry.get("from", 0), entry.get("to", 99) + 1)
                and any(fnmatch.fnmatchcase(path, each) for each in entry["paths"])
                and ("ours" not in entry or entry["ours"] == ours)):
            return index
    return None


ABSENT = "absent"


def differences(kafka, ours, path=""):
    """Leaves that differ: (path, Apache Kafka's, ours). Steps go by their label."""
    if isinstance(kafka, list) and isinstance(ours, list):
        if all(isinstance(each, dict) and "step" in each for each in kafka + ours):
            labels = [each["step"] for each in kafka]
            kafka = {each["step"]: each["answer"] for each in kafka}
            ours = {each["step"]: each["answer"] for each in ours}
            assert len(kafka) == len(labels), f"two steps have the same label: {labels}"
        else:
            kafka, ours = dict(enumerate(kafka)), dict(enumerate(ours))
    if isinstance(kafka, dict) and isinstance(ours, dict):
        for key in [*kafka, *(key for key in ours if key not in kafka)]:
            yield from differences(kafka.get(key, ABSENT), ours.get(key, ABSENT), f"{path}/{key}" if path else str(key))
    elif kafka != ours:
        yield path, kafka, ours
