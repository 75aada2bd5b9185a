// What an answer over HTTP says, from anybody: an error or none, never more.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "warehouse/http_reply.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  // First line: the number; second line: the summary; the rest: the body.
  const size_t first = std::min(all.find('\n'), all.size());
  const std::string_view rest = all.substr(std::min(first + 1, all.size()));
  const size_t second = std::min(rest.find('\n'), rest.size());
  const std::string body(rest.substr(std::min(second + 1, rest.size())));
  const io::HttpReply reply{
      .status = size % 2 == 0 ? 200U : 500U,
      .headers = {{"X-ClickHouse-Exception-Code", std::string(all.substr(0, first))},
                  {"X-ClickHouse-Summary", std::string(rest.substr(0, second))}},
      .body = body};
  static_cast<void>(warehouse::error_of_clickhouse_reply(reply, "http://fuzz"));
  static_cast<void>(
      warehouse::error_of_clickhouse_reply({.status = 200, .headers = {}, .body = body}, "x"));
  static_cast<void>(warehouse::summary_number(reply, "written_rows"));
  static_cast<void>(warehouse::late_clickhouse_error(body, all.substr(0, first)));
  return 0;
}
