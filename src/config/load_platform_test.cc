#include "config/load_platform.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace freshet::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using namespace std::chrono_literals;

LoadedPlatform load(std::string_view text, std::map<std::string, std::string> variables = {}) {
  return load_platform_text(
      text, "platform.yaml", "/data",
      [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
      });
}

std::string problems_of(std::string_view text, std::map<std::string, std::string> variables = {}) {
  return load(text, std::move(variables)).problems.to_string();
}

constexpr std::string_view kEvents = R"(
platform: events
services: { kafka: embedded, clickhouse: embedded }
topics:
  events: { partitions: 6, retention: 7d, config: { segment.bytes: 1048576 } }
  flights: { retention: forever }
tables:
  - CREATE TABLE bitpin.events (user_id String) ENGINE = MergeTree ORDER BY user_id
  - { sql: "CREATE DATABASE x", provenance: false }
sources:
  users:
    generate: { kind: events, rate: 10_000/s, count: 1_000_000, seed: 7, start: 2025-09-18 }
    to: events
    key: user_id
    codec: lz4
  history:
    file: { path: "input/*.csv.gz", nulls: [NA], text: tailnum, delimiter: ";", on_bad_line: skip,
            line_bytes_max: 4MiB }
    to: flights
  clicks: { generate: { kind: clickstream }, to: clicks, encode: json }
pipelines:
  rows:
    from: events
    decode: json
    to: { clickhouse: { table: bitpin.events } }
    columns: { amount: payload.total, currency: payload.currency }
    flush: { rows: 500_000, bytes: 32MiB, after: 100ms }
    on_reject: stop
    dlq: { max_count: 10_000, max_rate: 0.5% }
    on_unknown_field: reject
    on_missing_field: reject
    epoch_unit: us
    workers: 2
    memory: 128MiB
  both: { from: [flights, clicks], to: { clickhouse: { table: both } } }
)";

