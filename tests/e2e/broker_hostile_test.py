"""Bytes and behaviour that no honest client shows; one that is honest works on beside each of them."""

import os
import random
import resource
import socket
import struct
import subprocess

import pytest

from broker_fixture import BrokerProcess, broker, broker_program, frame, kcat, read_frame, wait_until  # noqa: F401

API_VERSIONS = frame(18, 0, 7)


def good_client_works(broker):
    kcat(broker, "-P", "-t", "good", stdin="one\ntwo\n")
    assert kcat(broker, "-C", "-t", "good", "-o", "-2", "-e", "-q") == "one\ntwo\n"


def test_garbage_closes_only_its_own_connection(broker):
    other = broker.connect()
    cases = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01", b"\xff" * 64,
             b"\x00\x00\x00\x00", struct.pack(">i", -5) + b"x" * 20, struct.pack(">i", 5) + b"x" * 20,
             frame(999, 0, 1), frame(1, 99, 1), frame(3, 1, 1, b"\x7f\xff\xff\xff"),
             frame(0, 9, 1, b"\x00" * 3), frame(11, 5, 1, b"\x00\x05ab")]
    for case in cases:
        with broker.connect() as connection:
            connection.sendall(case)
            assert read_frame(connection) is None, case
    # One line each, up to the ten after which the log holds repetitions back.
    wait_until(lambda: broker.log().count("connection closed") >= 10, "ten log lines")
    other.sendall(API_VERSIONS)
    assert struct.unpack(">ih", read_frame(other)[:6]) == (7, 0)
    good_client_works(broker)


def test_random_requests_never_end_the_broker(broker):
    dice = random.Random(4711)
    keys = [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 22, 32]
    for _ in range(500):
        body = dice.randbytes(dice.randrange(0, 200))
        with broker.connect() as connection:
            connection.sendall(frame(dice.choice(keys), dice.randrange(0, 13), dice.randrange(1 << 31), body))
            connection.shutdown(socket.SHUT_WR)
    assert broker.process.poll() is None, broker.log()
    good_client_works(broker)


def test_answers_come_in_order_when_requests_are_pipelined(broker):
    with broker.connect() as connection:
        connection.sendall(b"".join(frame(18, 0, i) for i in range(500)))
        order = [struct.unpack(">i", read_frame(connection)[:4])[0] for _ in range(500)]
        assert order == list(range(500))


def test_frames_arrive_in_any_pieces(broker):
    with broker.connect() as connection:
        for byte in API_VERSIONS * 3:
            connection.sendall(bytes([byte]))
        for _ in range(3):
            assert read_frame(connection)[:4] == b"\x00\x00\x00\x07"


def test_half_frames_do_not_hold_memory_or_others(broker):
    held = []
    for _ in range(50):
        connection = broker.connect()
        connection.sendall(struct.pack(">i", 90 << 20) + b"\x00\x00\x00\x09")
        held.append(connection)
    good_client_works(broker)
    assert broker.rss_bytes() < 400 << 20


def test_a_client_that_reads_nothing_is_cut_off(tmp_path):
    broker = BrokerProcess(tmp_path / "log").start(write_stall_max=1500)
    kcat(broker, "-P", "-t", "t", "-D", "\n", stdin="x" * 900_000 + "\n" + "y" * 900_000 + "\n")
    with broker.connect() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        # Fetch v4 of t-0 from 0, 50 MB allowed, again and again without ever reading.
        body = struct.pack(">iiiib", -1, 0, 1, 50 << 20, 0) + struct.pack(">ih", 1, 1) + b"t" + \
            struct.pack(">iiqi", 1, 0, 0, 50 << 20)
        deaf.sendall(frame(1, 4, 1, body) * 200)
        wait_until(lambda: any("read nothing" in line for line in broker._log), "the deaf client to be closed")
        good_client_works(broker)
    assert broker.rss_bytes() < 400 << 20
    broker.close()


def test_more_connections_than_allowed_are_refused_and_said(tmp_path):
    broker = BrokerProcess(tmp_path / "log").start(connections_max=50)
    early = broker.connect()
    crowd = [broker.connect() for _ in range(200)]
    wait_until(lambda: "limit=connections_max max=50" in broker.log(), "a word about refused clients")
    early.sendall(API_VERSIONS)
    assert read_frame(early)
    for connection in crowd:
        connection.close()
    good_client_works_soon(broker)
    broker.close()


