#!/usr/bin/env python3
"""House rules that no compiler knows, run as a test. Prints file:line: what, and how to mend it.

Sizes are a ratchet: files and functions over the look-twice marks are listed in tools/tidy_sizes.json with
the size they may have; they may shrink, never grow. `tidy.py --accept-sizes` rewrites the list, for a review.
"""

import json
import re
import sys

from source_tree import ROOT, tracked_files

LOOK_TWICE = {"header": 300, "source": 700, "test": 1000, "function": 70}
SIZES = ROOT / "tools/tidy_sizes.json"
FILE_BYTES_MAX = 500_000
COLUMNS_MAX = 120  # not of tests: expected text stays on the line it is on

BANNED_NAME = re.compile(r"(^|[_/])(utils?|helpers?|common|misc|manager|stuff|impl2)([_.]|$)", re.IGNORECASE)
# Spelled in pieces so that this file passes its own rules.
LEFTOVER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|\b[Nn]ot implemented\b|\b[Ff]or now\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(work|home/\w+|root|Users/\w+)/")
REGISTRY = re.compile(r"(registry\.npm" r"js\.org|files\.python" r"hosted\.org|deb\.debian" r"\.org)")
SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|time\.sleep|::sleep)\s*\(")
SWALLOWED = re.compile(r"catch \(\.\.\.\)\s*\{\s*\}|except( Exception)?:\s*(pass)?$")
CODE = re.compile(r"\.(h|cc|py|cmake|sh|yaml)$|CMakeLists\.txt$|Makefile$|^scripts/")
TEST = re.compile(r"_test\.cc$|^tests/")
FUNCTION_START = re.compile(r"^[A-Za-z_~][^;]*\{$|^    .*\) (const |noexcept |override )*\{$")
NOT_A_FUNCTION = re.compile(r"^(namespace|class|struct|enum|union|extern|using|constexpr|const|static const|inline const)\b")


def line_findings(name, lines):
    for number, line in enumerate(lines, 1):
        where = f"{name}:{number}"
        if LEFTOVER.search(line):
            yield f"{where}: leftover word: finish it or refuse it with Errc::kUnsupported"
        if MACHINE_PATH.search(line):
            yield f"{where}: path of one machine: make it relative or a parameter"
        if REGISTRY.search(line):
            yield f"{where}: registry host name: go through the registry's ordinary client"
        if SWALLOWED.search(line):
            yield f"{where}: swallowed exception: handle, log and count, or let it go on"
        if TEST.search(name) and SLEEP.search(line) and "tidy: a deadline guards this wait" not in line:
            yield f"{where}: sleep in a test: wait on a condition with a deadline"
        if len(line) > COLUMNS_MAX and CODE.search(name) and "http" not in line and not TEST.search(name):
            yield f"{where}: {len(line)} columns, the limit is {COLUMNS_MAX}"


def file_kind(name):
    if TEST.search(name) and name.endswith((".cc", ".py", ".h")):
        return "test"
    if name.endswith(".h"):
        return "header"
    return "source" if name.endswith((".cc", ".py")) else None


def function_sizes(lines):
    """(name, lines) of functions at namespace scope: what stands between a first-column opening and '}'."""
    start = None
    for number, line in enumerate(lines):
        if start is None and line[:1].strip() and line.endswith("{") and not NOT_A_FUNCTION.match(line):
            start = number
        elif start is not None and line.startswith("}"):
            head = lines[start]
            if "(" not in head:  # the parameters began on an earlier line
                head = " ".join(lines[max(0, start - 3):start + 1])
            match = re.search(r"([\w:~]+|TEST\w*\([^)]*)\(", head)
            yield (match.group(1) if match else head[:40]), number - start + 1
            start = None


def sizes_of(name, lines):
    kind = file_kind(name)
    if kind is None:
        return
    if len(lines) > LOOK_TWICE[kind]:
        yield name, len(lines), LOOK_TWICE[kind]
    if name.endswith(".cc"):
        for function, size in function_sizes(lines):
            if size > LOOK_TWICE["function"]:
                yield f"{name} {function}", size, LOOK_TWICE["function"]


def check_file(name, allowed, seen):
    path = ROOT / name
    if BANNED_NAME.search(path.name):
        yield f"{name}: a name that says nothing: call it after what it holds"
    if path.stat().st_size > FILE_BYTES_MAX:
        yield f"{name}: {path.stat().st_size} bytes: large files are fetched or generated, not committed"
    if not CODE.search(name):
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    if name != "tools/tidy.py":
        yield from line_findings(name, lines)
    for what, size, mark in sizes_of(name, lines):
        seen[what] = size
        limit = allowed.get(what)
        if limit is None:
            yield f"{what}: {size} lines, the look-twice mark is {mark}: split it by kind of state"
        elif size > limit:
            yield f"{what}: grew from {limit} to {size} lines: it may only shrink"


def main():
    accept = sys.argv[1:] == ["--accept-sizes"]
    allowed = json.loads(SIZES.read_text()) if SIZES.is_file() else {}
    findings, seen = [], {}
    for name in tracked_files():
        findings.extend(check_file(name, allowed, seen))
    if accept:
        SIZES.write_text(json.dumps(dict(sorted(seen.items())), indent=1) + "\n")
        print(f"tidy: {len(seen)} sizes accepted")
        return 0
    for line in findings:
        print(line)
    print(f"tidy: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
