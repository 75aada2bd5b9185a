#include "config/clickhouse_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/http_url.h"
#include "base/ip_address.h"
#include "config/units.h"

namespace freshet::config {
namespace {

using External = ExternalClickHouseSettings;
using Port = ClickHousePortSettings;
using namespace std::chrono_literals;

Section<Port> port_section(const std::string& directory) {
  constexpr uint64_t kMiB = 1ULL << 20;
  constexpr uint64_t kGiB = 1ULL << 30;
  Section<Port> port("ClickHouse's HTTP interface over the embedded engine, on 127.0.0.1.");
  port.key("http", &Port::http, boolean_kind(),
           {"Whether ClickHouse clients may connect; freshet sql works either way.", "false"})
      .key("password", &Port::password, secret_kind(directory),
           {"Of the user `default`, who is the only one.", "${CH_PASSWORD}", "none is asked for"})
      .key("statements", &Port::statements, count_kind(1, 64),
           {"Statements of clients that run at the same time; others wait.", "4"})
      .key("sessions", &Port::sessions, count_kind(0, 256),
           {"Sessions that keep something of their own, such as a temporary table.", "32"})
      .key("statement_time", &Port::statement_time, duration_kind(1s, 24h),
           {"How long a statement may run unless its client sets max_execution_time.", "30s"})
      .key("statement_time_max", &Port::statement_time_max, duration_kind(1s, 24h * 30),
           {"What a client may set max_execution_time to.", "10m"})
      .key("statement_memory", &Port::statement_memory, byte_size_kind(64 * kMiB, 1024 * kGiB),
           {"Memory of one statement; a client may set max_memory_usage lower.", "1GiB"})
      .key("result_rows", &Port::result_rows, count_kind(1, 1'000'000'000'000),
           {"Rows that a statement may answer with; a client may set max_result_rows lower.",
            "1_000_000"})
      .check([](const Place& place, Port& into) {
        if (into.statement_time <= into.statement_time_max) return;
        place.error(fmt::format("statement_time {} is over statement_time_max {}",
                                print_duration(into.statement_time),
                                print_duration(into.statement_time_max)));
      });
  return port;
}

constexpr size_t kPathBytesMax = 4096;
constexpr size_t kUserBytesMax = 255;
constexpr size_t kUrlsMax = 64;
constexpr HttpUrl::DefaultPorts kPorts{.plain = 8123, .tls = 8443};

ValueKind<std::string> url_kind() {
  return {"url", "http:// or https://, a host, and a port if it is not 8123 or 8443",
          [](const std::string& text) -> std::optional<std::string> {
            const auto url = HttpUrl::parse(text, kPorts);
            if (!url) return std::nullopt;
            return url->display();
          },
          [](const std::string& url) { return url; },
          [](const std::string& text) -> std::string {
            // The text itself may hold a password.
            if (!text.contains('@')) return {};
            const auto url = HttpUrl::parse(text, kPorts);
            return url ? "" : "cannot be used: " + url.error().message();
          }};
}

/// Files of the platform count from where the platform file is.
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

Section<External> tls_section(const std::string& directory) {
  Section<External> tls(
      "TLS to another ClickHouse, 1.2 or newer, for urls with https; files are PEM.");
  tls.key("ca", &External::ca, file_kind(directory),
          {"Who may have signed the server's certificate.", "tls/ca.pem", "the system's list"})
      .key("certificate", &External::certificate, file_kind(directory),
           {"Our certificate, with its chain.", "tls/freshet.pem", "none is shown"})
      .key("key", &External::key, file_kind(directory),
           {"Its private key, without a passphrase.", "tls/freshet.key", "none"})
      .key("check_certificate", &External::check_certificate, boolean_kind(),
           {"Whether the server's certificate must be valid and carry the name in the url; false "
            "lets anybody in between.",
            "false"})
      .check([](const Place& place, External& into) {
        if (into.certificate.empty() == into.key.empty()) return;
        place.error("certificate and key belong together; give both or none");
      });
  return tls;
}

void check_urls(const Place& place, External& into) {
  const Node* one = place.node().find("url");
  const Node* many = place.node().find("urls");
  const Node* given = one != nullptr ? one : many;
  if (one != nullptr && many != nullptr) {
    place.error(many->at, "urls: url is given too; give all in urls, or only url");
  }
  if (into.urls.size() > kUrlsMax) {
    place.error(given->at,
                fmt::format("urls: {} urls, at most {} are used", into.urls.size(), kUrlsMax));
  }
  bool plain = false;
  bool tls = false;
  for (const std::string& text : into.urls) {
    const auto url = HttpUrl::parse(text, kPorts);
    if (!url) continue;  // reported already
    tls = tls || url->tls;
    plain = plain || (!url->tls && !is_loopback_address(url->host));
  }
  if (plain && !into.password.empty()) {
    place.warning(
        given->at,
        "the password goes over the network as it is; use https, or a url of this machine");
  }
  if (!tls && place.node().find("tls") != nullptr && !into.urls.empty()) {
    place.error(place.node().find("tls")->at,
                "tls: no url begins with https://; write one, or "
                "remove tls");
  }
}

/// The keys of another ClickHouse, which stand beside `embedded`.
Section<External> external_section(const std::string& directory) {
  Section<External> external("Another ClickHouse.");
  external
      .list("url", &External::urls, url_kind(),
            {"Where another ClickHouse is, by its HTTP interface.", "https://ch.example.org:8443"})
      .list("urls", &External::urls, url_kind(),
            {"Several replicas of the same data: when one cannot be reached, the next is asked.",
             "[https://ch1:8443, https://ch2:8443]"})
      .key("user", &External::user, text_kind("name", kUserBytesMax),
           {"Who we are for another ClickHouse.", "app"})
      .key("password", &External::password, secret_kind(directory),
           {"Our password there.", "${CH_PASSWORD}", "none"})
      .section("tls", tls_section(directory), {"TLS to another ClickHouse.", ""})
      .key("compression", &External::compression,
           choice_kind<ClickHouseCompression>({{"lz4", ClickHouseCompression::kLz4},
                                               {"zstd", ClickHouseCompression::kZstd},
                                               {"none", ClickHouseCompression::kNone}}),
           {"Of the rows on their way there.", "zstd"})
      .key("connect_timeout", &External::connect_timeout, duration_kind(100ms, 5min),
           {"How long connecting to another ClickHouse may take.", "10s"})
      .key("timeout", &External::timeout, duration_kind(1s, 24h),
           {"How long it may be silent: more than its slowest INSERT takes, materialized views "
            "included.",
            "5m"})
      .check(check_urls);
  return external;
}

}  // namespace

void add_clickhouse_service(Section<Platform>& services, const std::string& directory) {
  const Section<External> external = external_section(directory);
  Section<Platform> clickhouse("The warehouse: this process's own engine, or another ClickHouse.");
  clickhouse.section("embedded", &Platform::clickhouse, port_section(directory),
                     {"The engine of this process, with settings of its own.", ""});
  for (const KeyInfo& key : external.info()->keys) {
    clickhouse.custom(key, {});  // read together, below
  }
  clickhouse.not_yet("cluster", "Cluster of another ClickHouse.");
  KeyInfo info = map_key("clickhouse", clickhouse.info(),
                         {"The warehouse: the ClickHouse engine in this process, with its HTTP "
                          "port, or a ClickHouse that runs elsewhere.",
                          "{ url: https://ch:8443, user: app, password: ${CH_PASSWORD} }"});
  info.otherwise = "embedded";
  services.custom(info, [clickhouse, external](const Place& place, Platform& into) {
    const Node& node = place.node();
    if (node.unusable || (node.is_scalar() && node.text == "embedded")) return;
    if (!node.is_map()) {
      return place.error(
          fmt::format("{} found; expected clickhouse: embedded, clickhouse: {{ "
                      "embedded: {{ … }} }}, or clickhouse: {{ url: https://ch:8443, "
                      "… }}",
                      node.describe()));
    }
    const bool embedded = node.find("embedded") != nullptr;
    const bool elsewhere = node.find("url") != nullptr || node.find("urls") != nullptr;
    if (embedded && node.entries.size() > 1) {
      return place.error(
          "embedded stands alone: the other keys here are for a ClickHouse that runs elsewhere");
    }
    clickhouse.read(place, into);
    if (embedded) return;
    external.read_known(place, into.external_clickhouse);
    if (!elsewhere) {
      place.error("no url given; write url: where another ClickHouse is, or clickhouse: embedded");
    }
  });
}

}  // namespace freshet::config
