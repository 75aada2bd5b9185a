"""Kafka's messages by Kafka's own schema files (common/message/*.json in the kafka-clients jar).

A second codec on purpose: it shares nothing with the one that it judges. Values are plain dicts and lists under the
schema's names in camelCase; bytes are bytes, ids are 16 bytes.
"""

import functools
import json
import pathlib
import re
import struct
import zipfile

import sources

FIXED = {"bool": "?", "int8": "b", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q",
         "float64": "d"}


@functools.cache
def messages():
    """Schemas by name, such as FetchRequest."""
    jar = next(pathlib.Path(sources.kafka(), "lib").glob(f"kafka-clients-{sources.KAFKA}.jar"))
    found = {}
    with zipfile.ZipFile(jar) as archive:
        for entry in archive.namelist():
            if re.fullmatch(r"common/message/\w+(Request|Response)\.json", entry):
                text = re.sub(r"^\s*//.*$", "", archive.read(entry).decode(), flags=re.MULTILINE)
                schema = json.loads(text)
                found[schema["name"]] = schema
    return found


def api_key(api):
    return messages()[api + "Request"]["apiKey"]


def api_name(key):
    return next((name.removesuffix("Request") for name, schema in messages().items()
                 if name.endswith("Request") and schema.get("apiKey") == key), f"key {key}")


def inside(version, text):
    if text == "none":
        return False
    first, _, last = text.partition("-")
    return int(first.rstrip("+")) <= version <= (10**6 if text.endswith("+") else int(last or first))


def flexible(api, version):
    return inside(version, messages()[api + "Request"]["flexibleVersions"])


def camel(name):
    return name[0].lower() + name[1:]


class Message:
    """One message in one version."""

    def __init__(self, name, version):
        self.schema = messages()[name]
        self.version = version
        self.flexible = inside(version, self.schema["flexibleVersions"])
        self.structs = {each["name"]: each["fields"] for each in self.schema.get("commonStructs", [])}

    def present(self, field):
        return inside(self.version, field["versions"])

    def nullable(self, field):
        return inside(self.version, field.get("nullableVersions", "none"))

    def tagged(self, field):
        return "tag" in field and inside(self.version, field["taggedVersions"])

    def fields_of(self, field):
        return field.get("fields") or self.structs[field["type"].removeprefix("[]")]

    def default(self, field):
        kind, given = field["type"], field.get("default")
        if given == "null":
            return None
        if kind.startswith("[]"):
            return []
        if kind == "bool":
            return str(given).lower() == "true"
        if kind in FIXED:
            return float(given or 0) if kind == "float64" else int(str(given or 0), 0)
        if kind == "string":
            return given or ""
        if kind in ("bytes", "records"):
            return b""
        return bytes(16) if kind == "uuid" else {}

    # Writing ----------------------------------------------------------------------------------------------

    def encode(self, values):
        out = bytearray()
        self.write_fields(out, self.schema["fields"], values)
        return bytes(out)

    def write_fields(self, out, fields, values):
        unknown = set(values) - {camel(field["name"]) for field in fields}
        assert not unknown, f"{self.schema['name']} has no {sorted(unknown)}"
        tags = []
        for field in filter(self.present, fields):
            value = values.get(camel(field["name"]), self.default(field))
            if self.tagged(field):
                if value != self.default(field):
                    tags.append((field["tag"], field, value))
            else:
                self.write(out, field, field["type"], value)
        if self.flexible:
            varint(out, len(tags))
            for tag, field, value in sorted(tags, key=lambda each: each[0]):
                content = bytearray()
                self.write(content, field, field["type"], value)
                varint(out, tag)
                varint(out, len(content))
                out += content

    def write(self, out, field, kind, value):
        if kind in FIXED:
            out += struct.pack(">" + FIXED[kind], value)
        elif kind == "uuid":
            out += value
        elif kind.startswith("[]"):
            self.write_length(out, value, 4)
            for each in value or []:
                self.write(out, field, kind[2:], each)
        elif kind in ("string", "bytes", "records"):
            raw = value.encode() if isinstance(value, str) else value
            self.write_length(out, raw, 2 if kind == "string" else 4)
            out += raw or b""
        else:
            if self.nullable(field) and not field["type"].startswith("[]"):
                out += struct.pack(">b", -1 if value is None else 1)
            if value is not None:
                self.write_fields(out, self.fields_of(field), value)

    def write_length(self, out, value, width):
        if self.flexible:
            varint(out, 0 if value is None else len(value) + 1)
        else:
            out += struct.pack(">h" if width == 2 else ">i", -1 if value is None else len(value))

    # Reading ----------------------------------------------------------------------------------------------

    def decode(self, data):
        reader = Reader(data)
        values = self.read_fields(reader, self.schema["fields"])
        assert reader.at == len(data), f"{self.schema['name']} {self.version}: {len(data) - reader.at} bytes too many"
        return values

    def read_fields(self, reader, fields):
        values, tags = {}, {}
        for field in filter(self.present, fields):
            if self.tagged(field):
                values[camel(field["name"])] = self.default(field)
                tags[field["tag"]] = field
            else:
                values[camel(field["name"])] = self.read(reader, field, field["type"])
        if self.flexible:
            for _ in range(reader.varint()):
                tag, size = reader.varint(), reader.varint()
                content = Reader(reader.take(size))
                field = tags.get(tag)
                name = camel(field["name"]) if field else f"unknown tag {tag}"
                values[name] = self.read(content, field, field["type"]) if field else content.data
        return values

    def read(self, reader, field, kind):
        if kind in FIXED:
            return reader.fixed(FIXED[kind])
        if kind == "uuid":
            return reader.take(16)
        if kind.startswith("[]"):
            count = self.read_length(reader, 4)
            return None if count < 0 else [self.read(reader, field, kind[2:]) for _ in range(count)]
        if kind in ("string", "bytes", "records"):
            size = self.read_length(reader, 2 if kind == "string" else 4)
            raw = None if size < 0 else reader.take(size)
            return raw.decode() if kind == "string" and raw is not None else raw
        if self.nullable(field) and not field["type"].startswith("[]") and reader.fixed("b") < 0:
            return None
        return self.read_fields(reader, self.fields_of(field))

    def read_length(self, reader, width):
        if self.flexible:
            return reader.varint() - 1
        return reader.fixed("h" if width == 2 else "i")


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        assert 0 <= size <= len(self.data) - self.at, f"{size} bytes at {self.at} of {len(self.data)}"
        self.at += size
        return self.data[self.at - size:self.at]

    def fixed(self, kind):
        return struct.unpack(">" + kind, self.take(struct.calcsize(">" + kind)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value


def varint(out, value):
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