def connect_from(broker, address):
    return socket.create_connection(("127.0.0.1", broker.port), timeout=20, source_address=(address, 0))


def test_one_address_cannot_take_all_connections(tmp_path):
    broker = BrokerProcess(tmp_path / "log").start(connections_max=100, connections_per_address_max=60)
    crowd = [connect_from(broker, "127.0.0.2") for _ in range(300)]
    wait_until(lambda: "limit=connections_per_address_max max=60 address=127.0.0.2" in broker.log(),
               "a word about the greedy address")
    good_client_works(broker)
    for connection in crowd:
        connection.close()

    def let_in():
        with connect_from(broker, "127.0.0.2") as connection:
            connection.sendall(API_VERSIONS)
            return read_frame(connection)

    wait_until(let_in, "the address to be let in again")
    broker.close()


def test_a_client_that_sends_one_byte_a_second_is_cut_off(tmp_path):
    broker = BrokerProcess(tmp_path / "log").start(frame_time_max=1000)
    slow = broker.connect()
    slow.sendall(struct.pack(">i", 100))

    def drips():
        try:
            slow.sendall(b"\0")
        except OSError:
            return True
        return "half a request and then nothing for too long" in broker.log()

    wait_until(drips, "the slow client to be closed")
    good_client_works(broker)
    broker.close()


def test_requests_larger_than_allowed_are_refused_and_said(tmp_path):
    broker = BrokerProcess(tmp_path / "log").start(frame_bytes_max=100_000)
    with broker.connect() as connection:
        connection.sendall(struct.pack(">i", 100_001))
        assert read_frame(connection) is None
    wait_until(lambda: "expected 8 to 100000" in broker.log(), "a word about the limit")
    good_client_works(broker)
    broker.close()


def test_requests_that_never_end_cannot_fill_the_memory(tmp_path):
    """Sixteen clients send all but the last byte of 8 MiB each, with 16 MiB for requests."""
    broker = BrokerProcess(tmp_path / "log").start(request_memory_max=16 << 20, frame_time_max=2000)
    body = b"x" * ((8 << 20) - 1)
    hostile = []
    for _ in range(16):
        connection = broker.connect()
        connection.setblocking(False)
        hostile.append([connection, struct.pack(">i", 8 << 20) + body])

    def push():
        """As much as the broker takes; true once it has cut one off and said why."""
        for each in list(hostile):
            try:
                each[1] = each[1][each[0].send(each[1][:1 << 20]):]
            except BlockingIOError:
                pass
            except OSError:
                hostile.remove(each)
        assert broker.rss_bytes() < 120 << 20, "the broker took more than it may"
        return "requests fill the 16 MiB" in broker.log()

    wait_until(push, "the memory limit to be said", 30)
    # Others get through beside the rest of them.
    kcat(broker, "-P", "-t", "good", "-D", "\n", stdin="y" * 500_000 + "\n")
    good_client_works(broker)
    assert broker.rss_bytes() < 120 << 20
    for connection, _ in hostile:
        connection.close()
    broker.close()


def test_large_requests_all_get_through_a_small_memory(broker, tmp_path):
    """Honest clients whose requests are larger than the memory for all of them wait for each other."""
    small = BrokerProcess(tmp_path / "small").start(request_memory_max=1 << 20)
    clients = [subprocess.Popen(["kcat", "-b", small.address, "-P", "-t", "t", "-D", "\n", "-X",
                                 "message.max.bytes=8000000"], stdin=subprocess.PIPE, text=True) for _ in range(4)]
    for i, client in enumerate(clients):
        client.stdin.write("\n".join(str(i) * 900_000 for _ in range(8)) + "\n")
        client.stdin.close()
    for client in clients:
        assert client.wait(60) == 0, small.log()
    out = kcat(small, "-C", "-t", "t", "-o", "beginning", "-e", "-q", "-f", "%S\n")
    assert out.split() == ["900000"] * 32
    small.close()


def good_client_works_soon(broker):
    def works():
        with broker.connect() as connection:
            connection.sendall(API_VERSIONS)
            return read_frame(connection)

    wait_until(works, "a new client to be let in")
    good_client_works(broker)


