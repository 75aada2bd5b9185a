#!/usr/bin/python3
"""The broker beside Apache Kafka, in the same run on the same machine, and its bars alone.

  bench/broker.py [speed] [latency] [idle] [start] [recovery] [partitions]
                  [--quick] [--rounds N] [--gigabytes 10] [--data-dir DIR] [--output table|json]

speed       produce with durable acks and consume, 100 B and 1 KiB, one librdkafka client and one partition; beside
            Apache Kafka as it comes (no fsync), with log.flush.interval.messages=1, and the client's own ceiling
latency     end to end at 10,000 records/s, every record durable before it is seen
idle        memory and CPU of a broker that nobody uses
start       with 1,000 topics of 10 partitions, after a clean stop and after SIGKILL
recovery    from SIGKILL in the middle of appends to ready, by the size of the log
partitions  syncs for acks of 1,000 partitions with small batches

Without a name all of them run. Rounds of the servers take turns, figures are medians. What cannot be had here
(Java, the jars, the client's source package) is named and skipped. Exit status 1 if a bar is missed.
"""

import argparse
import json
import pathlib
import shutil
import signal
import sys
import time

import broker_clients as clients

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Records of one run: about two seconds each.
COUNTS = {"freshet": {100: 4_000_000, 1024: 1_000_000}, "kafka": {100: 2_000_000, 1024: 500_000},
          "kafka flush=1": {100: 1_000_000, 1024: 300_000}, "client alone": {100: 4_000_000, 1024: 1_000_000}}
CONSUMED = {100: 4_000_000, 1024: 1_000_000}
SIZES = (100, 1024)
LATENCY_RATE = 10_000
DISK_KEPT = 4 << 30


class Report:
    """Lines for people, figures and bars for programs."""

    def __init__(self, quiet):
        self.quiet = quiet
        self.figures, self.bars = {}, []

    def line(self, text=""):
        if not self.quiet:
            print(text, flush=True)

    def bar(self, name, figure, shown, good):
        self.bars.append({"bar": name, "figure": figure, "met": good})
        self.line(f"    {'met   ' if good else 'MISSED'}  {name}: {shown}")


