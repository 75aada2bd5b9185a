// The client's side of a SASL login: PLAIN (RFC 4616), SCRAM-SHA-256 and -512 (RFC 5802, 7677).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "kafka/scram/scram_keys.h"

namespace freshet::kafka {

/// Pure; one login, one thread.
///
///   PLAIN  first() ── take("") ──> done
///   SCRAM  first() ── take("r=,s=,i=") gives the proof ── take("v=") ──> done
///
/// SCRAM never sends the password, and done() means that the server has proved that it knows its
/// keys. What the server sends is looked at up to 4 KiB, and it may ask for at most a million
/// rounds.
class SaslLogin {
 public:
  /// By sasl.mechanism (or sasl.mechanisms), sasl.username and sasl.password. nullopt: a mechanism
  /// that is not one of these three. kInvalidArgument: no user.
  static Result<std::optional<SaslLogin>> from(
      const std::map<std::string, std::string>& properties);
  /// kUnsupported: a mechanism that is not one of the three.
  static Result<SaslLogin> create(std::string mechanism, std::string user, std::string password);
  SaslLogin(std::string mechanism, std::string user, std::string password, std::string nonce);

  [[nodiscard]] const std::string& mechanism() const { return mechanism_; }
  [[nodiscard]] std::string first() const;
  /// The server's next message; what to send back, nullopt when the login is done. kRefused: it
  /// cannot prove who it is; kCorrupt: no message of this mechanism.
  Result<std::optional<std::string>> take(std::string_view message);

 private:
  Result<std::string> prove(std::string_view server_first);

  std::string mechanism_;
  std::optional<ScramMechanism> scram_;  // none: PLAIN
  std::string user_;
  std::string password_;
  std::string nonce_;
  std::string expected_;  // what proves the server
};

}  // namespace freshet::kafka
