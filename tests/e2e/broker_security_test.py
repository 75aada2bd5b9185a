"""TLS and SASL on the Kafka listener, seen by foreign clients: kcat and confluent-kafka (librdkafka), and bare
frames over Python's own TLS. Certificates are made by openssl for each run."""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct
import subprocess

import pytest
from broker_fixture import BrokerProcess, frame, kcat, read_exactly, read_frame, wait_until
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, ConfigResource

import freshet

USERS = "ada:love-lace,bob:builder"
ALL = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


def make_certificate(directory, name, authority=None, extension="subjectAltName=DNS:localhost,IP:127.0.0.1"):
    """<name>.pem and <name>.key, signed by itself or by the authority; the path of the certificate."""
    key, request, out = (directory / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
    if authority is None:
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", key, "-out", out)
        return out
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", key, "-out", request)
    extensions = directory / f"{name}.ext"
    extensions.write_text(extension + "\n")
    openssl("x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority.with_suffix(".key"),
            "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", out)
    return out


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    authority = make_certificate(directory, "authority")
    make_certificate(directory, "server", authority)
    make_certificate(directory, "client", authority, "extendedKeyUsage=clientAuth")
    make_certificate(directory, "stranger")
    return directory


@pytest.fixture
def secured(tmp_path, certificates):
    broker = BrokerProcess(tmp_path / "log").start(
        certificate=certificates / "server.pem", key=certificates / "server.key", mechanisms=ALL, users=USERS)
    yield broker
    broker.close()


def sasl_ssl(certificates, user="ada", password="love-lace", mechanism="SCRAM-SHA-512"):
    return {"security.protocol": "SASL_SSL", "ssl.ca.location": str(certificates / "authority.pem"),
            "sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}


def as_kcat(settings):
    return [word for name, value in settings.items() for word in ("-X", f"{name}={value}")]


def produce_and_consume(broker, settings):
    lines = "".join(f"record {i}\n" for i in range(2000))
    kcat(broker, "-P", "-t", "t", *as_kcat(settings), stdin=lines)
    assert kcat(broker, "-C", "-t", "t", "-o", "beginning", "-e", "-q", *as_kcat(settings)) == lines


@pytest.mark.parametrize("mechanism", ALL.split(","))
def test_kcat_over_tls_with_every_mechanism(secured, certificates, mechanism):
    produce_and_consume(secured, sasl_ssl(certificates, mechanism=mechanism))


@pytest.mark.parametrize("mechanism", ALL.split(","))
def test_kcat_with_passwords_without_tls_on_loopback(tmp_path, mechanism):
    broker = BrokerProcess(tmp_path / "log").start(mechanisms=ALL, users=USERS)
    settings = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism, "sasl.username": "bob",
                "sasl.password": "builder"}
    produce_and_consume(broker, settings)
    broker.close()


def test_confluent_kafka_groups_and_big_records_over_tls(secured, certificates):
    settings = {"bootstrap.servers": secured.address, **sasl_ssl(certificates)}
    producer = Producer({**settings, "message.max.bytes": 4_000_000})
    values = [os.urandom(900_000) for _ in range(8)] + [b"small"] * 500
    errors = []
    for value in values:
        producer.produce("big", value, on_delivery=lambda error, _: errors.append(error) if error else None)
        producer.poll(0)
    assert producer.flush(60) == 0 and not errors
    consumer = Consumer({**settings, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["big"])
    seen = []
    wait_until(lambda: (m := consumer.poll(0.5)) and not m.error() and (seen.append(m.value()) or
                                                                         len(seen) == len(values)),
               "all records", 60)
    assert seen == values
    consumer.commit(asynchronous=False)
    consumer.close()


def test_the_listener_is_described_with_its_protocol(secured, certificates):
    admin = AdminClient({"bootstrap.servers": secured.address, **sasl_ssl(certificates)})
    broker = ConfigResource(ConfigResource.Type.BROKER, "1")
    configs = admin.describe_configs([broker])[broker].result(10)
    assert configs["advertised.listeners"].value == f"SASL_SSL://{secured.address}"


@pytest.mark.parametrize("user, password", [("ada", "not-her-name"), ("nobody", "love-lace"), ("bob", "love-lace")])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_wrong_passwords_are_refused_and_said(secured, certificates, user, password, mechanism):
    settings = sasl_ssl(certificates, user, password, mechanism)
    admin = AdminClient({"bootstrap.servers": secured.address, **settings})
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=2)
    wait_until(lambda: "login refused" in secured.log(), "a line about the refusal")
    assert password not in secured.log()
    produce_and_consume(secured, sasl_ssl(certificates))


def test_clients_without_tls_or_with_a_strange_authority_stay_outside(secured, certificates):
    for settings in ({}, {"security.protocol": "SSL", "ssl.ca.location": str(certificates / "stranger.pem")}):
        admin = AdminClient({"bootstrap.servers": secured.address, **settings})
        with pytest.raises(KafkaException):
            admin.list_topics(timeout=2)
    wait_until(lambda: "TLS handshake failed" in secured.log(), "a line about the handshake")
    produce_and_consume(secured, sasl_ssl(certificates))


def test_a_tls_client_of_a_plain_listener_is_told_apart(tmp_path, certificates):
    broker = BrokerProcess(tmp_path / "log").start()
    admin = AdminClient({"bootstrap.servers": broker.address, "security.protocol": "SSL",
                         "ssl.ca.location": str(certificates / "authority.pem")})
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=2)
    wait_until(lambda: "the client speaks TLS, this listener does not" in broker.log(), "a hint in the log")
    broker.close()


