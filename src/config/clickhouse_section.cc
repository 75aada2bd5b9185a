#include "config/clickhouse_section.h"

#include <fmt/format.h>

#include "config/units.h"

namespace freshet::config {
namespace {

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

}  // namespace

void add_clickhouse_service(Section<Platform>& services, const std::string& directory) {
  Section<Platform> clickhouse("The warehouse.");
  clickhouse
      .section("embedded", &Platform::clickhouse, port_section(directory),
               {"The engine of this process, with settings of its own.", ""})
      .not_yet("url", "Address of another ClickHouse.")
      .not_yet("user", "Who we are for another ClickHouse.")
      .not_yet("password", "Our password for another ClickHouse.")
      .not_yet("cluster", "Cluster of another ClickHouse.");
  KeyInfo info = map_key(
      "clickhouse", clickhouse.info(),
      {"The warehouse: the ClickHouse engine in this process, with its HTTP port.", "embedded"});
  info.otherwise = "embedded";
  services.custom(info, [clickhouse](const Place& place, Platform& into) {
    const Node& node = place.node();
    if (node.unusable || (node.is_scalar() && node.text == "embedded")) return;
    if (node.is_map()) {
      if (node.find("embedded") == nullptr) {
        return place.error(
            "an external service is not supported yet; write clickhouse: embedded, or clickhouse: "
            "{ embedded: { … } } to give it settings");
      }
      return clickhouse.read(place, into);
    }
    place.error(fmt::format(
        "{} found; expected clickhouse: embedded, or clickhouse: {{ embedded: {{ … }} }}",
        node.describe()));
  });
}

}  // namespace freshet::config