def median(runs):
    return sorted(runs, key=lambda run: run.rate)[len(runs) // 2]


def show(report, what, servers, runs):
    report.line(f"\n{what:<24}{'records/s':>12}{'MB/s':>8}   CPU-s per million: broker  client   spread")
    for server in servers:
        run = median(runs[server.name])
        rates = [each.rate for each in runs[server.name]]
        broker = f"{run.per_million(run.server_cpu):.2f}" if server.pid else "in it"
        report.line(f"  {server.name:<22}{run.rate:>12,}{run.rate * run.size / 1e6:>8.0f}{broker:>27}"
                    f"{run.per_million(run.client_cpu):>8.2f}   {min(rates):,} - {max(rates):,}")
        report.figures[f"{what}: {server.name}"] = {
            "records_per_s": run.rate, "broker_cpu_s_per_million": round(run.per_million(run.server_cpu), 3),
            "client_cpu_s_per_million": round(run.per_million(run.client_cpu), 3), "rates": rates}


def ratio_bar(report, name, run, other, least):
    ratio = run.rate / other.rate
    report.bar(f"{name} (bar {least:g} ×)", round(ratio, 2), f"{ratio:.2f} ×", ratio >= least)


def produce_rounds(report, options, servers, size):
    runs = {server.name: [] for server in servers}
    for round_number in range(options.rounds + 1):
        for server in servers:
            count = COUNTS[server.name][size] // (4 if options.quick or round_number == 0 else 1)
            run = clients.produce(server, f"produce-{size}", size, count)
            if round_number > 0:  # the first warms up the Java compiler, and everybody's connections
                runs[server.name].append(run)
    show(report, f"produce {size} B", servers, runs)
    return {name: median(each) for name, each in runs.items()}


def consume_rounds(report, options, servers, size):
    """Each from a topic that was filled and read once before."""
    servers = [server for server in servers if server.pid and server.name != "kafka flush=1"]
    runs = {server.name: [] for server in servers}
    count = CONSUMED[size] // (4 if options.quick else 1)
    for server in servers:
        clients.produce(server, f"consume-{size}", size, count)
    for round_number in range(options.rounds + 1):
        for server in servers:
            run = clients.consume(server, f"consume-{size}", size, count)
            if round_number > 0:
                runs[server.name].append(run)
    show(report, f"consume {size} B", servers, runs)
    return {name: median(each) for name, each in runs.items()}


def speed_bars(report, produced, consumed):
    for size in SIZES:
        made, got = produced[size], consumed[size]
        ours = made["freshet"]
        if "kafka" in made:
            ratio_bar(report, f"produce {size} B, durable, beside Kafka with flush=1", ours, made["kafka flush=1"], 6)
            ratio_bar(report, f"produce {size} B, durable, beside Kafka without fsync", ours, made["kafka"], 3)
        ratio_bar(report, f"produce {size} B beside the client's ceiling", ours, made["client alone"], 0.5)
        if size == 100:
            report.bar("produce 100 B (bar 900,000 records/s)", ours.rate, f"{ours.rate:,}", ours.rate >= 900_000)
            if "kafka" in got:
                ratio_bar(report, "consume 100 B beside Kafka", got["freshet"], got["kafka"], 1)
        else:
            rate = got["freshet"].rate * size / 1e9
            report.bar("consume 1 KiB (bar 1 GB/s)", round(rate, 2), f"{rate:.2f} GB/s", rate >= 1)


def speed(report, options):
    servers = [clients.Freshet(options.data_dir / "freshet").start(), clients.ClientCeiling()]
    try:
        try:
            for name, settings in (("kafka", {}), ("kafka flush=1", {"log_flush_interval_messages": 1})):
                server = clients.Kafka(name, options.data_dir / name.replace(" ", "-"), **settings)
                servers.insert(-1, server)
                server.start()
        except clients.Missing as missing:
            report.line(f"skipped: Apache Kafka beside it: {missing}")
            servers = [server for server in servers if not isinstance(server, clients.Kafka)]
        produced, consumed = {}, {}
        for size in SIZES:
            produced[size] = produce_rounds(report, options, servers, size)
            consumed[size] = consume_rounds(report, options, servers, size)
        report.line()
        speed_bars(report, produced, consumed)
    finally:
        for server in servers:
            server.close()


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def latency(report, options):
    servers = [clients.Freshet(options.data_dir / "freshet")]
    try:
        servers.append(clients.Kafka("kafka flush=1", options.data_dir / "kafka", log_flush_interval_messages=1))
    except clients.Missing as missing:
        report.line(f"skipped: Apache Kafka beside it: {missing}")
    count = LATENCY_RATE * (4 if options.quick else 12)
    report.line(f"\nend to end at {LATENCY_RATE:,} records/s   p50 ms   p99 ms   p99.9 ms   records/s")
    for server in servers:
        server.start()
        try:
            clients.produce(server, "latency", 100, 20_000)
            file = options.data_dir / "latencies"
            values, rate = clients.latencies_ms(server, "latency", LATENCY_RATE, count, file)
        finally:
            server.close()
        p50, p99, p999 = (percentile(values, share) for share in (0.5, 0.99, 0.999))
        report.line(f"  {server.name:<30}{p50:>10.2f}{p99:>9.2f}{p999:>11.2f}{rate:>12,.0f}")
        report.figures[f"latency: {server.name}"] = {"p50_ms": p50, "p99_ms": p99, "p999_ms": p999, "rate": rate}
        if server.name == "freshet":
            ours = p99
    report.bar("end to end p99 (bar 5 ms)", ours, f"{ours:.2f} ms", ours <= 5)


def idle(report, options):
    server = clients.Freshet(options.data_dir / "freshet").start()
    try:
        seconds = 3 if options.quick else 10
        time.sleep(1.0)  # what the start left to do
        before = clients.cpu_seconds(server.pid)
        time.sleep(seconds)
        used = clients.cpu_seconds(server.pid) - before
        resident = clients.resident_mib(server.pid)
    finally:
        server.close()
    report.line(f"\nidle for {seconds} s")
    report.bar("memory of an idle broker (bar 30 MB)", round(resident, 1), f"{resident:.1f} MiB resident",
               resident * 1.048576 <= 30)
    # The kernel counts in hundredths of a second.
    report.bar("CPU of an idle broker (bar 0 %)", used, f"{used / seconds:.1%}", used < 0.015)


def start(report, options):
    from confluent_kafka.admin import AdminClient, NewTopic
    topics = 100 if options.quick else 1_000
    server = clients.Freshet(options.data_dir / "freshet").start()
    try:
        admin = AdminClient({"bootstrap.servers": server.address, "log_level": 0})
        for first in range(0, topics, 100):
            made = admin.create_topics([NewTopic(f"topic-{number}", 10, 1) for number in range(first, first + 100)],
                                       request_timeout=60)
            for future in made.values():
                future.result()
        clients.produce(server, "topic-0", 100, 10_000)
        server.platform.stop()
        after_stop = timed_start(server)
        resident = clients.resident_mib(server.pid)
        server.platform.kill()
        after_kill = timed_start(server)
    finally:
        server.close()
    report.line(f"\nstart with {topics:,} topics of 10 partitions ({resident:.0f} MiB resident afterwards)")
    report.bar("after a clean stop (bar 3 s)", round(after_stop, 2), f"{after_stop:.2f} s", after_stop <= 3)
    report.bar("after SIGKILL (bar 3 s)", round(after_kill, 2), f"{after_kill:.2f} s", after_kill <= 3)


def timed_start(server):
    """From the process's creation to the line that says it serves clients."""
    began = time.monotonic()
    server.start()
    return time.monotonic() - began


def end_offset(server, topic):
    from confluent_kafka import Consumer, TopicPartition
    consumer = Consumer({"bootstrap.servers": server.address, "group.id": "bench", "log_level": 0})
    try:
        return consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)[1]
    finally:
        consumer.close()


