"""A broker that dies again and again under clients of librdkafka, and the verdict over all they saw.

HISTORY_ROUNDS (default 10) deaths in all, in runs of at most 250 over one data directory each; HISTORY_SEED is
the first run's seed. How a round goes: tests/history/main.cc; what is judged: tests/history/checker.h. A failed
run leaves its history and the log of the broker in the test's directory.
"""

import os
import subprocess

import pytest

from freshet import ROOT

ROUNDS = int(os.environ.get("HISTORY_ROUNDS", "10"))
SEED = int(os.environ.get("HISTORY_SEED", "1"))
ROUNDS_OF_ONE_RUN = 250
BUILD = ROOT / "build/release/tests"
BROKER = os.environ.get("FRESHET_BROKER", BUILD / "support/broker_for_tests")
DRIVER = os.environ.get("FRESHET_HISTORY", BUILD / "history/broker_history")


def can_mount():
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


@pytest.mark.parametrize("run", range(-(-ROUNDS // ROUNDS_OF_ONE_RUN)))
def test_no_death_loses_or_doubles_anything(run, tmp_path):
    rounds = min(ROUNDS_OF_ONE_RUN, ROUNDS - run * ROUNDS_OF_ONE_RUN)
    # A full disk needs a file system of its own, in a namespace that takes it along when it ends.
    namespace = ["unshare", "--mount"] if can_mount() else ["unshare", "--user", "--map-root-user", "--mount"]
    command = [*namespace, DRIVER, "run", BROKER, tmp_path, f"rounds={rounds}", f"seed={SEED + run}", "disk_full=1"]
    if subprocess.run([*namespace, "mount", "-t", "tmpfs", "tmpfs", tmp_path], capture_output=True).returncode != 0:
        command = [*command[len(namespace):-1], "disk_full=0"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120 + 6 * rounds)
    print(done.stdout)
    assert done.returncode == 0, f"{done.stdout[-4000:]}{done.stderr[-4000:]}"