def test_client_certificates_are_enough_and_required(tmp_path, certificates):
    broker = BrokerProcess(tmp_path / "log").start(
        certificate=certificates / "server.pem", key=certificates / "server.key",
        client_ca=certificates / "authority.pem")

    def settings(name):
        own = {} if name is None else {"ssl.certificate.location": str(certificates / f"{name}.pem"),
                                       "ssl.key.location": str(certificates / f"{name}.key")}
        return {"security.protocol": "SSL", "ssl.ca.location": str(certificates / "authority.pem"), **own}

    for name in (None, "stranger"):
        admin = AdminClient({"bootstrap.servers": broker.address, **settings(name)})
        with pytest.raises(KafkaException):
            admin.list_topics(timeout=2)
    produce_and_consume(broker, settings("client"))
    broker.close()


def test_a_renewed_certificate_is_used_without_a_restart(tmp_path, certificates):
    own = tmp_path / "tls"
    own.mkdir()

    def put(name):
        # One after the other, each at once, as tools that renew certificates do.
        for kind in ("pem", "key"):
            (own / "next").write_bytes((certificates / f"{name}.{kind}").read_bytes())
            (own / "next").rename(own / f"server.{kind}")

    def shown():
        context = ssl.create_default_context(cafile=str(certificates / "authority.pem"))
        context.check_hostname = False
        with context.wrap_socket(broker.connect()) as connection:
            return connection.getpeercert()["serialNumber"]

    make_certificate(certificates, "renewed", certificates / "authority.pem")
    put("server")
    broker = BrokerProcess(tmp_path / "log").start(
        certificate=own / "server.pem", key=own / "server.key", certificate_check_interval=100)
    first = shown()
    with tls_socket(broker, certificates) as before:
        (own / "server.pem").write_text("no certificate")
        wait_until(lambda: "the renewed certificate is not used" in broker.log(), "a word about the bad file")
        assert str(own / "server.pem") in broker.log() and shown() == first
        put("renewed")
        wait_until(lambda: shown() != first, "the renewed certificate to be shown")
        assert "a renewed certificate is used for new connections" in broker.log()
        before.sendall(frame(18, 0, 7))
        assert struct.unpack(">ih", read_frame(before)[:6]) == (7, 0), "who was connected stays so"
    settings = {"security.protocol": "SSL", "ssl.ca.location": str(certificates / "authority.pem")}
    produce_and_consume(broker, settings)
    broker.close()


def tls_socket(broker, certificates, minimum=None, maximum=None):
    context = ssl.create_default_context(cafile=str(certificates / "authority.pem"))
    if minimum:
        context.minimum_version = minimum
        context.set_ciphers("ALL:@SECLEVEL=0")
    if maximum:
        context.maximum_version = maximum
    return context.wrap_socket(broker.connect(), server_hostname="localhost")