TEST(LoadPlatform, reads_every_key) {
  const auto loaded = load(kEvents);
  ASSERT_EQ(loaded.problems.to_string(), "");
  const Platform& platform = loaded.platform;
  EXPECT_EQ(platform.name, "events");

  ASSERT_THAT(platform.topics, SizeIs(3));
  EXPECT_EQ(platform.topics[0].partitions, 6);
  EXPECT_EQ(platform.topics[0].config.at("retention.ms"), "604800000");
  EXPECT_EQ(platform.topics[0].config.at("segment.bytes"), "1048576");
  EXPECT_EQ(platform.topics[1].config.at("retention.ms"), "-1");
  EXPECT_EQ(platform.topics[2].name, "clicks");
  EXPECT_FALSE(platform.topics[2].declared);

  ASSERT_THAT(platform.tables, SizeIs(2));
  EXPECT_THAT(platform.tables[0].sql, HasSubstr("CREATE TABLE bitpin.events"));
  EXPECT_TRUE(platform.tables[0].provenance);
  EXPECT_EQ(platform.tables[0].at, (SourcePosition{8, 5}));
  EXPECT_FALSE(platform.tables[1].provenance);

  ASSERT_THAT(platform.sources, SizeIs(3));
  const auto& users = std::get<GenerateSettings>(platform.sources[0].from);
  EXPECT_EQ(users.rate, 10'000.0);
  EXPECT_EQ(users.count, 1'000'000u);
  EXPECT_EQ(users.seed, 7u);
  EXPECT_EQ(users.start, std::chrono::milliseconds(1'758'153'600'000));
  EXPECT_EQ(platform.sources[0].key, "user_id");
  EXPECT_EQ(platform.sources[0].codec, BatchCodec::kLz4);
  const auto& history = std::get<FileSettings>(platform.sources[1].from);
  EXPECT_EQ(history.path, "/data/input/*.csv.gz");
  EXPECT_THAT(history.nulls, ElementsAre("NA"));
  EXPECT_THAT(history.text, ElementsAre("tailnum"));
  EXPECT_EQ(history.delimiter, ';');
  EXPECT_EQ(history.on_bad_line, OnBadLine::kSkip);
  EXPECT_EQ(history.line_bytes_max, 4u << 20);
  EXPECT_EQ(std::get<GenerateSettings>(platform.sources[2].from).kind, GenerateKind::kClickstream);

  ASSERT_THAT(platform.pipelines, SizeIs(2));
  const PipelineSettings& rows = *platform.pipeline("rows");
  EXPECT_THAT(rows.from, ElementsAre("events"));
  EXPECT_EQ(rows.table, "bitpin.events");
  ASSERT_THAT(rows.columns, SizeIs(2));
  EXPECT_EQ(rows.columns[0].path, "payload.total");
  EXPECT_EQ(rows.flush.rows, 500'000u);
  EXPECT_EQ(rows.flush.bytes, 32u << 20);
  EXPECT_EQ(rows.flush.after, 100ms);
  EXPECT_EQ(rows.on_reject, OnReject::kStop);
  EXPECT_EQ(rows.dlq.max_count, 10'000u);
  EXPECT_DOUBLE_EQ(rows.dlq.max_rate, 0.005);
  EXPECT_EQ(rows.on_unknown_field, OnUnknownField::kReject);
  EXPECT_EQ(rows.on_missing_field, OnMissingField::kReject);
  EXPECT_EQ(rows.epoch_unit, EpochUnit::kMicroseconds);
  EXPECT_EQ(rows.workers, 2u);
  EXPECT_EQ(rows.memory, 128u << 20);
  EXPECT_EQ(platform.consumer_group(rows), "freshet.events.rows");
  EXPECT_EQ(platform.dead_letter_topic(rows), "events.rows.dlq");
  EXPECT_THAT(platform.pipeline("both")->from, ElementsAre("flights", "clicks"));
  EXPECT_EQ(platform.pipeline("none"), nullptr);
}

TEST(LoadPlatform, shows_ten_mistakes_at_once_each_with_place_and_remedy) {
  EXPECT_EQ(
      problems_of(R"(platform: My Platform
services: { registry: {} }
topic: {}
topics:
  events: { partitions: 0 }
sources:
  users: { generate: { kind: event, rate: 10000 }, to: events }
pipelines:
  rows:
    from: evnts
    to: { clickhouse: { table: bitpin.events } }
    flush: { rows: 1, rows: 2, after: 100 }
    window: { tumble: 1m }
    on_reject: drop
)"),
      R"(platform.yaml:1:11: error: platform: 'My Platform' does not fit; expected name (1 to 63 of a-z 0-9 _ -), such as payments
platform.yaml:2:13: error: services.registry: not supported yet; remove this key to run without it
platform.yaml:3:1: error: topic: unknown key; did you mean 'topics'?
platform.yaml:5:25: error: topics.events.partitions: '0' does not fit; expected count (1 to 10_000), such as 6
platform.yaml:7:30: error: sources.users.generate.kind: 'event' is unknown; did you mean 'events'?
platform.yaml:7:43: error: sources.users.generate.rate: '10000' does not fit; expected rate (above 0, up to 1_000_000_000/s), such as 10_000/s
platform.yaml:10:11: error: pipelines.rows.from: nothing in this file writes or declares topic 'evnts'; did you mean 'events'? If not, declare it: topics: { evnts: {} }
platform.yaml:12:23: error: rows: duplicate key, the first stands in line 12; remove one of them
platform.yaml:12:39: error: pipelines.rows.flush.after: '100' does not fit; expected duration (1ms to 1d), such as 100ms
platform.yaml:13:5: error: pipelines.rows.window: not supported yet; remove this key to run without it
platform.yaml:14:16: error: pipelines.rows.on_reject: 'drop' is unknown; expected one of dead_letter, stop
)");
}

struct Mistake {
  std::string text;  // after "platform: p\n"
  std::string message;
};

TEST(LoadPlatform, explains_each_kind_of_mistake) {
  const Mistake mistakes[] = {
      {"jobs: {}", "2:1: error: jobs: not supported yet"},
      {"endpoints: {}", "2:1: error: endpoints: not supported yet"},
      {"schemas: {}", "2:1: error: schemas: not supported yet"},
      {"services: { registry: embedded }", "2:13: error: services.registry: not supported yet"},
      {"services: { clickhouse: embeded }", "'embeded' found; expected clickhouse: embedded"},
      {"services: { clickhouse: { user: app } }", "no url given"},
      {"services: { clickhouse: { url: x } }", "does not fit; expected url"},
      {"services: { clickhouse: { url: \"http://a:b@x\" } }", "by the keys user and password"},
      {"services: { clickhouse: { url: http://x, urls: [http://y] } }", "url is given too"},
      {"services: { clickhouse: { url: http://x, tls: { ca: a.pem } } }",
       "no url begins with https"},
      {"services: { clickhouse: { url: https://x, tls: { key: a.pem } } }", "belong together"},
      {"services: { clickhouse: { url: http://x, embedded: {} } }", "embedded stands alone"},
      {"services: { clickhouse: { url: http://x, usr: app } }", "did you mean 'user'?"},
      {"services: { clickhouse: { url: http://x, cluster: main } }", "not supported yet"},
      {"services: { clickhouse: { embedded: { htp: true } } }", "did you mean 'http'?"},
      {"services: { clickhouse: { embedded: { statement_time: 2h } } }",
       "statement_time 2h is over statement_time_max 1h"},
      {"services: embedded", "services: 'embedded' found; expected a map with keys such as kafka"},
      {"topics: [a, b]", "topics: expected a map from names to their settings, found a list"},
      {"topics: { a/b: {} }", "topics.a/b: not a topic name; expected 1 to 249 of a-z"},
      {"topics: { a: }", "topics.a: nothing found; expected a map"},
      {"topics: { a: { config: { segment.byte: 1 } } }", "did you mean 'segment.bytes'?"},
      {"topics: { a: { retention: 7d, config: { retention.ms: 1 } } }", "given twice"},
      {"topics: { a: { partitions: [1] } }", "a list found; expected count"},
      {"tables: CREATE TABLE x", "expected a list of statements"},
      {"tables: [{ provenance: true }]", "tables.1: key 'sql' is missing"},
      {"sources: { s: { to: t } }", "0 origins given; expected exactly one of generate, file"},
      {"sources: { s: { generate: { kind: events }, file: { path: a }, to: t } }", "2 origins"},
      {"sources: { s: { http: { url: x }, to: t } }", "sources.s.http: not supported yet"},
      {"sources: { s: { generate: { kind: events } } }", "sources.s: key 'to' is missing"},
      {"sources: { s: { generate: {}, to: t } }", "generate: key 'kind' is missing"},
      {"sources: { s: { file: { path: a }, to: { prefix: x } } }", "prefix are not supported yet"},
      {"sources: { s: { file: { path: a }, to: t, encode: avro } }", "'avro' is not supported yet"},
      {"sources: { s: { file: { path: a.gz, follow: true }, to: t } }", "cannot be followed"},
      {"sources: { s: { file: { path: a.json, nulls: NA }, to: t } }", "'nulls' is for CSV only"},
      {"sources: { S: { file: { path: a }, to: t } }", "sources.S: not a name"},
      {"pipelines: { r: { from: /e.*/, to: { clickhouse: { table: t } } } }",
       "'/e.*/' is a pattern, which is not supported yet"},
      {"pipelines: { r: { to: { clickhouse: { table: t } } } }", "key 'from' is missing"},
      {"topics: { a: {} }\npipelines: { r: { from: a } }", "key 'to' is missing"},
      {"topics: { a: {} }\npipelines: { r: { from: a, to: {} } }", "no place given"},
      {"topics: { a: {} }\npipelines: { r: { from: a, to: { topic: b } } }",
       "pipelines.r.to.topic: not supported yet"},
      {"topics: { a: {} }\npipelines: { r: { from: [a, a], to: { clickhouse: { table: t } } } }",
       "topic 'a' is listed twice"},
      {"topics: { a: {} }\npipelines:\n  r: { from: a, to: { clickhouse: { table: t } } }\n"
       "  s: { from: a, to: { clickhouse: { table: t } } }",
       "pipeline 'r' writes topic 'a' to this table too"},
      {"topics: { a: {} }\npipelines:\n  r: { from: a, to: { clickhouse: { table: t } }, "
       "flush: { bytes: 1GiB } }",
       "flush.bytes (1GiB) is more than memory (256MiB)"},
      {"topics: { a: {} }\npipelines:\n  r: { from: a, to: { clickhouse: { table: t } }, workers: "
       "4 }",
       "warning: pipelines.r.workers: 4 workers share 1 partitions"},
      {"pipelines: { r: { decode: avro, from: a, to: { clickhouse: { table: a-b } } } }",
       "decode: 'avro' is not supported yet; expected json"},
      {"pipelines: { r: { from: a, to: { clickhouse: { table: a-b } } } }",
       "table: 'a-b' does not fit; expected table name"},
  };
  for (const Mistake& mistake : mistakes) {
    EXPECT_THAT(problems_of("platform: p\n" + mistake.text), HasSubstr(mistake.message))
        << mistake.text;
  }
}

TEST(LoadPlatform, replaces_variables_and_reports_those_that_are_not_set) {
  const auto loaded =
      load("platform: ${NAME:-fallback}\ntopics: { a: { partitions: ${N} } }", {{"N", "12"}});
  EXPECT_EQ(loaded.problems.to_string(), "");
  EXPECT_EQ(loaded.platform.name, "fallback");
  ASSERT_THAT(loaded.platform.topics, SizeIs(1));
  EXPECT_EQ(loaded.platform.topics[0].partitions, 12);
  EXPECT_EQ(problems_of("platform: p\ntopics: { a: { partitions: ${N} } }"),
            "platform.yaml:2:28: error: ${N} is not set in the environment; set it, or give a "
            "default: ${N:-value}\n");
}

TEST(LoadPlatform, keeps_the_value_of_a_variable_out_of_messages) {
  const std::string problems = problems_of("platform: ${PASSWORD}", {{"PASSWORD", "Hunter2!"}});
  EXPECT_THAT(problems, HasSubstr("'${PASSWORD}' (variables replaced) does not fit"));
  EXPECT_THAT(problems, testing::Not(HasSubstr("Hunter2")));
}

TEST(LoadPlatform, needs_nothing_but_the_name) {
  EXPECT_EQ(problems_of("platform: p"), "");
  EXPECT_EQ(problems_of("{}"),
            "platform.yaml:1:1: error: key 'platform' is missing; expected name "
            "(1 to 63 of a-z 0-9 _ -), such as payments\n");
}

TEST(LoadPlatform, says_when_a_file_cannot_be_read) {
  const auto directory = std::filesystem::temp_directory_path();
  const auto missing = directory / "freshet-no-such-file.yaml";
  EXPECT_THAT(load_platform_file(missing).problems.to_string(),
              HasSubstr("freshet-no-such-file.yaml: error: cannot be opened"));
  EXPECT_THAT(load_platform_file(directory).problems.to_string(), HasSubstr("is a directory"));
}

TEST(RequirePlatform, turns_all_problems_into_one_error) {
  auto result = require_platform(load("platform: P\nx: 1"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Errc::kInvalidArgument);
  EXPECT_THAT(result.error().message(), HasSubstr("\nplatform.yaml:2:1: error: x: unknown key"));
}

constexpr std::string_view kSecured = R"(
platform: secured
services:
  kafka:
    embedded:
      host: 0.0.0.0
      advertised_host: kafka.example.org
      tls: { certificate: tls/server.pem, key: /etc/server.key, client_ca: ca.pem, client_certificates: required }
      sasl: { mechanisms: [SCRAM-SHA-512, PLAIN], users: { admin: "${ADMIN}", app: literal } }
      limits: { connections: 50, connections_per_address: 5, request_size: 1MiB, request_memory: 2MiB, topics: 7 }
      groups: { rebalance_delay: 3s, offsets_retention: 30d, members: 9, session_timeout_min: 1s, session_timeout_max: 1h }
)";

TEST(LoadPlatform, reads_the_listener_of_the_embedded_broker) {
  const auto loaded = load(kSecured, {{"ADMIN", "s3cret"}});
  ASSERT_EQ(loaded.problems.to_string(), "");
  const KafkaListenerSettings& kafka = loaded.platform.kafka;
  EXPECT_EQ(kafka.host, "0.0.0.0");
  EXPECT_EQ(kafka.advertised_host, "kafka.example.org");
  EXPECT_EQ(kafka.certificate, "/data/tls/server.pem");
  EXPECT_EQ(kafka.key, "/etc/server.key");
  EXPECT_EQ(kafka.client_ca, "/data/ca.pem");
  EXPECT_EQ(kafka.client_certificates, ClientCertificates::kRequired);
  EXPECT_THAT(kafka.mechanisms, ElementsAre("PLAIN", "SCRAM-SHA-512"));
  ASSERT_THAT(kafka.users, SizeIs(2));
  EXPECT_EQ(kafka.users[0].name, "admin");
  EXPECT_EQ(kafka.users[0].password.reveal(), "s3cret");
  EXPECT_EQ(kafka.connections, 50U);
  EXPECT_EQ(kafka.connections_per_address, 5U);
  EXPECT_EQ(kafka.request_size, 1U << 20);
  EXPECT_EQ(kafka.request_memory, 2U << 20);
  EXPECT_EQ(kafka.topics, 7U);
  EXPECT_EQ(kafka.rebalance_delay, std::chrono::seconds(3));
  EXPECT_EQ(kafka.offsets_retention, std::chrono::days(30));
  EXPECT_EQ(kafka.group_members, 9U);
  EXPECT_EQ(kafka.session_timeout_min, std::chrono::seconds(1));
  EXPECT_EQ(kafka.session_timeout_max, std::chrono::hours(1));
}

TEST(LoadPlatform, reads_where_another_clickhouse_is) {
  const auto loaded = load(R"(
platform: elsewhere
services:
  clickhouse:
    urls: ["https://ch1", "https://ch2:9443/proxy/"]
    user: app
    password: ${CH_PASSWORD}
    tls: { ca: tls/ca.pem, certificate: tls/app.pem, key: /etc/app.key, check_certificate: false }
    compression: zstd
    connect_timeout: 1s
    timeout: 10m
)",
                           {{"CH_PASSWORD", "s3cret"}});
  ASSERT_EQ(loaded.problems.to_string(), "");
  const ExternalClickHouseSettings& clickhouse = loaded.platform.external_clickhouse;
  EXPECT_THAT(clickhouse.urls, ElementsAre("https://ch1:8443", "https://ch2:9443/proxy"));
  EXPECT_EQ(clickhouse.user, "app");
  EXPECT_EQ(clickhouse.password.reveal(), "s3cret");
  EXPECT_EQ(clickhouse.ca, "/data/tls/ca.pem");
  EXPECT_EQ(clickhouse.certificate, "/data/tls/app.pem");
  EXPECT_EQ(clickhouse.key, "/etc/app.key");
  EXPECT_FALSE(clickhouse.check_certificate);
  EXPECT_EQ(clickhouse.compression, ClickHouseCompression::kZstd);
  EXPECT_EQ(clickhouse.connect_timeout, std::chrono::seconds(1));
  EXPECT_EQ(clickhouse.timeout, std::chrono::minutes(10));
  const auto plain = load("platform: p\nservices: { clickhouse: { url: http://ch } }");
  EXPECT_EQ(plain.problems.to_string(), "");
  EXPECT_THAT(plain.platform.external_clickhouse.urls, ElementsAre("http://ch:8123"));
}

TEST(LoadPlatform, warns_of_a_password_that_goes_over_the_network_as_it_is) {
  const std::string bare = "platform: p\nservices: { clickhouse: { password: x, url: ";
  EXPECT_THAT(problems_of(bare + "http://ch } }"),
              HasSubstr("warning: services.clickhouse: the password"));
  EXPECT_EQ(problems_of(bare + "http://127.0.0.1:8123 } }"), "");
  EXPECT_EQ(problems_of(bare + "https://ch } }"), "");
}

std::string listener_problems(const std::string& embedded) {
  return problems_of("platform: p\nservices: { kafka: { embedded: " + embedded + " } }\n",
                     {{"EMPTY", ""}});
}

TEST(LoadPlatform, refuses_a_listener_that_others_reach_without_tls_and_authentication) {
  const std::string tls = "tls: { certificate: a, key: b }";
  const std::string sasl = "sasl: { users: { a: b } }";
  for (const std::string& without : {std::string(), tls, sasl}) {
    const std::string comma = without.empty() ? "" : ", ";
    EXPECT_THAT(listener_problems("{ host: 10.0.0.1" + comma + without + " }"),
                HasSubstr("others can reach 10.0.0.1, so the listener needs TLS and "
                          "authentication: write tls: {"));
  }
  EXPECT_EQ(listener_problems("{ host: 10.0.0.1, " + tls + ", " + sasl + " }"), "");
  EXPECT_EQ(listener_problems("{ host: 10.0.0.1, tls: { certificate: a, key: b, client_ca: c, "
                              "client_certificates: required } }"),
            "");
  EXPECT_EQ(listener_problems("{ host: 127.0.0.1, " + sasl + " }"), "");
  EXPECT_EQ(listener_problems("{}"), "");
}

TEST(LoadPlatform, says_what_is_wrong_with_a_listener) {
  const std::string secured = ", tls: { certificate: a, key: b }, sasl: { users: { a: b } } }";
  EXPECT_THAT(listener_problems("{ host: 0.0.0.0" + secured), HasSubstr("write advertised_host:"));
  EXPECT_THAT(listener_problems("{ host: example.org" + secured),
              HasSubstr("'example.org' is not an address to listen on"));
  EXPECT_THAT(listener_problems("{ sasl: { users: { a: \"${EMPTY}\" } } }"),
              HasSubstr("the password is empty"));
  EXPECT_THAT(listener_problems("{ sasl: { users: {} } }"), HasSubstr("expected a map from users"));
  EXPECT_THAT(listener_problems("{ sasl: { mechanisms: GSSAPI, users: { a: b } } }"),
              HasSubstr("not supported yet"));
  EXPECT_THAT(
      listener_problems("{ tls: { certificate: a, key: b, client_certificates: required } }"),
      HasSubstr("needs client_ca"));
  EXPECT_THAT(listener_problems("{ tls: { certificate: a } }"), HasSubstr("key"));
}

TEST(LoadPlatform, reads_how_to_reach_another_kafka) {
  const auto loaded = load(R"(
platform: p
services:
  kafka:
    bootstrap: k1:9092,k2:9092
    tls: { ca: ca.pem }
    sasl: { user: app, password: "${PASSWORD}" }
    instance: freshet-0
)",
                           {{"PASSWORD", "s3cret"}});
  ASSERT_EQ(loaded.problems.to_string(), "");
  const ExternalKafkaSettings& kafka = loaded.platform.external_kafka;
  EXPECT_EQ(kafka.bootstrap, "k1:9092,k2:9092");
  EXPECT_TRUE(kafka.tls);
  EXPECT_EQ(kafka.ca, "/data/ca.pem");
  EXPECT_EQ(kafka.mechanism, "SCRAM-SHA-512");
  EXPECT_EQ(kafka.user, "app");
  EXPECT_EQ(kafka.password.reveal(), "s3cret");
  EXPECT_EQ(kafka.instance, "freshet-0");
  EXPECT_THAT(problems_of("platform: p\nservices: { kafka: { bootstrap: x, embedded: {} } }\n"),
              HasSubstr("exclude each other"));
  EXPECT_THAT(problems_of("platform: p\nservices: { kafka: { instance: x } }\n"),
              HasSubstr("bootstrap: is missing"));
}

TEST(LoadPlatform, reads_where_a_new_pipeline_begins) {
  const auto pipeline = [](const std::string& start) {
    return "platform: p\ntables: [CREATE TABLE a.b (x UInt8) ENGINE = MergeTree ORDER BY x]\n"
           "topics: { t: {} }\npipelines: { p: { from: t, decode: json, start: " +
           start + ", to: { clickhouse: { table: a.b } } } }\n";
  };
  const auto start_of = [&](const std::string& start) {
    const auto loaded = load(pipeline(start), {});
    EXPECT_EQ(loaded.problems.to_string(), "");
    return loaded.platform.pipelines.at(0).start;
  };
  using At = PipelineStart::At;
  EXPECT_EQ(start_of("earliest"), PipelineStart());
  EXPECT_EQ(start_of("latest").at, At::kLatest);
  EXPECT_EQ(start_of("2025-09-18T10:30:00.250Z"),
            (PipelineStart{.at = At::kTime, .time = 1'758'191'400'250ms}));
  EXPECT_EQ(start_of("2025-09-18").time, 1'758'153'600'000ms);
  for (const std::string wrong : {"soon", "1969-12-31", "10:30"}) {
    EXPECT_THAT(problems_of(pipeline(wrong)), HasSubstr("earliest, latest or UTC time"));
  }
}

std::string property_problems(const std::string& properties, const std::string& beside = "") {
  return problems_of("platform: p\nservices: { kafka: { bootstrap: x, properties: { " + properties +
                     " }" + beside + " } }\n");
}

TEST(LoadPlatform, takes_kafkas_own_names_for_what_they_mean_here) {
  const auto loaded = load(R"(
platform: p
services:
  kafka:
    bootstrap: k1:9092
    properties:
      security.protocol: SASL_SSL
      sasl.mechanisms: PLAIN
      sasl.username: app
      sasl.password: ${PASSWORD}
      ssl.ca.location: ca.pem
      ssl.endpoint.identification.algorithm: none
      client.id: payments
      group.instance.id: payments-0
      partition.assignment.strategy: "range,roundrobin"
      session.timeout.ms: 45000
      heartbeat.interval.ms: 3000
      max.poll.interval.ms: 300000
      fetch.max.bytes: 1048576
      socket.timeout.ms: 30000
      metadata.max.age.ms: 60000
      retry.backoff.ms: 200
      isolation.level: read_committed
      enable.auto.commit: false
)",
                           {{"PASSWORD", "s3cret"}});
  ASSERT_EQ(loaded.problems.to_string(), "");
  const ExternalKafkaSettings& kafka = loaded.platform.external_kafka;
  EXPECT_TRUE(kafka.tls);
  EXPECT_EQ(kafka.ca, "/data/ca.pem");
  EXPECT_FALSE(kafka.check_host_name);
  EXPECT_TRUE(kafka.check_certificate);
  EXPECT_EQ(kafka.mechanism, "PLAIN");
  EXPECT_EQ(kafka.user, "app");
  EXPECT_EQ(kafka.password.reveal(), "s3cret");
  EXPECT_EQ(kafka.client_id, "payments");
  EXPECT_EQ(kafka.instance, "payments-0");
  EXPECT_EQ(kafka.assignors, "range,roundrobin");
  EXPECT_EQ(kafka.session_timeout, 45s);
  EXPECT_EQ(kafka.heartbeat_every, 3s);
  EXPECT_EQ(kafka.rebalance_timeout, 5min);
  EXPECT_EQ(kafka.fetch_bytes_max, 1u << 20);
  EXPECT_EQ(kafka.request_timeout, 30s);
  EXPECT_EQ(kafka.topics_every, 1min);
  EXPECT_EQ(kafka.retry_pause, 200ms);
}

