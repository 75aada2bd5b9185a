// One client proving who it is by one SASL mechanism: tokens in, tokens out.
//
//   PLAIN (RFC 4616)      authzid NUL user NUL password                 ->  accepted, empty token
//   SCRAM (RFC 5802)      n,,n=user,r=c                                 ->
//                         r=cs,s=salt,i=count                           <-
//                         c=biws,r=cs,p=proof                           ->
//                         v=signature                                   <-  accepted
//
//   kFirst --token--> (PLAIN) accepted | refused
//   kFirst --token--> (SCRAM) kFinal --token--> accepted | refused
//
// Invariants: after accepted or refused no token is taken; refused says the same for a user that
// does not exist as for a wrong password, after the same work; a user that does not exist gets the
// salt that it would always get. Tokens are bounded by kSaslTokenBytesMax.
//
// Checking a password takes milliseconds: step() runs on a worker, not on an I/O thread; one thread
// at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "broker/security/sasl_mechanism.h"
#include "kafka/scram/scram_keys.h"

namespace freshet::broker {

class UserStore;

inline constexpr size_t kSaslTokenBytesMax = 8 << 10;

struct SaslStep {
  std::string token;  // for the client
  bool accepted = false;
  std::string user;  // who it is, once accepted
};

/// Two users: PlainExchange and ScramExchange.
class SaslExchange {
 public:
  virtual ~SaslExchange() = default;
  /// kRefused: the client is not who it says it is, or the token makes no sense; the exchange is
  /// over. The message is for the log, not for the client, and holds no secret.
  virtual Result<SaslStep> step(std::string_view token) = 0;

  /// `users` outlives the exchange.
  static std::unique_ptr<SaslExchange> make(SaslMechanism mechanism, const UserStore& users);
};

struct PlainLogin {
  std::string authorization_id;
  std::string user;
  std::string password;
};
/// kRefused for anything that RFC 4616 does not allow.
Result<PlainLogin> parse_plain_token(std::string_view token);

class PlainExchange final : public SaslExchange {
 public:
  explicit PlainExchange(const UserStore& users) : users_(users) {}
  Result<SaslStep> step(std::string_view token) override;

 private:
  const UserStore& users_;
  bool over_ = false;
};

/// The fields of SCRAM's two client messages, as far as the server looks at them.
struct ScramClientFirst {
  std::string gs2_header;  // "n,a=authzid,", what the final message must repeat
  std::string bare;        // the rest of the message, part of what is signed
  std::string authorization_id;
  std::string user;
  std::string nonce;
};
struct ScramClientFinal {
  std::string without_proof;  // part of what is signed
  std::string channel_binding;
  std::string nonce;
  std::string proof;
};
/// kRefused for anything that RFC 5802 section 7 does not allow or that asks for channel binding.
Result<ScramClientFirst> parse_scram_client_first(std::string_view message);
Result<ScramClientFinal> parse_scram_client_final(std::string_view message);

class ScramExchange final : public SaslExchange {
 public:
  ScramExchange(kafka::ScramMechanism mechanism, const UserStore& users)
      : mechanism_(mechanism), users_(users) {}
  Result<SaslStep> step(std::string_view token) override;

 private:
  enum class State { kFirst, kFinal, kOver };

  Result<SaslStep> first(std::string_view token);
  Result<SaslStep> last(std::string_view token);

  const kafka::ScramMechanism mechanism_;
  const UserStore& users_;
  State state_ = State::kFirst;
  ScramClientFirst client_first_;
  std::string server_first_;
  std::string nonce_;  // our part of it
  kafka::ScramCredential credential_;
  bool known_ = false;
};

}  // namespace freshet::broker
