#include "base/http_url.h"

#include <algorithm>
#include <charconv>

namespace freshet {
namespace {

constexpr size_t kUrlBytesMax = 2'048;

std::unexpected<Error> not_a_url(std::string_view text, std::string_view why) {
  return fail(Errc::kInvalidArgument,
              "\"{}\" {}; expected http:// or https://, a host, and a port if it is not the usual "
              "one",
              text.substr(0, 200), why);
}

bool is_host(std::string_view host, bool bracketed) {
  return !host.empty() && std::ranges::all_of(host, [bracketed](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           (bracketed ? c == ':' || c == '%' : c == '-' || c == '_');
  });
}

// As it may stand in a request line: no blanks, nothing that begins a query.
bool is_path(std::string_view path) {
  return std::ranges::all_of(path,
                             [](char c) { return c > ' ' && c < 127 && c != '?' && c != '#'; });
}

}  // namespace

Result<HttpUrl> HttpUrl::parse(std::string_view text, DefaultPorts ports) {
  if (text.size() > kUrlBytesMax) return not_a_url(text, "is too long for a url");
  HttpUrl url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return not_a_url(text, "is no url");
  }
  const size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);
  if (authority.contains('@')) {
    return fail(Errc::kInvalidArgument,
                "a url with a user or a password in it would show them wherever it is shown; "
                "give them by the keys user and password");
  }
  const bool bracketed = authority.starts_with('[');
  if (bracketed) {
    const size_t end = authority.find(']');
    if (end == std::string_view::npos) return not_a_url(text, "has a [ without its ]");
    url.host = authority.substr(1, end - 1);
    authority.remove_prefix(end + 1);
  } else {
    const size_t colon = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, colon);
    authority.remove_prefix(colon);
  }
  if (!is_host(url.host, bracketed)) return not_a_url(text, "has no host");
  url.port = url.tls ? ports.tls : ports.plain;
  if (!authority.empty()) {
    const std::string_view digits = authority.substr(1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
    if (!authority.starts_with(':') || error != std::errc{} ||
        end != digits.data() + digits.size() || url.port == 0) {
      return not_a_url(text, "has no port from 1 to 65535 after its host");
    }
  }
  while (path.ends_with('/')) path.remove_suffix(1);
  if (!is_path(path)) return not_a_url(text, "has a query or blanks behind its host");
  url.path = path;
  return url;
}

std::string HttpUrl::authority() const {
  return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string HttpUrl::display() const {
  return fmt::format("{}://{}{}", tls ? "https" : "http", authority(), path);
}

}  // namespace freshet
