#!/usr/bin/env python3
"""Runs clang-tidy over the project's C++ sources; what passed is remembered by content of the file and its headers.

With --budget SECONDS no new file is begun after that time. What changed last comes first, what is left over is
counted, never called clean, and waits for a later run (`make tidy` and `make test-all` have no budget).
Needs the aids that `scripts/build tidy clang_tidy_aids` makes (cmake/clang_tidy.cmake).
"""

import argparse
import concurrent.futures
import os
import subprocess
import sys
import time

from source_tree import ROOT, ContentHash, ResultCache, latest_changes, tracked_files

BUILD = ROOT / "build/tidy"
PLUGIN = BUILD / "own_code_only.so"
OUTSIDE_HEADERS = BUILD / "CMakeFiles/outside_headers.dir/cmake_pch.hxx.pch"
COMMAND = ["clang-tidy-19", "--quiet", f"-p={BUILD}", f"--load={PLUGIN}", "--extra-arg=-include-pch",
           f"--extra-arg={OUTSIDE_HEADERS}"]
RULES = [".clang-tidy", "cmake/clang_tidy.cmake", "tools/clang_tidy/own_code_only.cc"]


def check(path):
    """clang-tidy's findings, or None if there are none."""
    done = subprocess.run([*COMMAND, str(path)], capture_output=True, text=True)
    return None if done.returncode == 0 else done.stdout + done.stderr


def all_sources():
    return [ROOT / name for name in tracked_files() if name.endswith(".cc") and not name.startswith("tools/")]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds")
    parser.add_argument("files", nargs="*", help="default: every .cc file of src, tests and bench")
    arguments = parser.parse_args()
    for needed in (BUILD / "compile_commands.json", PLUGIN, OUTSIDE_HEADERS):
        if not needed.is_file():
            sys.exit(f"clang_tidy: {needed.relative_to(ROOT)} is missing; run: scripts/build tidy clang_tidy_aids")

    hashes = ContentHash("".join((ROOT / name).read_text() for name in RULES))
    cache = ResultCache("clang_tidy")
    files = [(ROOT / name).resolve() for name in arguments.files] or all_sources()
    todo = [path for path in files if not cache.has(path, hashes.of(path))]
    changed = latest_changes()
    todo.sort(key=lambda path: min(changed(each) for each in hashes.reach(path)))
    deadline = time.monotonic() + arguments.budget
    failed = checked = 0

    def check_in_time(path):
        return (False, None) if time.monotonic() > deadline else (True, check(path))

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for path, (ran, output) in zip(todo, pool.map(check_in_time, todo)):
            if not ran:
                continue
            checked += 1
            if output is None:
                cache.add(path, hashes.of(path))
                cache.save()  # what is known survives an interruption
            else:
                failed += 1
                print(f"{path.relative_to(ROOT)}:\n{output}", flush=True)
    print(f"clang-tidy: {len(files) - len(todo)} cached, {checked} checked, {failed} failed, "
          f"{len(todo) - checked} left for `make tidy`")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
