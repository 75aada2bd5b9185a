#!/usr/bin/env python3
"""Compiles every header below src/ by itself; what passed is remembered by content."""

import argparse
import concurrent.futures
import os
import subprocess
import sys

from source_tree import SOURCE, ContentHash, ResultCache, sources

COMMAND = ["clang++-19", "-std=c++23", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
           "-Wno-pragma-once-outside-header",
           "-Wno-missing-designated-field-initializers", f"-I{SOURCE}", "-x", "c++"]


def compile_alone(path):
    """Compiler output if the header does not stand alone, else None."""
    done = subprocess.run([*COMMAND, str(path)], capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    jobs = parser.parse_args().jobs
    hashes, cache = ContentHash(" ".join(COMMAND)), ResultCache("headers")
    headers = sources(".h")
    todo = [path for path in headers if not cache.has(path, hashes.of(path))]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for path, output in zip(todo, pool.map(compile_alone, todo)):
            if output is None:
                cache.add(path, hashes.of(path))
            else:
                failed += 1
                print(f"src/{path.relative_to(SOURCE)} does not compile alone:\n{output}")
    cache.save()
    print(f"headers: {len(headers)} checked, {len(headers) - len(todo)} of them cached, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
