// Requests of ClickHouse's HTTP interface: the first line is the target, the second the value of
// Authorization, the third Content-Encoding, the rest the body. Any bytes give a request or an
// error with a number of ClickHouse's.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/clickhouse_request.h"
#include "warehouse/clickhouse_error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto line = [&rest] {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view taken = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return taken;
  };
  io::HttpRequest request{.method = "POST"};
  if (!io::read_target(line(), request)) return 0;
  for (const char* name : {"Authorization", "Content-Encoding"}) {
    request.headers.emplace_back(name, line());
  }
  request.body = rest;
  const auto user = api::read_credentials(request);
  if (!user && !warehouse::clickhouse_code(user.error())) std::abort();
  const auto read = api::read_clickhouse_request(request);
  if (!read) {
    if (!warehouse::clickhouse_code(read.error())) std::abort();
    return 0;
  }
  // What goes into an answer's header must be fit for it.
  if (!std::ranges::all_of(read->query_id, [](char c) { return c > ' ' && c < 127; })) std::abort();
  for (const auto& setting : read->settings) {
    if (setting.name.find_first_of(" ,='`\"\\;") != std::string::npos) std::abort();
  }
  return 0;
}
