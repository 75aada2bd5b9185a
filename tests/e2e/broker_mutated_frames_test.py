"""Requests of every API in every version, cut short, changed and blown up, over TCP, while an honest client goes on.

The bodies are those that Apache Kafka's own classes made (src/kafka/testdata/messages), so each mutation starts from
a request that the broker takes.
"""

import random
import re
import select
import socket
import struct
import threading

import pytest

from broker_fixture import BrokerProcess, ROOT, frame, kcat, read_frame, wait_until

RANGES = re.compile(r'\{ApiKey::k(\w+), "\w+", (\d+), (\d+), (\w+), true\}')
KEYS = re.compile(r"k(\w+) = (\d+),")
EXTREMES = [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\x00\x00\x00\x00", b"\x7f\xff", b"\xff\xff",
            b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"]
AT_ONCE = 64


def requests():
    """(api, key, version, flexible, body) of everything that the broker says it serves."""
    source = (ROOT / "src/kafka/api.h").read_text()
    keys = dict(KEYS.findall(source))
    found = []
    for name, low, high, flexible in RANGES.findall(source):
        since = 1 << 15 if flexible == "kNeverFlexible" else int(flexible)
        versions = set()
        for line in (ROOT / f"src/kafka/testdata/messages/{name}.txt").read_text().splitlines():
            message, version, _, body, *_ = line.split(" ", 4)
            if message == name + "Request":
                found.append((name, int(keys[name]), int(version), int(version) >= since, bytes.fromhex(body)))
                versions.add(int(version))
        assert versions >= set(range(int(low), int(high) + 1)), name
    return found


def header(key, version, flexible, correlation, body):
    return frame(key, version, correlation, (b"\0" if flexible else b"") + body)


def mutations(body, dice, count):
    for _ in range(count):
        kind = dice.randrange(5)
        at = dice.randrange(len(body) + 1)
        if kind == 0:
            yield body[:at]
        elif kind == 1:
            changed = bytearray(body)
            for _ in range(dice.choice((1, 1, 2, 8))):
                if changed:
                    changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
            yield bytes(changed)
        elif kind == 2:
            extreme = dice.choice(EXTREMES)
            yield body[:at] + extreme + body[at + len(extreme):]
        elif kind == 3:
            yield body + dice.randbytes(dice.randrange(1, 40))
        else:
            yield body[:at] + body[at:] * dice.randrange(2, 20)


class HonestClient(threading.Thread):
    """Asks on one connection, again and again; what goes wrong is kept."""

    def __init__(self, broker):
        super().__init__(daemon=True)
        self.connection = broker.connect()
        self.answers = 0
        self.failure = None
        self.done = threading.Event()

    def run(self):
        while not self.done.is_set() and not self.failure:
            try:
                self.connection.sendall(frame(18, 0, self.answers))
                answer = read_frame(self.connection)
                if not answer or struct.unpack(">ih", answer[:6]) != (self.answers, 0):
                    self.failure = f"answer {self.answers}: {answer!r}"
            except OSError as error:
                self.failure = f"answer {self.answers}: {error}"
            self.answers += 1
            self.done.wait(0.002)


def send_all(broker, frames):
    """Each on a connection of its own; how many were answered. Every answer is to the request that was sent."""
    open_ones = {}
    for correlation, bytes_ in frames:
        connection = broker.connect()
        connection.sendall(bytes_)
        connection.shutdown(socket.SHUT_WR)
        open_ones[connection] = correlation
    answered = 0
    # What waits for something, such as JoinGroup or Fetch, is left waiting: it ends with its connection.
    while open_ones:
        ready, _, _ = select.select(list(open_ones), [], [], 0.1)
        if not ready:
            break
        for connection in ready:
            correlation = open_ones.pop(connection)
            answer = read_frame(connection)
            if answer is not None:
                answered += 1
                assert struct.unpack(">i", answer[:4])[0] == correlation
            connection.close()
    for connection in open_ones:
        connection.close()
    return answered


def bombard(broker, seed, each):
    dice = random.Random(seed)
    honest = HonestClient(broker)
    honest.start()
    frames = []
    whole = 0
    for name, key, version, flexible, body in requests():
        frames.append((len(frames), header(key, version, flexible, len(frames), body)))
        whole += 1
        for mutated in mutations(body, dice, each):
            frames.append((len(frames), header(key, version, flexible, len(frames), mutated)))
    dice.shuffle(frames)
    answered = sum(send_all(broker, frames[i:i + AT_ONCE]) for i in range(0, len(frames), AT_ONCE))
    assert broker.process.poll() is None, broker.log()
    assert answered >= whole / 2, "hardly anything was a request"
    before = honest.answers
    wait_until(lambda: honest.failure or honest.answers > before + 10, "the honest client to go on")
    honest.done.set()
    honest.join()
    assert honest.failure is None, honest.failure
    kcat(broker, "-P", "-t", "good", stdin="one\ntwo\n")
    assert kcat(broker, "-C", "-t", "good", "-o", "-2", "-e", "-q") == "one\ntwo\n"
    assert broker.rss_bytes() < 500 << 20
    broker.close()


def test_no_mutated_request_of_any_api_and_version_harms_others(tmp_path):
    bombard(BrokerProcess(tmp_path / "log").start(), seed=1, each=6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_many_mutated_requests_harm_nobody(tmp_path, seed):
    bombard(BrokerProcess(tmp_path / "log").start(), seed=seed, each=80)


def test_requests_cut_at_every_byte_close_only_their_connection(tmp_path):
    """The frame says how long it is and the client goes away inside it."""
    broker = BrokerProcess(tmp_path / "log").start()
    honest = HonestClient(broker)
    honest.start()
    for name, key, version, flexible, body in requests():
        if len(body) > 400 or version % 3:
            continue
        whole = header(key, version, flexible, 7, body)
        for size in range(1, len(whole), 9):
            with broker.connect() as connection:
                connection.sendall(whole[:size])
    honest.done.set()
    honest.join()
    assert honest.failure is None, honest.failure
    assert broker.process.poll() is None, broker.log()
    broker.close()