def recovery(report, options):
    gigabytes = min(options.gigabytes, 1.0) if options.quick else options.gigabytes
    bytes_needed = int(gigabytes * 1e9) + DISK_KEPT
    if shutil.disk_usage(options.data_dir).free < bytes_needed:
        return report.line(f"\nskipped: recovery: it needs {bytes_needed / 1e9:.0f} GB free in {options.data_dir}")
    server = clients.Freshet(options.data_dir / "freshet").start()
    try:
        each = int(gigabytes * 1e9 / 1040 / 4)
        for topic in range(4):
            clients.produce(server, f"fill-{topic}", 1024, each)
        # Killed in the middle of appends, with batches of no codec: the most bytes to look at.
        client = clients.Client(server, "-P", "-t", "fill-0", "-p", 0, "-s", 1024, "-c", 50_000_000, "-a", -1, "-q")
        time.sleep(0.8)
        server.platform.process.send_signal(signal.SIGKILL)
        server.platform.process.wait(20)
        client.process.kill()
        client.finish()
        log_bytes = sum(path.stat().st_size for path in server.platform.data_dir.glob("log/*/*.log"))
        seconds = timed_start(server)
        ends = [end_offset(server, f"fill-{topic}") for topic in range(4)]
    finally:
        server.close()
    allowed = max(log_bytes / 10e9, 0.2)  # a small log: the process itself has to start
    report.line(f"\nSIGKILL while appending, log of {log_bytes / 1e9:.1f} GB")
    report.bar("to ready again (bar 1 s per 10 GB)", round(seconds, 2), f"{seconds:.2f} s of {allowed:.2f}",
               seconds <= allowed)
    missing = sum(max(0, each - end) for end in ends)
    report.bar("acknowledged records missing (bar 0)", missing, f"{missing} of {4 * each:,}",
               missing == 0 and ends[0] > each)


def partitions(report, options):
    from confluent_kafka.admin import AdminClient, NewTopic
    count = 200_000 if options.quick else 1_000_000
    server = clients.Freshet(options.data_dir / "freshet").start()
    try:
        admin = AdminClient({"bootstrap.servers": server.address, "log_level": 0})
        admin.create_topics([NewTopic("wide", 1_000, 1)])["wide"].result()
        names = ("freshet_broker_log_commits_total", "freshet_broker_log_appends_total")
        before = [server.metric(name) for name in names]
        run = clients.produce(server, "wide", 100, count, partition=-1)
        commits, appends = (server.metric(name) - old for name, old in zip(names, before))
    finally:
        server.close()
    report.line(f"\n1,000 partitions, one producer with linger.ms=5: {run.rate:,} records/s, "
                f"broker {run.per_million(run.server_cpu):.2f} CPU-s per million")
    report.bar("acknowledged batches per sync (bar 10: not one sync each)", round(appends / commits, 1),
               f"{appends / commits:.0f} ({appends:,.0f} batches of {count / appends:.0f} records, "
               f"{commits:,.0f} syncs)", appends / commits >= 10)


CASES = {case.__name__: case for case in (speed, latency, idle, start, recovery, partitions)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", help=" ".join(CASES))
    parser.add_argument("--quick", action="store_true", help="a quarter of everything: a look, not a figure")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gigabytes", type=float, default=10.0, help="size of the log that is recovered")
    parser.add_argument("--data-dir", type=pathlib.Path, default=ROOT / "freshet-data/bench-broker")
    parser.add_argument("--output", choices=["table", "json"], default="table")
    options = parser.parse_args()
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        parser.error(f"{unknown[0]} is none of {' '.join(CASES)}")
    if options.quick:
        options.rounds = 1
    report = Report(quiet=options.output == "json")
    for name in options.cases or CASES:
        shutil.rmtree(options.data_dir, ignore_errors=True)
        options.data_dir.mkdir(parents=True)
        try:
            CASES[name](report, options)
        except clients.Missing as missing:
            report.line(f"\nskipped: {name}: {missing}")
        finally:
            shutil.rmtree(options.data_dir, ignore_errors=True)
    if report.quiet:
        print(json.dumps({"name": "broker", "figures": report.figures, "bars": report.bars}))
    return 0 if all(bar["met"] for bar in report.bars) else 1


if __name__ == "__main__":
    sys.exit(main())
