#include "config/kafka_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/ip_address.h"
#include "config/kafka_properties.h"
#include "config/units.h"

namespace freshet::config {

namespace {

constexpr uint64_t kKiB = 1ULL << 10;
constexpr uint64_t kMiB = 1ULL << 20;
constexpr uint64_t kGiB = 1ULL << 30;
constexpr size_t kPathBytesMax = 4 * kKiB;
constexpr size_t kUserBytesMax = 255;
constexpr size_t kUsersMax = 1'000;

using Listener = KafkaListenerSettings;

/// Files of the platform count from where the platform file is.
std::string beside(const std::string& directory, const std::string& file) {
  if (file.empty()) return file;
  return (std::filesystem::path(directory) / file).lexically_normal().string();
}

Section<Listener> tls_section(const std::string& directory) {
  Section<Listener> tls("TLS of the listener, 1.2 or newer; files are PEM.");
  tls.required_key("certificate", &Listener::certificate, text_kind("path", kPathBytesMax),
                   {"The server's certificate, with its chain.", "tls/server.pem"})
      .required_key("key", &Listener::key, text_kind("path", kPathBytesMax),
                    {"Its private key, without a passphrase.", "tls/server.key"})
      .key("client_ca", &Listener::client_ca, any_text_kind("path", kPathBytesMax),
           {"Who may have signed the certificates of clients.", "tls/clients.pem",
            "clients are not asked for certificates"})
      .key("client_certificates", &Listener::client_certificates,
           choice_kind<ClientCertificates>({{"optional", ClientCertificates::kOptional},
                                            {"required", ClientCertificates::kRequired}}),
           {"Whether a client without a certificate is turned away.", "required"})
      .check([directory](const Place& place, Listener& into) {
        if (into.client_certificates == ClientCertificates::kRequired && into.client_ca.empty()) {
          place.error(
              "client_certificates: required needs client_ca, the file that says who may "
              "have signed them");
        }
        into.certificate = beside(directory, into.certificate);
        into.key = beside(directory, into.key);
        into.client_ca = beside(directory, into.client_ca);
      });
  return tls;
}

void read_users(const Place& place, const std::string& directory, Listener& into) {
  if (!place.node().is_map() || place.node().entries.empty()) {
    return place.error(place.node().describe() +
                       " found; expected a map from users to their passwords, such as "
                       "{ admin: ${KAFKA_ADMIN_PASSWORD} }");
  }
  if (place.node().entries.size() > kUsersMax) {
    return place.error(
        fmt::format("{} users, at most {} can be declared here; make the others "
                    "with kafka-configs",
                    place.node().entries.size(), kUsersMax));
  }
  const auto kind = secret_kind(directory);
  const KeyInfo info = {
      .type = kind.type, .expected = kind.expected, .text = {"", "${KAFKA_ADMIN_PASSWORD}"}};
  for (const auto& [user, user_at, value] : place.node().entries) {
    const Place item = place.below(user, value);
    if (user.empty() || user.size() > kUserBytesMax) {
      item.error(user_at, fmt::format("not a user name; expected 1 to {} bytes", kUserBytesMax));
    }
    auto password = read_value(item, info, kind);
    if (!password) continue;
    if (password->empty()) {
      item.error("the password is empty; expected " + kind.expected);
      continue;
    }
    into.users.push_back({user, std::move(*password)});
  }
}

Section<Listener> sasl_section(const std::string& directory) {
  Section<Listener> sasl("Who may connect: users with passwords.");
  sasl.list("mechanisms", &Listener::mechanisms,
            word_kind({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"},
                      {"GSSAPI", "OAUTHBEARER", "AWS_MSK_IAM"}),
            {"What clients may use.", "[SCRAM-SHA-512]", "SCRAM-SHA-256 and SCRAM-SHA-512"})
      .custom(
          {.name = "users",
           .type = "map",
           .text = {"Users that are always there; more are made with Kafka's admin calls.",
                    "{ admin: ${KAFKA_ADMIN_PASSWORD} }"},
           .required = true},
          [directory](const Place& place, Listener& into) { read_users(place, directory, into); })
      .check([](const Place&, Listener& into) {
        if (into.mechanisms.empty()) into.mechanisms = {"SCRAM-SHA-256", "SCRAM-SHA-512"};
        std::ranges::sort(into.mechanisms);
        const auto twice = std::ranges::unique(into.mechanisms);
        into.mechanisms.erase(twice.begin(), twice.end());
      });
  return sasl;
}

Section<Listener> limits_section() {
  Section<Listener> limits("What clients may take, each and all together.");
  limits
      .key("connections", &Listener::connections, count_kind(1, 1'000'000),
           {"Open connections in all.", "1_000"})
      .key("connections_per_address", &Listener::connections_per_address, count_kind(1, 1'000'000),
           {"Open connections from one address.", "100"})
      .key("request_size", &Listener::request_size, byte_size_kind(kKiB, kGiB),
           {"The largest request.", "16MiB"})
      .key("request_memory", &Listener::request_memory, byte_size_kind(kMiB, 64 * kGiB),
           {"Requests that were received and not yet answered; clients wait above it.", "256MiB"})
      .key("topics", &Listener::topics, count_kind(1, 1'000'000),
           {"Topics, however they were made.", "20_000"});
  return limits;
}

Section<Listener> groups_section() {
  constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24L * 365 * 10);
  constexpr std::chrono::milliseconds kSessionLongest = std::chrono::hours(24);
  Section<Listener> groups("Consumer groups; in parentheses Kafka's names of these settings.");
  groups
      .key("rebalance_delay", &Listener::rebalance_delay,
           duration_kind(std::chrono::milliseconds(0), std::chrono::minutes(5)),
           {"How long an empty group waits for more members (group.initial.rebalance.delay.ms).",
            "3s"})
      .key("offsets_retention", &Listener::offsets_retention,
           duration_kind(std::chrono::minutes(1), kLongest),
           {"How long offsets stay after their group is empty (offsets.retention.minutes).", "30d"})
      .key("members", &Listener::group_members, count_kind(1, 1'000'000),
           {"Members of one group (group.max.size).", "500"})
      .key("session_timeout_min", &Listener::session_timeout_min,
           duration_kind(std::chrono::milliseconds(1), kSessionLongest),
           {"The shortest session time-out of a member (group.min.session.timeout.ms).", "1s"})
      .key("session_timeout_max", &Listener::session_timeout_max,
           duration_kind(std::chrono::milliseconds(1), kSessionLongest),
           {"The longest one (group.max.session.timeout.ms).", "1h"})
      .check([](const Place& place, Listener& into) {
        if (into.session_timeout_min <= into.session_timeout_max) return;
        place.error(fmt::format("session_timeout_min {} is over session_timeout_max {}",
                                print_duration(into.session_timeout_min),
                                print_duration(into.session_timeout_max)));
      });
  return groups;
}

// One sentence that says what to write.
void check_exposure(const Place& place, Listener& into) {
  const Node* host = place.node().find("host");
  const SourcePosition at = host != nullptr ? host->at : place.node().at;
  if (!is_listen_address(into.host)) {
    return place.error(at, fmt::format("host: '{}' is not an address to listen on; expected an "
                                       "IPv4 or IPv6 address of this machine, or 0.0.0.0 for all",
                                       into.host));
  }
  if (is_loopback_address(into.host)) return;
  const bool tls = !into.certificate.empty();
  const bool known =
      !into.users.empty() || into.client_certificates == ClientCertificates::kRequired;
  if (!tls || !known) {
    place.error(at,
                fmt::format("host: others can reach {}, so the listener needs TLS and "
                            "authentication: write tls: {{ certificate: server.pem, key: "
                            "server.key }} and sasl: {{ users: {{ admin: ${{ADMIN_PASSWORD}} }} }} "
                            "beside it, or listen on 127.0.0.1",
                            into.host));
  }
  if ((into.host == "0.0.0.0" || into.host == "::") && into.advertised_host.empty()) {
    place.error(at, fmt::format("host: no client can connect to {}; write advertised_host: the "
                                "name or address by which clients reach this machine",
                                into.host));
  }
}

Section<Listener> listener_section(const std::string& directory) {
  Section<Listener> listener("Where the embedded broker listens, and for whom.");
  listener
      .key("host", &Listener::host, text_kind("address", kKiB),
           {"The address to listen on; beyond loopback only with tls and sasl.", "0.0.0.0"})
      .key(
          "advertised_host", &Listener::advertised_host, any_text_kind("name", kKiB),
          {"The name or address that clients are told to connect to.", "kafka.example.org", "host"})
      .section("tls", tls_section(directory), {"TLS.", ""})
      .section("sasl", sasl_section(directory), {"Users.", ""})
      .section("limits", limits_section(), {"Limits.", ""})
      .section("groups", groups_section(), {"Consumer groups.", ""})
      .check(check_exposure);
  return listener;
}

using External = ExternalKafkaSettings;

Section<External> external_tls_section(const std::string& directory) {
  Section<External> tls("TLS to another Kafka, 1.2 or newer; files are PEM.");
  tls.key("ca", &External::ca, any_text_kind("path", kPathBytesMax),
          {"Who signed the brokers' certificates.", "tls/ca.pem", "the system's list"})
      .key("certificate", &External::certificate, any_text_kind("path", kPathBytesMax),
           {"Our certificate, with its chain.", "tls/freshet.pem", "none is shown"})
      .key("key", &External::key, any_text_kind("path", kPathBytesMax),
           {"Its private key, without a passphrase.", "tls/freshet.key", "none"})
      .check([directory](const Place& place, External& into) {
        into.tls = true;
        if (into.certificate.empty() != into.key.empty()) {
          place.error("certificate and key belong together; give both or neither");
        }
        into.ca = beside(directory, into.ca);
        into.certificate = beside(directory, into.certificate);
        into.key = beside(directory, into.key);
      });
  return tls;
}

Section<External> external_sasl_section(const std::string& directory) {
  Section<External> sasl("Who we are for another Kafka.");
  sasl.key("mechanism", &External::mechanism,
           word_kind({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"},
                     {"GSSAPI", "OAUTHBEARER", "AWS_MSK_IAM"}),
           {"How we log in.", "SCRAM-SHA-256"})
      .required_key("user", &External::user, text_kind("name", kUserBytesMax),
                    {"The user.", "freshet"})
      .required_key("password", &External::password, secret_kind(directory),
                    {"Its password.", "${KAFKA_PASSWORD}"});
  return sasl;
}

/// Keys that stand beside `embedded`, for a struct of their own.
KeyInfo text_key(const std::string& name, const ValueKind<std::string>& kind, KeyText text) {
  return {.name = name, .type = kind.type, .expected = kind.expected, .text = std::move(text)};
}
Section<Platform>::Reader text_reader(const ValueKind<std::string>& kind,
                                      std::string External::* member) {
  return [info = text_key("", kind, {}), kind, member](const Place& place, Platform& into) {
    if (auto value = read_value(place, info, kind)) into.external_kafka.*member = std::move(*value);
  };
}

void check_choice(const Place& place, Platform& into) {
  const bool external = place.node().find("bootstrap") != nullptr;
  if (external && place.node().find("embedded") != nullptr) {
    return place.error(
        "bootstrap and embedded exclude each other: the log is either a Kafka that "
        "runs elsewhere or the broker of this process");
  }
  if (!external && !place.node().entries.empty() && place.node().find("embedded") == nullptr) {
    place.error(
        "bootstrap: is missing; expected the addresses of the Kafka that the other keys "
        "are for, such as bootstrap: k1:9092, or embedded: { … }");
  }
  check_kafka_security(place, into.external_kafka);
}

}  // namespace

void add_kafka_service(Section<Platform>& services, const std::string& directory) {
  const auto addresses = text_kind("addresses", 4 * kKiB);
  const auto instance = instance_kind();
  Section<Platform> kafka("The log.");
  kafka
      .section("embedded", &Platform::kafka, listener_section(directory),
               {"The broker of this process, with settings of its own.", ""})
      .custom(text_key("bootstrap", addresses,
                       {"Addresses of a Kafka that runs elsewhere; one that answers is enough.",
                        "k1:9092,k2:9092", "the embedded broker"}),
              text_reader(addresses, &External::bootstrap))
      .section("tls", &Platform::external_kafka, external_tls_section(directory),
               {"TLS to another Kafka.", ""})
      .section("sasl", &Platform::external_kafka, external_sasl_section(directory),
               {"Who we are for another Kafka.", ""})
      .custom(text_key("instance", instance,
                       {"This process among those that share the work; unique, and the same after "
                        "a restart.",
                        "freshet-0", "by host name and data directory"}),
              text_reader(instance, &External::instance))
      .section("properties", &Platform::external_kafka, kafka_properties_section(directory),
               {"Settings of another Kafka by Kafka's own names.",
                "{ client.id: payments, session.timeout.ms: 45000 }"})
      .check(check_choice);
  KeyInfo info = map_key(
      "kafka", kafka.info(),
      {"The log: a durable broker in this process that speaks Kafka's protocol, or another Kafka.",
       "embedded"});
  info.otherwise = "embedded";
  services.custom(info, [kafka](const Place& place, Platform& into) {
    const Node& node = place.node();
    if (node.unusable || (node.is_scalar() && node.text == "embedded")) return;
    if (node.is_map()) return kafka.read(place, into);
    place.error(
        fmt::format("{} found; expected kafka: embedded, kafka: {{ embedded: {{ … }} }} or "
                    "kafka: {{ bootstrap: \"host:port\" }}",
                    node.describe()));
  });
}

}  // namespace freshet::config
