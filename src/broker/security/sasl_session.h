// What a connection of a listener with SASL may say before it is served: Kafka's two ways to carry
// SASL tokens, and nothing else.
//
//   state          frame                          answer                              next
//   kHello         ApiVersions                    the list (35 for an odd version)    kHello
//                  SaslHandshake v0               mechanisms                          kRawTokens
//                  SaslHandshake v1               mechanisms                          kTokens
//                  SaslHandshake, unknown name    33 and the mechanisms               kRefused
//   kTokens        SaslAuthenticate v0-2          the server's token                  kTokens
//                                                 … the last one                      kAccepted
//                                                 58 and one sentence                 kRefused
//   kRawTokens     a bare token in a frame        a bare token                        kRawTokens
//                                                 … the last one                      kAccepted
//                                                 none                                kRefused
//   any            anything else                  none                                kRefused
//
// kAccepted: from now on every request is served. kRefused: the connection sends the answer, if
// there is one, after kFailureDelay and closes. Sessions do not expire (session_lifetime_ms is 0).
//
// step() computes for milliseconds: on a worker; one thread at a time. It does no I/O.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "broker/security/sasl_exchange.h"
#include "kafka/wire/codec.h"

namespace freshet::broker {

/// A wrong password is answered no sooner: guessing takes a connection and this long.
inline constexpr Millis kFailureDelay{100};

class SaslSession {
 public:
  enum class State { kHello, kTokens, kRawTokens, kAccepted, kRefused };

  /// `users` outlives the session; `mechanisms` are those the listener offers.
  SaslSession(std::vector<SaslMechanism> mechanisms, const UserStore& users)
      : mechanisms_(std::move(mechanisms)), users_(users) {}

  /// A frame without its size. The answer, size included, is empty when there is none.
  std::string step(std::string_view frame);

  [[nodiscard]] State state() const { return state_; }
  /// Once accepted.
  [[nodiscard]] const std::string& user() const { return user_; }
  /// Once refused: what the log says.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }

 private:
  std::string request(std::string_view frame);
  std::string handshake(const kafka::RequestHeader& header, std::string_view body);
  std::string authenticate(const kafka::RequestHeader& header, std::string_view body);
  std::string raw_token(std::string_view token);
  std::string refuse(std::string why, std::string answer = {});
  Result<SaslStep> exchange(std::string_view token);

  const std::vector<SaslMechanism> mechanisms_;
  const UserStore& users_;
  State state_ = State::kHello;
  SaslMechanism mechanism_ = SaslMechanism::kPlain;
  std::unique_ptr<SaslExchange> exchange_;
  std::string user_;
  std::string refusal_;
};

}  // namespace freshet::broker
