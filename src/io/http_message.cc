#include "io/http_message.h"

#include <algorithm>
#include <cctype>

namespace freshet::io {
namespace {

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

std::string_view find_header(const HttpHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (equal_without_case(key, name)) return value;
  }
  return {};
}

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return fail(Errc::kInvalidArgument,
                    "broken escape in a URL at byte {}; expected % and two hexadecimal digits", i);
      }
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_' ||
        c == '~') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string HttpRequest::query_or(const std::string& name, const std::string& otherwise) const {
  const auto found = query.find(name);
  return found == query.end() ? otherwise : found->second;
}

Result<void> read_target(std::string_view target, HttpRequest& request) {
  const size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (question == std::string_view::npos) return {};
  std::string_view query = target.substr(question + 1);
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const size_t equals = std::min(pair.find('='), pair.size());
    FRESHET_ASSIGN(std::string name, percent_decode(pair.substr(0, equals), true));
    const auto value = pair.substr(std::min(equals + 1, pair.size()));
    FRESHET_ASSIGN(request.query[name], percent_decode(value, true));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return {};
}

unsigned http_status(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
    case Errc::kOutOfRange:
      return 400;
    case Errc::kRefused:
      return 403;
    case Errc::kNotFound:
      return 404;
    case Errc::kAlreadyExists:
    case Errc::kFenced:
      return 409;
    case Errc::kTooLarge:
      return 413;
    case Errc::kUnsupported:
      return 501;
    case Errc::kUnavailable:
    case Errc::kCancelled:
      return 503;
    case Errc::kTimeout:
      return 504;
    case Errc::kNoSpace:
      return 507;
    case Errc::kCorrupt:
    case Errc::kIo:
    case Errc::kInternal:
      return 500;
  }
  return 500;
}

HttpResponse error_response(const Error& error) {
  HttpResponse response;
  response.status = http_status(error.code());
  response.content_type = "application/json";
  response.body = "{\"error\":{\"code\":";
  append_json_string(response.body, errc_name(error.code()));
  response.body += ",\"message\":";
  append_json_string(response.body, error.message());
  response.body += "}}\n";
  return response;
}

}  // namespace freshet::io
