"""Drives the real program from tests: single commands, and a platform that runs until told otherwise.

A failed command shows the command, its exit status and the tail of its log. Nothing sleeps: wait_until()
asks a condition again and again until its deadline.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = pathlib.Path(os.environ.get("FRESHET_PROGRAM", ROOT / "build/freshet"))
READY = re.compile(r"is ready after ([\d.]+) s: kafka=(\S+) api=(\S+) data=(\S+) clickhouse=(\S+)")


def wait_until(condition, what, seconds=20.0):
    """The condition's first true value; fails with `what` when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.02)  # tidy: a deadline guards this wait


def run(*arguments, status=0, stdin=None, env=None, timeout=60, cwd=None):
    """Runs `freshet arguments...` to its end; status=None accepts any."""
    command = [str(PROGRAM), *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, cwd=cwd,
                          env={**os.environ, **(env or {})})
    if status is not None and done.returncode != status:
        raise AssertionError(f"{' '.join(command)}\nexit status {done.returncode}, expected {status}\n"
                             f"stdout: {done.stdout[-2000:]}\nstderr: {done.stderr[-4000:]}")
    return done


class Platform:
    """One data directory and platform file; start() and stop() as often as a test likes."""

    def __init__(self, directory, text):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.file = self.directory / "platform.yaml"
        self.file.write_text(text)
        self.data_dir = self.directory / "data"
        self.process = None
        self.kafka = self.api = self.clickhouse = self.ready_seconds = None
        self._log = []

    # Life -------------------------------------------------------------------------------------------
    def launch(self, *arguments, env=None):
        """Starts the process without waiting for anything."""
        self._log = []
        command = [str(PROGRAM), "up", str(self.file), "--data-dir", str(self.data_dir), "--port-offset", "0",
                   *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(env or {})})
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        return self

    def start(self, *arguments, env=None, seconds=30):
        self.launch(*arguments, env=env)
        ready = wait_until(lambda: self._ready() or self.process.poll() is not None, "the platform to be ready",
                           seconds)
        if ready is True:
            self._reader.join(10)
            raise AssertionError(f"the platform ended with {self.process.returncode}:\n{self.log()}")
        self.ready_seconds = float(ready.group(1))
        self.kafka, self.api, self.clickhouse = ready.group(2), ready.group(3), ready.group(5)
        return self

    def _collect(self):
        for line in self.process.stderr:
            self._log.append(line)

    def _ready(self):
        return next(filter(None, map(READY.search, list(self._log))), None)

    def log(self, lines=60):
        return "".join(self._log[-lines:])

    def wait(self, seconds=120):
        """Exit status and stdout of a process that ends by itself."""
        try:
            out = self._finish(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the platform did not end within {seconds} s:\n{self.log()}") from None
        return self.process.returncode, out

    def _finish(self, seconds):
        self.process.wait(seconds)
        self._reader.join(10)
        return self.process.stdout.read()

    def stop(self, seconds=60):
        """Ctrl-C, as a person would; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.wait(seconds)[0]

    def kill(self):
        self.process.kill()
        self.process.wait(20)
        self._reader.join(10)

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()

    # Questions --------------------------------------------------------------------------------------
    def command(self, *arguments, **options):
        return run(*arguments, "--data-dir", self.data_dir, **options)

    def sql(self, query):
        """Rows as lists of strings."""
        text = self.command("sql", "--format", "TabSeparated", query).stdout
        return [line.split("\t") for line in text.splitlines()]

    def value(self, query):
        return self.sql(query)[0][0]

    def verify(self, *arguments, status=0, env=None):
        out = self.command("verify", *arguments, "--file", self.file, "--output", "json", status=status,
                           env=env, timeout=120).stdout
        return json.loads(out)

    def pipeline(self, name):
        return json.loads(self.command("pipeline", "describe", name, "--output", "ndjson").stdout)

    def wait_caught_up(self, name, records, seconds=60):
        """Until the pipeline has written that many records (of this run) and committed them."""
        def caught_up():
            status = self.pipeline(name)
            return status if status["records"] >= records and status["caught_up"] else None
        return wait_until(caught_up, f"pipeline {name} to write {records} records", seconds)
