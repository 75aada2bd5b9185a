"""Who is measured and by whom: Freshet, Apache Kafka and librdkafka's own performance tool, each as a process.

CPU-seconds are user and system time of all threads of the process, from the kernel: of a server the difference
over a run, of a client its whole life. Shared by the cases in broker.py.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
for directory in ("tests/support", "tests/judges"):
    sys.path.insert(0, str(ROOT / directory))

import freshet  # noqa: E402
import kafka_node  # noqa: E402
import sources  # noqa: E402

PLATFORM = "platform: bench\ntopics: { warm: { partitions: 1 } }\n"
TICKS = os.sysconf("SC_CLK_TCK")
PRODUCED = re.compile(r"(\d+) delivered .* in (\d+)ms: (\d+) msgs/s")
CONSUMED = re.compile(r"% (\d+) messages \((\d+) bytes\) consumed in (\d+)ms: (\d+) msgs/s")
# librdkafka's own default; the tool's one second would count the wait of the last, half full batch.
LINGER = ("-X", "linger.ms=5")


class Missing(Exception):
    """Something to measure with is not here; the text says what and why."""


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status.read(), re.M).group(1)) / 1024


class Freshet:
    """`freshet up` with a platform of topics only, in a directory of its own."""

    name = "freshet"

    def __init__(self, directory):
        self.platform = freshet.Platform(directory, PLATFORM)

    def start(self):
        self.platform.start(seconds=120)
        return self

    @property
    def address(self):
        return self.platform.kafka

    @property
    def pid(self):
        return self.platform.process.pid

    def metric(self, name):
        with urllib.request.urlopen(f"{self.platform.api}/metrics", timeout=10) as answer:
            return float(re.search(rf"^{name} (\S+)$", answer.read().decode(), re.M).group(1))

    def close(self):
        self.platform.close()


class Kafka:
    """One node of Apache Kafka; `settings` are lines of its server.properties."""

    def __init__(self, name, directory, **settings):
        self.name = name
        try:
            self.node = kafka_node.KafkaNode(directory)
            self.settings = settings
            sources.kafka()
        except sources.Missing as missing:
            raise Missing(str(missing)) from None

    def start(self):
        self.node.start(num_partitions=1, **self.settings)
        return self

    @property
    def address(self):
        return self.node.address

    @property
    def pid(self):
        return self.node.process.pid

    def close(self):
        if self.node.process is not None:
            self.node.close()


class ClientCeiling:
    """librdkafka's mock broker inside the client's own process: it keeps nothing, so this is what the client can."""

    name = "client alone"
    address = None
    pid = None

    def start(self):
        return self

    def close(self):
        pass


def tool():
    """rdkafka_performance of Debian's librdkafka source package, built by the judges' harness."""
    try:
        return sources.rdkafka_performance()
    except sources.Missing as missing:
        raise Missing(str(missing)) from None


class Client:
    """One run of rdkafka_performance: finish() gives its output and its CPU-seconds."""

    def __init__(self, server, *arguments):
        where = ("-b", server.address) if server.address else ("-X", "test.mock.num.brokers=1")
        self.process = subprocess.Popen([str(tool()), *map(str, arguments), *where], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.output = ""
        self.reader = threading.Thread(target=self._collect, daemon=True)
        self.reader.start()

    def _collect(self):
        self.output = self.process.stdout.read()

    def finish(self, seconds=120):
        """CPU-seconds of the whole process; it is killed when it takes longer than `seconds`."""
        timer = threading.Timer(seconds, self.process.kill)
        timer.start()
        _, status, usage = os.wait4(self.process.pid, 0)
        timer.cancel()
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.reader.join(10)
        return usage.ru_utime + usage.ru_stime

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.finish(20)


class Run:
    """Rate and CPU of one run."""

    def __init__(self, rate, size, count, seconds, server_cpu, client_cpu):
        self.rate, self.size, self.count, self.seconds = rate, size, count, seconds
        self.server_cpu, self.client_cpu = server_cpu, client_cpu

    def per_million(self, cpu):
        return cpu / self.count * 1e6


def measured(server, pattern, size, *arguments):
    before = cpu_seconds(server.pid) if server.pid else 0.0
    client = Client(server, *arguments)
    client_cpu = client.finish()
    found = pattern.findall(client.output)
    if not found:
        raise SystemExit(f"{server.name}: {' '.join(map(str, arguments))} printed no result:\n{client.output[-2000:]}")
    server_cpu = cpu_seconds(server.pid) - before if server.pid else 0.0
    *_, milliseconds, rate = found[-1]
    return Run(int(rate), size, int(found[-1][0]), int(milliseconds) / 1000, server_cpu, client_cpu)


def produce(server, topic, size, count, partition=0):
    """acks=all; partition -1: each record to any of them."""
    return measured(server, PRODUCED, size, "-P", "-t", topic, "-p", partition, "-s", size, "-c", count, "-a", -1,
                    "-q", *LINGER, "-X", "sticky.partitioning.linger.ms=0")


def consume(server, topic, size, count):
    return measured(server, CONSUMED, size, "-C", "-t", topic, "-p", 0, "-o", "beginning", "-c", count, "-q")


def latencies_ms(server, topic, rate, count, file):
    """End to end: from the producer's call to the consumer's, of every record; (sorted, records/s as they went)."""
    # The tool sleeps at least that long between two records, so it is told a little less.
    sender_rate = int(1e6 / (1e6 / rate - 8))
    consumer = Client(server, "-C", "-t", topic, "-p", 0, "-o", "end", "-c", count, "-l", "-A", file, "-q",
                      "-X", "fetch.wait.max.ms=500", "-X", "fetch.error.backoff.ms=1")
    time.sleep(2.0)  # it must stand at the end of the partition before the first record comes
    began = time.monotonic()
    producer = Client(server, "-P", "-t", topic, "-p", 0, "-s", 100, "-c", count + rate, "-a", -1, "-l", "-q",
                      "-r", sender_rate, "-X", "linger.ms=0")
    producer.finish(count / rate * 3 + 30)
    seconds = time.monotonic() - began
    consumer.finish(20)
    lines = pathlib.Path(file).read_text(encoding="ascii").split()
    # The first second is for connections and for caches that are cold.
    return sorted(int(line) / 1000 for line in lines[rate:]), (count + rate) / seconds
