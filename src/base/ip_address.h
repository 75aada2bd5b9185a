// What an address to listen on says about who can reach it.
#pragma once

#include <string>

namespace freshet {

/// "localhost", 127.0.0.0/8 or ::1: nobody outside this machine can connect.
[[nodiscard]] bool is_loopback_address(const std::string& text);
/// An IPv4 or IPv6 literal, or "localhost": what a server can be told to listen on.
[[nodiscard]] bool is_listen_address(const std::string& text);

}  // namespace freshet