def test_tls_below_1_2_is_refused(secured, certificates):
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        tls_socket(secured, certificates, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with tls_socket(secured, certificates, version, version) as connection:
            connection.sendall(frame(18, 0, 7))
            assert struct.unpack(">ih", read_frame(connection)[:6]) == (7, 0)


# Bare frames ---------------------------------------------------------------------------------------------


def text(value):
    return struct.pack(">h", len(value)) + value


def raw(token):
    return struct.pack(">i", len(token)) + token


def scram_client(mechanism, password):
    """The two steps of SCRAM: a function from the server's first token to the client's last, and to its proof."""
    first = "n=ada,r=abcdefgh"

    def last(server_first):
        fields = dict(part.split("=", 1) for part in server_first.split(","))
        salted = hashlib.pbkdf2_hmac(mechanism, password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        key = hmac.digest(salted, b"Client Key", mechanism)
        bare = f"c=biws,r={fields['r']}"
        signed = f"{first},{server_first},{bare}".encode()
        signature = hmac.digest(hashlib.new(mechanism, key).digest(), signed, mechanism)
        proof = bytes(a ^ b for a, b in zip(key, signature))
        server = hmac.digest(hmac.digest(salted, b"Server Key", mechanism), signed, mechanism)
        return f"{bare},p={base64.b64encode(proof).decode()}", f"v={base64.b64encode(server).decode()}"

    return "n,," + first, last


def test_a_handshake_of_version_0_and_bare_tokens(secured, certificates):
    with tls_socket(secured, certificates) as connection:
        connection.sendall(frame(17, 0, 1, text(b"SCRAM-SHA-256")))
        assert struct.unpack(">ih", read_frame(connection)[:6]) == (1, 0)
        first, last = scram_client("sha256", "love-lace")
        connection.sendall(raw(first.encode()))
        proof, expected = last(read_frame(connection).decode())
        connection.sendall(raw(proof.encode()))
        assert read_frame(connection).decode() == expected
        connection.sendall(frame(3, 1, 5, struct.pack(">i", -1)))
        assert struct.unpack(">i", read_frame(connection)[:4]) == (5,)


@pytest.mark.parametrize("request_bytes", [
    frame(3, 1, 1, struct.pack(">i", -1)), frame(0, 3, 1, b""), frame(19, 2, 1, b"\0" * 8), frame(36, 0, 1, raw(b"x")),
    struct.pack(">i", 70_000) + b"x" * 100, b"\xff" * 20, struct.pack(">i", 3) + b"abc"])
def test_nothing_but_the_handshake_is_served_to_strangers(secured, certificates, request_bytes):
    with tls_socket(secured, certificates) as connection:
        connection.sendall(request_bytes)
        assert read_exactly(connection, 1) is None


def test_a_stranger_who_says_nothing_is_put_out(tmp_path, certificates):
    broker = BrokerProcess(tmp_path / "log").start(
        certificate=certificates / "server.pem", key=certificates / "server.key", mechanisms=ALL, users=USERS,
        login_time_max=3000)
    silent = [broker.connect() for _ in range(20)]
    silent.append(tls_socket(broker, certificates))
    for connection in silent:
        assert read_exactly(connection, 1) is None
    assert "not logged in after" in broker.log()
    produce_and_consume(broker, sasl_ssl(certificates))
    broker.close()


def test_guessing_passwords_does_not_slow_others_down(secured, certificates):
    guesses = []
    for i in range(50):
        connection = tls_socket(secured, certificates)
        connection.sendall(frame(17, 1, 1, text(b"PLAIN")) + frame(36, 0, 2, raw(b"\0ada\0guess%d" % i)))
        guesses.append(connection)
    produce_and_consume(secured, sasl_ssl(certificates))
    for connection in guesses:
        read_frame(connection)
        answer = read_frame(connection)
        assert struct.unpack(">ih", answer[:6]) == (2, 58)


# Users by admin calls ------------------------------------------------------------------------------------


def log_in(broker, certificates, user, password):
    connection = tls_socket(broker, certificates)
    connection.sendall(frame(17, 1, 1, text(b"PLAIN")) + frame(36, 0, 2, raw(b"\0%b\0%b" % (user, password))))
    read_frame(connection)
    answer = read_frame(connection)
    return connection if struct.unpack(">h", answer[4:6]) == (0,) else None


def alter_user(connection, user, password):
    """AlterUserScramCredentials v0: one SCRAM-SHA-256 credential."""
    salted = hashlib.pbkdf2_hmac("sha256", password, b"salt", 4096)
    compact = lambda value: bytes([len(value) + 1]) + value  # noqa: E731
    body = b"\1\2" + compact(user) + b"\1" + struct.pack(">i", 4096) + compact(b"salt") + \
        compact(salted) + b"\0\0"
    header = struct.pack(">hhih", 51, 0, 8, 1) + b"t" + b"\0"
    connection.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
    answer = read_frame(connection)
    # correlation id, tags, throttle, count + 1, user, error
    at = 4 + 1 + 4 + 1 + 1 + len(user)
    return struct.unpack(">h", answer[at:at + 2])[0]


def test_users_made_by_admin_calls_survive_a_crash(secured, certificates):
    with log_in(secured, certificates, b"ada", b"love-lace") as admin:
        assert alter_user(admin, b"carol", b"sings") == 0
        assert alter_user(admin, b"ada", b"other") == 44  # declared in the file
    secured.kill()
    secured.start(certificate=certificates / "server.pem", key=certificates / "server.key", mechanisms=ALL,
                  users=USERS)
    produce_and_consume(secured, sasl_ssl(certificates, "carol", "sings", "SCRAM-SHA-256"))
    assert log_in(secured, certificates, b"carol", b"love-lace") is None
    assert log_in(secured, certificates, b"nobody", b"sings") is None
    for file in secured.directory.rglob("*"):
        if file.is_file():
            assert b"sings" not in file.read_bytes() and b"love-lace" not in file.read_bytes(), file


# The platform file ---------------------------------------------------------------------------------------

PLATFORM = """
platform: secured
services:
  kafka:
    embedded:
      host: {host}
      tls: {{ certificate: {directory}/server.pem, key: {directory}/server.key }}
      sasl: {{ users: {{ ada: "${{ADA_PASSWORD}}" }} }}
topics: {{ t: {{ partitions: 1 }} }}
"""


def test_an_open_listener_is_refused_by_check_and_up(tmp_path):
    file = tmp_path / "platform.yaml"
    for embedded in ("{ host: 0.0.0.0, advertised_host: here }", "{ host: 192.0.2.1, sasl: { users: { a: b } } }"):
        file.write_text(f"platform: open\nservices: {{ kafka: {{ embedded: {embedded} }} }}\n")
        for command in (["check", file], ["up", file, "--data-dir", tmp_path / "data"]):
            done = freshet.run(*command, status=1)
            errors = [line for line in done.stderr.splitlines() if "error: " in line]
            assert "write tls: {" in errors[0] and "sasl: {" in errors[0], done.stderr
        assert not (tmp_path / "data").exists()


def test_up_serves_what_the_platform_file_says(platform, certificates):
    p = platform(PLATFORM.format(host="127.0.0.2", directory=certificates))
    p.start(env={"ADA_PASSWORD": "love-lace"})
    host, port = p.kafka.split(":")
    assert host == "127.0.0.2"
    settings = {"bootstrap.servers": p.kafka, **sasl_ssl(certificates),
                "ssl.endpoint.identification.algorithm": "none"}
    admin = AdminClient(settings)
    metadata = admin.list_topics(timeout=10)
    assert "t" in metadata.topics
    assert [(b.host, b.port) for b in metadata.brokers.values()] == [(host, int(port))]
    with pytest.raises(KafkaException):
        AdminClient({**settings, "sasl.password": "x"}).list_topics(timeout=2)
    assert "love-lace" not in p.log()
    env = {"ADA_PASSWORD": "love-lace"}
    p.command("topic", "create", "made", "--file", p.file, env=env)
    assert "made" in p.command("topic", "list", "--file", p.file, env=env).stdout
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", int(port)), timeout=2)
    assert p.stop() == 0
