// Who may connect: the users that the platform file declares, and those that Kafka's own admin
// calls made, durable in the meta log.
//
//   "scram/<code of the mechanism>/<user>" -> i16 version = 1, i32 iterations, salt, StoredKey,
//                                             ServerKey, each i16 length and bytes
//   "scram_secret"                         -> 32 random bytes, made at the first start
//
// Passwords are never kept: of a declared one only the keys stay, in memory. Salts of declared
// users and the stand-ins of users that do not exist come from the secret, so they are the same at
// every try and after every restart, and cannot be told from each other.
//
// Any thread. A declared user hides a stored one of the same name and cannot be changed by calls.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "broker/security/listener_security.h"
#include "broker/storage/keyed_log.h"
#include "kafka/scram/scram_keys.h"

namespace freshet::broker {

struct UserChange {
  std::string user;
  kafka::ScramMechanism mechanism;
  std::optional<kafka::ScramCredential> credential;  // none: taken away
};

class UserStore {
 public:
  using Iterations = std::map<kafka::ScramMechanism, int32_t>;
  using ChangeDone = std::move_only_function<void(Result<void>)>;

  /// Reads what is stored and derives the keys of the declared users (milliseconds for each).
  /// `meta` outlives the store.
  static Result<std::unique_ptr<UserStore>> open(KeyedLog& meta,
                                                 const std::vector<DeclaredUser>& declared);
  ~UserStore();

  [[nodiscard]] std::optional<kafka::ScramCredential> find(const std::string& user,
                                                           kafka::ScramMechanism mechanism) const;
  /// Looks like the credential of a user, always the same one for that name; no password fits.
  [[nodiscard]] kafka::ScramCredential stand_in(std::string_view user,
                                                kafka::ScramMechanism mechanism) const;
  /// Takes milliseconds, also for a user that does not exist.
  [[nodiscard]] bool check_password(const std::string& user, std::string_view password) const;

  [[nodiscard]] bool is_declared(const std::string& user) const;
  /// Which mechanisms every user has, with their iterations.
  [[nodiscard]] std::map<std::string, Iterations> list() const;
  /// All or none, durable before `done`, which runs on the log's commit thread.
  void change(std::vector<UserChange> changes, ChangeDone done);

 private:
  struct State;
  UserStore(KeyedLog& meta, std::shared_ptr<State> state);

  KeyedLog& meta_;
  // Shared with changes on their way.
  std::shared_ptr<State> state_;
};

/// What stands in the meta log; for the store and its fuzz target.
[[nodiscard]] std::string encode_scram_credential(const kafka::ScramCredential& credential);
Result<kafka::ScramCredential> decode_scram_credential(kafka::ScramMechanism mechanism,
                                                       std::string_view bytes);

}  // namespace freshet::broker
