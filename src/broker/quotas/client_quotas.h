// What clients may use: Kafka's client quotas, durable in the meta log, and how much of them each
// client has used.
//
// A limit stands at an entity: a user, a client id, or both, each by its name or as the default of
// those without one of their own. Of a client's possible entities the first in Kafka's order that
// has the limit counts: user and client id before user alone before client id alone, a name before
// a default. A limit of a user and client id holds for that pair, one of a user for all its clients
// together, one of a client id for all clients of that id.
//
// Who has used more than the limit allows is made to wait: the answer says for how long, and the
// connection is not read from meanwhile (in process, the next call waits). A client may run ahead
// by one second's worth, and is never made to wait for more than kQuotaWaitMax at once.
//
// In the meta log: "quota/" + user + client id + name of the limit -> 8 bytes, the IEEE 754 double.
// User and client id are each i8 0 (not part of the entity), 1 (the default), or 2 with an i16
// length and bytes.
#pragma once

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "broker/storage/keyed_log.h"

namespace freshet::broker {

/// Who a client without a login is, as in Kafka.
inline constexpr std::string_view kAnonymousUser = "ANONYMOUS";
inline constexpr Millis kQuotaWaitMax{10'000};

/// One part of an entity.
struct QuotaName {
  enum class Kind : int8_t { kAbsent, kDefault, kNamed };
  Kind kind = Kind::kAbsent;
  std::string name;  // of kNamed

  static QuotaName any() { return {Kind::kDefault, {}}; }
  static QuotaName of(std::string name) { return {Kind::kNamed, std::move(name)}; }
  auto operator<=>(const QuotaName&) const = default;
};

struct QuotaEntity {
  QuotaName user;
  QuotaName client_id;
  auto operator<=>(const QuotaEntity&) const = default;
};

/// kRequest is in percent of one thread's time (of the handlers on a network thread, in process of
/// the calling thread's processor time), the others are bytes a second.
enum class QuotaKind : uint8_t { kProduce, kConsume, kRequest };
/// Kafka's name of the limit.
[[nodiscard]] std::string_view quota_name(QuotaKind kind);
[[nodiscard]] std::optional<QuotaKind> quota_kind_of(std::string_view name);

struct QuotaChange {
  QuotaEntity entity;
  QuotaKind kind;
  std::optional<double> limit;  // nullopt: taken away
};

struct QuotaClient {
  std::string user{kAnonymousUser};
  std::string client_id;
};

/// Any thread.
class ClientQuotas {
 public:
  using Limits = std::map<QuotaKind, double>;
  using ChangeDone = std::move_only_function<void(Result<void>)>;

  /// Reads what is stored. `meta` and `clock` outlive the quotas.
  static Result<std::unique_ptr<ClientQuotas>> open(KeyedLog& meta, Clock& clock);
  ~ClientQuotas();

  [[nodiscard]] std::map<QuotaEntity, Limits> list() const;
  /// All or none, in force and durable before `done`, which runs on the log's commit thread.
  void change(std::vector<QuotaChange> changes, ChangeDone done);

  /// Notes what the client has used, and says how long it has to wait now; zero without a limit,
  /// which costs one comparison while there are no limits at all.
  Millis charge(QuotaKind kind, const QuotaClient& client, double amount);
  /// Whether there is any limit.
  [[nodiscard]] bool any() const;

 private:
  struct State;
  ClientQuotas(KeyedLog& meta, Clock& clock, std::shared_ptr<State> state);

  KeyedLog& meta_;
  Clock& clock_;
  // Shared with changes on their way.
  std::shared_ptr<State> state_;
};

/// What stands in the meta log; for the quotas and their fuzz target.
struct QuotaKey {
  QuotaEntity entity;
  QuotaKind kind;
};
[[nodiscard]] std::string encode_quota_key(const QuotaKey& key);
/// nullopt: the key of something else. kCorrupt: one of ours that cannot be read.
Result<std::optional<QuotaKey>> decode_quota_key(std::string_view bytes);

}  // namespace freshet::broker
