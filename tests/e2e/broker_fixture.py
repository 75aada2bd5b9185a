"""The broker alone as a process of its own, and the small things that tests of it share.

FRESHET_BROKER names another program to test; by default the release build's broker_for_tests is used, and
built if it is not there.
"""

import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from freshet import ROOT, wait_until  # noqa: E402,F401

DEFAULT_PROGRAM = ROOT / "build/release/tests/support/broker_for_tests"


def broker_program():
    program = pathlib.Path(os.environ.get("FRESHET_BROKER", DEFAULT_PROGRAM))
    if program == DEFAULT_PROGRAM and not program.is_file():
        subprocess.run([ROOT / "scripts/build", "release", "broker_for_tests"], check=True)
    assert program.is_file(), f"{program} is not there"
    return program


class BrokerProcess:
    """One data directory; start() and kill() as often as a test likes."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.process = None
        self.port = 0
        self._log = []

    def start(self, **options):
        command = [str(broker_program()), str(self.directory), *(f"{k}={v}" for k, v in options.items())]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._log = []
        threading.Thread(target=self._collect, args=(self.process,), daemon=True).start()
        line = self.process.stdout.readline()
        assert line.strip().isdigit(), f"{' '.join(command)}\nended with {self.process.wait()}\n{self.log()}"
        self.port = int(line)
        return self

    def _collect(self, process):
        for line in process.stderr:
            self._log.append(line)

    def log(self):
        return "".join(self._log[-100:])

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=20):
        self.process.terminate()
        return self.process.wait(seconds)

    def close(self):
        if self.process and self.process.poll() is None:
            status = self.stop()
            assert status == 0, f"the broker ended with {status}:\n{self.log()}"

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


@pytest.fixture
def broker(tmp_path):
    process = BrokerProcess(tmp_path / "log").start()
    yield process
    process.close()


def kcat(broker, *arguments, stdin=None, status=0):
    """Debian's kcat against the broker; its standard output."""
    command = ["kcat", "-b", broker.address, *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)
    assert status is None or done.returncode == status, (
        f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}\n"
        f"broker: {broker.log()}")
    return done.stdout


def frame(api, version, correlation, body=b"", client=b"raw"):
    """A request in header version 1, with its size."""
    header = struct.pack(">hhih", api, version, correlation, len(client)) + client
    return struct.pack(">i", len(header) + len(body)) + header + body


def read_frame(connection):
    """One whole answer without its size, or None if the broker closed the connection."""
    size = read_exactly(connection, 4)
    return size and read_exactly(connection, struct.unpack(">i", size)[0])


def read_exactly(connection, count):
    data = b""
    while len(data) < count:
        try:
            piece = connection.recv(count - len(data))
        except ConnectionResetError:
            return None
        if not piece:
            return None
        data += piece
    return data
