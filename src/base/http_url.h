// Where an HTTP service is: "https://ch.example.org:8443/prefix".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet {

struct HttpUrl {
  /// What a url without a port means.
  struct DefaultPorts {
    uint16_t plain = 80;
    uint16_t tls = 443;
  };

  bool tls = false;
  std::string host;  // a name or an address; an IPv6 address without its brackets
  uint16_t port = 0;
  std::string path;  // begins with "/" and does not end with one; empty: the root

  /// kInvalidArgument says what was found and what was expected. A user and a password in the url
  /// are refused: they would be shown wherever the url is. At most 2,048 bytes.
  static Result<HttpUrl> parse(std::string_view text, DefaultPorts ports);

  /// "ch.example.org:8443", "[::1]:8123"
  [[nodiscard]] std::string authority() const;
  /// The whole, with its port.
  [[nodiscard]] std::string display() const;
  friend bool operator==(const HttpUrl&, const HttpUrl&) = default;
};

}  // namespace freshet
