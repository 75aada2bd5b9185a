"""Record batches (format 2) for Produce, and what a Fetch answer says in a form that can be compared."""

import functools
import struct
import time

HEADER = ">qiiBIhiqqqhii"  # base offset .. count
HEADER_BYTES = struct.calcsize(HEADER)
LOG_APPEND_TIME = 8
RECENT = 1_600_000_000_000  # a time of the clock, not one that a conversation made up


@functools.cache
def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


def crc32c(data):
    table, crc = crc_table(), 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def zigzag(value):
    value = value << 1 ^ value >> 63
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def sized(data):
    return zigzag(-1) if data is None else zigzag(len(data)) + data


def batch(records, producer_id=-1, epoch=-1, sequence=-1, attributes=0, magic=2, damage=False):
    """Records are (timestamp, key, value)."""
    first = records[0][0]
    body = b""
    for index, (at, key, value) in enumerate(records):
        record = b"\0" + zigzag(at - first) + zigzag(index) + sized(key) + sized(value) + zigzag(0)
        body += zigzag(len(record)) + record
    last = max(at for at, _, _ in records)
    checked = struct.pack(">hiqqqhii", attributes, len(records) - 1, first, last, producer_id, epoch, sequence,
                          len(records)) + body
    crc = crc32c(checked) ^ (1 if damage else 0)
    return struct.pack(">qiiBI", 0, 9 + len(checked), -1, magic, crc) + checked


def recent(records):
    """The same records now: a marker has the time of the clock, and segments end when times lie far apart."""
    now = int(time.time() * 1000)
    return [(now + at, key, value) for at, key, value in records]


def summary(data):
    """Each batch by its header; the producer and broker-made times are masked by the caller's rules for names."""
    batches = []
    while data:
        (base, size, _, magic, _, attributes, last, first_time, max_time, producer, epoch, sequence,
         count) = struct.unpack_from(HEADER, data)
        times = [f"<time {each - first_time}>" if first_time > RECENT else each for each in (first_time, max_time)]
        batches.append({"baseOffset": base, "bytes": size + 12, "magic": magic, "attributes": attributes,
                        "lastOffset": base + last, "firstTime": times[0],
                        "maxTime": "<time>" if attributes & LOG_APPEND_TIME else times[1],
                        "producerId": producer, "epoch": epoch, "sequence": sequence, "count": count,
                        "records": "<marker>" if attributes & 32 else data[HEADER_BYTES:size + 12].hex()})
        data = data[size + 12:]
    return batches
