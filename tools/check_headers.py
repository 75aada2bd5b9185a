#!/usr/bin/env python3
"""Every header below src/ compiles by itself: nothing that it needs may come from what was included before it.

A header that some source includes before anything else is proved by the sanitizer build of that source, unless a
precompiled header goes before it, as in tests. The others are compiled here; what passed is remembered by content.
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys

from source_tree import SOURCE, ContentHash, ResultCache, sources

COMMAND = ["clang++-19", "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
           "-Wno-pragma-once-outside-header",
           "-Wno-missing-designated-field-initializers", "-I.", "-x", "c++"]
FIRST_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
PRECOMPILING_MODULE = re.compile(r"freshet_module\((\w+)[^)]*\bPCH\b")


def proved_by_build():
    """Headers that come first in a source which is compiled without a precompiled header."""
    precompiling = PRECOMPILING_MODULE.findall((SOURCE / "CMakeLists.txt").read_text())
    proved = set()
    for path in sources(".cc"):
        if path.stem.endswith("_test"):
            continue
        first = FIRST_INCLUDE.search(path.read_text())
        if path.relative_to(SOURCE).parts[0] not in precompiling and first and first.group(1) == '"':
            proved.add(SOURCE / first.group(2))
    return proved


def compile_alone(path):
    """Compiler output if the header does not stand alone, else None."""
    done = subprocess.run([*COMMAND, str(path)], cwd=SOURCE, capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    jobs = parser.parse_args().jobs
    hashes, cache = ContentHash(" ".join(COMMAND)), ResultCache("headers")
    headers, proved = sources(".h"), proved_by_build()
    alone = [path for path in headers if path not in proved]
    todo = [path for path in alone if not cache.has(path, hashes.of(path))]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for path, output in zip(todo, pool.map(compile_alone, todo)):
            if output is None:
                cache.add(path, hashes.of(path))
            else:
                failed += 1
                print(f"src/{path.relative_to(SOURCE)} does not compile alone:\n{output}")
    cache.save()
    print(f"headers: {len(headers) - len(alone)} proved by the build, {len(alone) - len(todo)} cached, "
          f"{len(todo)} compiled, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
