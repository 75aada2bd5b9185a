#!/usr/bin/env python3
"""Runs clang-tidy over the sources; what passed is remembered by content of the file and its headers.

With --budget SECONDS no new file is begun after that time: newest changes first, the rest is left to a later
run (`make tidy` and `make test-all` have no budget). Needs the compile database of the tidy preset.

--held looks only at the files of tools/clang_tidy_held.txt, which are held clean by `make test`. The list only
grows: `make tidy` looks at every file and names those that are not clean yet.
"""

import argparse
import concurrent.futures
import os
import subprocess
import sys
import time

from source_tree import ROOT, SOURCE, ContentHash, ResultCache, sources

DATABASE = ROOT / "build/tidy"


def check(path):
    """clang-tidy's findings, or None if there are none."""
    done = subprocess.run(["clang-tidy-19", "--quiet", f"-p={DATABASE}", str(path)],
                          capture_output=True, text=True)
    return None if done.returncode == 0 else done.stdout + done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds")
    parser.add_argument("--held", action="store_true", help="only the files that are held clean")
    parser.add_argument("files", nargs="*", help="default: every source below src/")
    arguments = parser.parse_args()
    if not (DATABASE / "compile_commands.json").is_file():
        sys.exit("clang_tidy: no compile database; run: cmake --preset tidy")

    hashes, cache = ContentHash((ROOT / ".clang-tidy").read_text()), ResultCache("clang_tidy")
    names = arguments.files
    if arguments.held:
        names = (ROOT / "tools/clang_tidy_held.txt").read_text().split()
    files = [(ROOT / name).resolve() for name in names] or sources(".cc")
    todo = [path for path in files if not cache.has(path, hashes.of(path))]
    todo.sort(key=lambda path: path.stat().st_mtime, reverse=True)
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
            else:
                failed += 1
                print(f"src/{path.relative_to(SOURCE)}:\n{output}")
    cache.save()
    print(f"clang-tidy: {len(files) - len(todo)} cached, {checked} checked, {failed} failed, "
          f"{len(todo) - checked} left for `make tidy`")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
