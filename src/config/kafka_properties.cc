#include "config/kafka_properties.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <initializer_list>
#include <span>

#include "config/units.h"

namespace freshet::config {
namespace {

using External = ExternalKafkaSettings;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr size_t kPathBytesMax = 4096;
constexpr size_t kNameBytesMax = 255;
constexpr uint64_t kKiB = 1ULL << 10;
constexpr uint64_t kMiB = 1ULL << 20;

/// A bare number, as Kafka writes durations.
ValueKind<milliseconds> millis_kind(milliseconds min, milliseconds max) {
  const auto count =
      count_kind(static_cast<uint64_t>(min.count()), static_cast<uint64_t>(max.count()));
  return {"milliseconds", count.expected,
          [parse = count.parse](const std::string& text) -> std::optional<milliseconds> {
            const auto value = parse(text);
            if (!value) return std::nullopt;
            return milliseconds(static_cast<int64_t>(*value));
          },
          [print = count.print](const milliseconds& value) {
            return print(static_cast<uint64_t>(value.count()));
          }};
}

ValueKind<uint64_t> bytes_kind(uint64_t min, uint64_t max) {
  auto kind = count_kind(min, max);
  kind.type = "bytes";
  return kind;
}

ValueKind<std::string> file_kind(const std::string& directory) {
  auto kind = any_text_kind("path", kPathBytesMax);
  kind.parse = [directory,
                parse = kind.parse](const std::string& text) -> std::optional<std::string> {
    auto file = parse(text);
    if (!file || file->empty()) return file;
    return (std::filesystem::path(directory) / *file).lexically_normal().string();
  };
  return kind;
}

/// What is done in another way here.
void otherwise(Section<External>& section, std::initializer_list<const char*> names,
               const std::string& why) {
  for (const char* name : names) {
    section.custom({.name = name, .type = "refused", .text = {.what = "Not here: " + why + "."}},
                   [why](const Place& place, External&) { place.error("not here: " + why); });
  }
}

/// What this client does in any case: said with the same value it is taken, with another refused.
void always(Section<External>& section, const std::string& name, std::vector<std::string> values,
            const std::string& why) {
  const std::string first = values.front();
  auto kind = word_kind(std::move(values), {});
  kind.explain = [why](const std::string&) { return "cannot be chosen: " + why; };
  const KeyInfo info = {.name = name,
                        .type = kind.type,
                        .expected = kind.expected,
                        .otherwise = first,
                        .text = {"Always so: " + why + ".", first}};
  section.custom(info, [info, kind](const Place& place, External&) {
    static_cast<void>(read_value(place, info, kind));
  });
}

void add_login(Section<External>& section, const std::string& directory) {
  section
      .key("security.protocol", &External::security_protocol,
           word_kind({"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}, {}),
           {"Whether there is TLS, and a login.", "SASL_SSL", "as `tls` and `sasl` say"})
      .key("ssl.ca.location", &External::ca, file_kind(directory),
           {"As `tls.ca`.", "tls/ca.pem", "the system's list"})
      .key("ssl.certificate.location", &External::certificate, file_kind(directory),
           {"As `tls.certificate`.", "tls/freshet.pem", "none is shown"})
      .key("ssl.key.location", &External::key, file_kind(directory),
           {"As `tls.key`.", "tls/freshet.key", "none"})
      .key("ssl.endpoint.identification.algorithm", &External::check_host_name,
           choice_kind<bool>({{"https", true}, {"none", false}}),
           {"Whether the broker's certificate must carry the name that was connected to.", "none"})
      .key("enable.ssl.certificate.verification", &External::check_certificate, boolean_kind(),
           {"Whether the broker's certificate is checked at all; false lets anybody in between.",
            "false"});
  for (const char* name : {"sasl.mechanism", "sasl.mechanisms"}) {
    section.key(name, &External::mechanism,
                word_kind({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"},
                          {"GSSAPI", "OAUTHBEARER", "AWS_MSK_IAM"}),
                {"As `sasl.mechanism`.", "SCRAM-SHA-256"});
  }
  const auto password = secret_kind(directory);
  section
      .key("sasl.username", &External::user, text_kind("name", kNameBytesMax),
           {"As `sasl.user`.", "freshet"})
      .custom({.name = "sasl.password",
               .type = password.type,
               .expected = password.expected,
               .text = {"As `sasl.password`.", "${KAFKA_PASSWORD}"}},
              [password](const Place& place, External& into) {
                const KeyInfo info = {.type = password.type, .expected = password.expected};
                if (auto secret = read_value(place, info, password)) {
                  into.password = std::move(*secret);
                }
              });
}

void add_membership(Section<External>& section) {
  section
      .key("client.id", &External::client_id, text_kind("name", kNameBytesMax),
           {"What brokers call this client in logs, metrics and quotas.", "payments"})
      .key("group.instance.id", &External::instance, instance_kind(),
           {"As `instance`.", "freshet-0", "by host name and data directory"})
      .key("partition.assignment.strategy", &External::assignors,
           word_kind({"cooperative-sticky", "range", "roundrobin", "range,roundrobin"}, {"sticky"}),
           {"How members share the partitions. With cooperative-sticky they go on with what they "
            "keep while others come and go; with the others all hand over first.",
            "range"})
      .key("session.timeout.ms", &External::session_timeout, millis_kind(1s, 30min),
           {"How long after its last heartbeat a member's partitions go to others.", "45_000"})
      .key("heartbeat.interval.ms", &External::heartbeat_every, millis_kind(10ms, 10min),
           {"How often a member says that it lives.", "3_000"})
      .key(
          "max.poll.interval.ms", &External::rebalance_timeout, millis_kind(1s, 24h),
          {"How long a rebalance waits for members that finish what they are writing.", "300_000"});
  always(section, "enable.auto.commit", {"false"},
         "an offset is committed only when everything before it is durable");
  always(section, "auto.offset.reset", {"none", "error"},
         "where a pipeline begins is said by its `start`, and a position that is lost is an error");
  always(section, "isolation.level", {"read_committed"},
         "records of transactions that were rolled back are never read");
}

void add_transport(Section<External>& section) {
  const auto ask_max = millis_kind(100ms, 10min);
  for (const char* name : {"request.timeout.ms", "socket.timeout.ms"}) {
    section.key(name, &External::request_timeout, ask_max,
                {"How long one question to a broker may take.", "30_000"});
  }
  section
      .key("socket.connection.setup.timeout.ms", &External::connect_timeout, ask_max,
           {"How long connecting may take, TLS and login included.", "30_000"})
      .key("socket.keepalive.enable", &External::keepalive, boolean_kind(),
           {"TCP keep-alive, for firewalls that forget quiet connections.", "true"})
      .key("socket.send.buffer.bytes", &External::send_buffer, bytes_kind(0, 100 * kMiB),
           {"0: the system's.", "1_048_576"})
      .key("socket.receive.buffer.bytes", &External::receive_buffer, bytes_kind(0, 100 * kMiB),
           {"0: the system's.", "1_048_576"})
      .key("fetch.max.bytes", &External::fetch_bytes_max, bytes_kind(kKiB, 64 * kMiB),
           {"Most bytes of one answer, if its first batch is not larger.", "16_777_216"});
  for (const char* name : {"metadata.max.age.ms", "topic.metadata.refresh.interval.ms"}) {
    section.key(
        name, &External::topics_every, millis_kind(100ms, 1h),
        {"How often the group's leader looks for new partitions and new topics.", "300_000"});
  }
  for (const char* name : {"delivery.timeout.ms", "message.timeout.ms"}) {
    section.key(
        name, &External::delivery_timeout, millis_kind(1s, 24h),
        {"How long records are sent again before a source looks what has landed.", "300_000"});
  }
  section
      .key("retry.backoff.ms", &External::retry_pause, millis_kind(1ms, 5min),
           {"The first pause before records are sent again; doubles, and varies at random.", "200"})
      .key("retry.backoff.max.ms", &External::retry_pause_max, millis_kind(1ms, 5min),
           {"The longest one.", "5_000"});
  always(section, "acks", {"all", "-1"}, "a record counts when all in-sync replicas have it");
  always(section, "request.required.acks", {"all", "-1"},
         "a record counts when all in-sync replicas have it");
  always(section, "enable.idempotence", {"true"},
         "what is sent again is never doubled by the broker");
}

/// Settings that files from elsewhere are likely to have.
void add_what_is_done_otherwise(Section<External>& section) {
  otherwise(section, {"bootstrap.servers", "metadata.broker.list"},
            "write the addresses as `bootstrap` beside `properties`");
  otherwise(section, {"group.id"},
            "the group of a pipeline is `freshet.<platform>.<pipeline>`, so that no two share one");
  otherwise(section, {"transactional.id", "enable.auto.offset.store", "auto.commit.interval.ms"},
            "pipelines commit their own positions, with what they are about to write");
  otherwise(section, {"group.protocol"},
            "members use the classic group protocol, which every Kafka has; leave it out");
  otherwise(section,
            {"fetch.min.bytes", "fetch.wait.max.ms", "fetch.max.wait.ms", "queued.min.messages",
             "queued.max.messages.kbytes", "max.partition.fetch.bytes", "fetch.message.max.bytes",
             "max.poll.records"},
            "what is read at a time follows from `flush` and `memory` of the pipeline");
  otherwise(
      section,
      {"linger.ms", "queue.buffering.max.ms", "batch.size", "batch.num.messages",
       "queue.buffering.max.messages", "queue.buffering.max.kbytes", "buffer.memory",
       "max.in.flight.requests.per.connection", "retries"},
      "a source makes batches of its own and each is sent as it is, until it is acknowledged");
  otherwise(section, {"compression.type", "compression.codec"},
            "a source compresses as its `codec` says");
  otherwise(section, {"client.rack"}, "records are fetched from leaders only");
  otherwise(section, {"ssl.key.password"},
            "keys with a passphrase cannot be read; give a PEM file without one, which only this "
            "user may read");
  otherwise(section,
            {"ssl.keystore.location", "ssl.keystore.password", "ssl.truststore.location",
             "ssl.truststore.password"},
            "Java's key stores cannot be read; export PEM files for ssl.ca.location, "
            "ssl.certificate.location and ssl.key.location");
  otherwise(section, {"sasl.jaas.config"}, "write sasl.username and sasl.password");
  otherwise(section,
            {"sasl.kerberos.service.name", "sasl.kerberos.principal", "sasl.kerberos.keytab",
             "sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.method"},
            "logins are PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512");
  otherwise(section, {"debug", "log_level", "statistics.interval.ms"},
            "this client logs as the rest of the program and its figures are in /metrics");
}

/// The first of `names` that the file has under `properties`.
const Node* find_property(const Place& place, std::span<const char* const> names) {
  const Node* properties = place.node().find("properties");
  if (properties == nullptr || !properties->is_map()) return nullptr;
  for (const char* name : names) {
    if (const Node* found = properties->find(name); found != nullptr) return found;
  }
  return nullptr;
}

constexpr std::array kTlsNames = {"ssl.ca.location", "ssl.certificate.location", "ssl.key.location",
                                  "ssl.endpoint.identification.algorithm",
                                  "enable.ssl.certificate.verification"};
constexpr std::array kLoginNames = {"sasl.mechanism", "sasl.mechanisms", "sasl.username",
                                    "sasl.password"};
// What can be written in two ways: the section beside `properties`, and its names there.
struct TwoWays {
  const char* key;
  std::span<const char* const> names;
};
constexpr std::array<const char*, 1> kInstanceName = {"group.instance.id"};

void check_said_once(const Place& place) {
  for (const TwoWays& both : {TwoWays{"tls", kTlsNames}, TwoWays{"sasl", kLoginNames},
                              TwoWays{"instance", kInstanceName}}) {
    const Node* property = find_property(place, both.names);
    if (property == nullptr || place.node().find(both.key) == nullptr) continue;
    place.error(property->at, fmt::format("properties: `{}` beside it says the same; keep one of "
                                          "the two",
                                          both.key));
  }
}

}  // namespace

ValueKind<std::string> instance_kind() {
  auto kind = topic_kind();
  kind.type = "name";
  return kind;
}

Section<ExternalKafkaSettings> kafka_properties_section(const std::string& directory) {
  Section<External> section(
      "Kafka's own names for settings of another Kafka (librdkafka's and Java's), as far as they "
      "mean something here.");
  add_login(section, directory);
  add_membership(section);
  add_transport(section);
  add_what_is_done_otherwise(section);
  section.check([](const Place& place, External& into) {
    if (into.retry_pause > into.retry_pause_max) {
      place.error(fmt::format("retry.backoff.ms {} is over retry.backoff.max.ms {}",
                              into.retry_pause.count(), into.retry_pause_max.count()));
    }
    if (into.heartbeat_every * 3 > into.session_timeout) {
      place.error(
          fmt::format("heartbeat.interval.ms {} is over a third of session.timeout.ms {}: "
                      "one late answer would cost the membership",
                      into.heartbeat_every.count(), into.session_timeout.count()));
    }
  });
  return section;
}

void check_kafka_security(const Place& place, ExternalKafkaSettings& into) {
  check_said_once(place);
  const Node* tls_key = place.node().find("tls");
  const Node* sasl_key = place.node().find("sasl");
  const Node* tls_property = find_property(place, kTlsNames);
  const Node* login_property = find_property(place, kLoginNames);
  const std::string& protocol = into.security_protocol;
  const bool wants_tls = protocol.ends_with("SSL");
  const bool wants_login = protocol.starts_with("SASL");
  if (protocol.empty()) {
    const Node* loose = tls_property != nullptr ? tls_property : login_property;
    if (loose != nullptr && tls_key == nullptr && sasl_key == nullptr) {
      place.error(loose->at,
                  "properties: ssl.* and sasl.* say nothing without security.protocol; write "
                  "security.protocol: SSL, SASL_PLAINTEXT or SASL_SSL beside it");
    }
  } else {
    into.tls = wants_tls;
    const Node* tls_said = tls_key != nullptr ? tls_key : tls_property;
    if (tls_said != nullptr && !wants_tls) {
      place.error(tls_said->at, fmt::format("security.protocol {} is without TLS, but TLS is set "
                                            "up here; write SSL or SASL_SSL, or remove this",
                                            protocol));
    }
    const Node* login_said = sasl_key != nullptr ? sasl_key : login_property;
    if (login_said != nullptr && !wants_login) {
      place.error(login_said->at, fmt::format("security.protocol {} is without a login, but one is "
                                              "set up here; write SASL_SSL, or remove this",
                                              protocol));
    }
  }
  const bool logs_in = sasl_key != nullptr || (login_property != nullptr && wants_login);
  if (wants_login && !logs_in) {
    place.error(
        fmt::format("security.protocol {} needs sasl.username and sasl.password", protocol));
  } else if (logs_in && sasl_key == nullptr && (into.user.empty() || into.password.empty())) {
    place.error("sasl.username and sasl.password belong together; give both");
  }
  if (tls_key == nullptr && into.certificate.empty() != into.key.empty()) {
    place.error("the certificate and its key belong together; give both or neither");
  }
}

}  // namespace freshet::config