TEST(LoadPlatform, refuses_kafka_properties_that_would_do_nothing_or_contradict) {
  EXPECT_THAT(property_problems("session.timeout: 1000"), HasSubstr("session.timeout.ms"));
  EXPECT_THAT(property_problems("queued.min.messages: 1"), HasSubstr("`flush`"));
  EXPECT_THAT(property_problems("ssl.keystore.location: a"), HasSubstr("export PEM files"));
  EXPECT_THAT(property_problems("group.id: mine"), HasSubstr("freshet.<platform>.<pipeline>"));
  EXPECT_THAT(property_problems("group.instance.id: 'two words'"), HasSubstr("a-z A-Z 0-9"));
  EXPECT_THAT(property_problems("partition.assignment.strategy: sticky"),
              HasSubstr("not supported yet"));
  EXPECT_THAT(property_problems("session.timeout.ms: 10s"), HasSubstr("milliseconds"));
  EXPECT_THAT(property_problems("isolation.level: read_uncommitted"), HasSubstr("rolled back"));
  EXPECT_THAT(property_problems("acks: 1"), HasSubstr("in-sync"));
  EXPECT_THAT(property_problems("auto.offset.reset: latest"), HasSubstr("`start`"));
  EXPECT_THAT(property_problems("security.protocol: SASL_SSL"), HasSubstr("sasl.username"));
  EXPECT_THAT(property_problems("security.protocol: PLAINTEXT, ssl.ca.location: a"),
              HasSubstr("without TLS"));
  EXPECT_THAT(property_problems("security.protocol: SSL, sasl.username: a"),
              HasSubstr("without a login"));
  EXPECT_THAT(property_problems("sasl.username: a, sasl.password: b"),
              HasSubstr("security.protocol"));
  EXPECT_THAT(property_problems("security.protocol: SSL, ssl.key.location: a"),
              HasSubstr("belong together"));
  EXPECT_THAT(property_problems("security.protocol: SSL, ssl.ca.location: a", ", tls: {}"),
              HasSubstr("keep one"));
  EXPECT_THAT(property_problems("session.timeout.ms: 6000, heartbeat.interval.ms: 3000"),
              HasSubstr("a third"));
}

}  // namespace
}  // namespace freshet::config
