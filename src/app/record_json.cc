#include "app/record_json.h"

#include "app/listing.h"

namespace freshet::app {
namespace {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t length = std::min<size_t>(3, bytes.size() - at);
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < length ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    for (size_t i = 0; i < 4; ++i) {
      out += i <= length ? kDigits[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return out;
}

void append_bytes(std::string_view name, std::optional<std::string_view> bytes, std::string& out) {
  if (!bytes) {
    out += fmt::format("\"{}\":null", name);
  } else if (is_utf8(*bytes)) {
    out += fmt::format("\"{}\":{}", name, json_quoted(*bytes));
  } else {
    out += fmt::format("\"{}_base64\":\"{}\"", name, base64(*bytes));
  }
}

}  // namespace

void append_json(const kafka::ConsumedRecord& record, std::string& out) {
  out += fmt::format("{{\"topic\":{},\"partition\":{},\"offset\":{},\"timestamp_ms\":",
                     json_quoted(record.topic()), record.partition(), record.offset().value());
  out += record.timestamp_ms() < 0 ? "null" : fmt::format("{}", record.timestamp_ms());
  out += ",\"headers\":[";
  bool first = true;
  for (const auto& header : record.headers()) {
    if (!std::exchange(first, false)) out += ',';
    out += fmt::format("{{\"name\":{},", json_quoted(header.key));
    append_bytes("value", header.value, out);
    out += '}';
  }
  out += "],";
  append_bytes("key", record.key(), out);
  out += ',';
  append_bytes("value", record.value(), out);
  out += '}';
}

}  // namespace freshet::app