def test_two_thousand_idle_connections_do_not_disturb(broker):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    crowd = [broker.connect() for _ in range(min(2000, min(hard, 8192) - 200))]
    good_client_works(broker)
    for connection in crowd:
        connection.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_ten_thousand_connections_meet_limits_that_say_so(tmp_path):
    """By default one address may have 5,000 connections and all together 10,000."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 12_000:
        pytest.skip(f"this machine allows {hard} open files, 12,000 are needed")
    broker = BrokerProcess(tmp_path / "log").start()
    early = broker.connect()
    resource.setrlimit(resource.RLIMIT_NOFILE, (12_000, hard))
    crowd = []
    try:
        for address, limit in (("127.0.0.2", "limit=connections_per_address_max max=5000 address=127.0.0.2"),
                               ("127.0.0.3", "limit=connections_max max=10000")):
            crowd += [connect_from(broker, address) for _ in range(5_050)]
            wait_until(lambda: limit in broker.log(), f"{limit} in the log")
        early.sendall(API_VERSIONS)
        assert read_frame(early), "who was there before is served"
        assert broker.rss_bytes() < 400 << 20
    finally:
        for connection in crowd:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    good_client_works_soon(broker)
    broker.close()


def test_a_hundred_thousand_topics_meet_the_limit_that_says_so(tmp_path):
    broker = BrokerProcess(tmp_path / "log").start(topics_max=500)
    made = refused = 0
    with broker.connect() as greedy:
        for first in range(0, 100_000, 1_000):
            names = [f"t{i}".encode() for i in range(first, first + 1_000)]
            topics = b"".join(struct.pack(">h", len(n)) + n + struct.pack(">ihii", 1, 1, 0, 0) for n in names)
            greedy.sendall(frame(19, 2, first, struct.pack(">i", len(names)) + topics + struct.pack(">ib", 30_000, 0)))
            answer = read_frame(greedy)
            at = 12  # correlation id, throttle time, number of topics
            for name in names:
                at += 2 + len(name)
                code, length = struct.unpack(">hh", answer[at:at + 4])
                at += 4 + max(length, 0)
                made += code == 0
                refused += code != 0
    assert (made, refused) == (498, 99_502), "the broker's own two topics count too"
    wait_until(lambda: any("limit of 500 topics" in line for line in broker._log), "the limit in the log")
    said = sum("a topic was refused" in line for line in broker._log)
    assert said < 100, "one line each would be an attack on the disk"
    assert broker.rss_bytes() < 400 << 20
    kcat(broker, "-P", "-t", "t1", stdin="one\n")
    assert kcat(broker, "-C", "-t", "t1", "-o", "beginning", "-e", "-q") == "one\n"
    broker.close()


def test_idle_connections_are_closed(tmp_path):
    broker = BrokerProcess(tmp_path / "log").start(connection_idle_max=500)
    with broker.connect() as idle:
        assert read_frame(idle) is None
    broker.close()


def test_acks_0_gets_no_answer(broker):
    kcat(broker, "-P", "-t", "t", "-X", "acks=0", stdin="".join(f"{i}\n" for i in range(1000)))
    out = wait_until(lambda: (o := kcat(broker, "-C", "-t", "t", "-o", "beginning", "-e", "-q")).count("\n") == 1000
                     and o, "all 1,000 records")
    assert out.split() == [str(i) for i in range(1000)]


def test_a_taken_port_is_one_sentence_that_names_the_flag(broker, tmp_path):
    done = subprocess.run([str(broker_program()), str(tmp_path / "other"), f"port={broker.port}"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    sentence = done.stderr.strip().splitlines()[-1]
    assert str(broker.port) in sentence and "--port-offset" in sentence


def test_topics_beyond_the_limit_are_refused(tmp_path):
    broker = BrokerProcess(tmp_path / "log").start(topics_max=5)
    for i in range(8):
        kcat(broker, "-P", "-t", f"t{i}", "-X", "message.timeout.ms=2000", stdin="x\n", status=None)
    assert any("limit of 5 topics" in line for line in broker._log), broker.log()
    broker.close()


def test_an_idle_broker_uses_next_to_nothing(broker):
    good_client_works(broker)
    ticks = os.sysconf("SC_CLK_TCK")

    def cpu():
        with open(f"/proc/{broker.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / ticks

    before = cpu()
    try:
        broker.process.wait(3)
    except subprocess.TimeoutExpired:
        pass
    assert cpu() - before <= 0.05
