#include "broker/quotas/client_quotas.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <mutex>
#include <tuple>
#include <utility>

#include "broker/byte_fields.h"

namespace freshet::broker {

namespace {

constexpr std::string_view kPrefix = "quota/";
constexpr std::array kNames = {std::string_view("producer_byte_rate"),
                               std::string_view("consumer_byte_rate"),
                               std::string_view("request_percentage")};
/// How far ahead of its limit a client may be without having to wait.
constexpr Millis kBurst{1'000};
/// Clients name themselves as they like; beyond so many the ones that are not waiting are
/// forgotten.
constexpr size_t kAccountsMax = 10'000;

void put_name(FieldWriter& out, const QuotaName& name) {
  out.put(static_cast<int8_t>(name.kind));
  if (name.kind == QuotaName::Kind::kNamed) out.put_string(name.name);
}

std::optional<QuotaName> get_name(FieldReader& in) {
  switch (in.get<int8_t>()) {
    case 0:
      return QuotaName();
    case 1:
      return QuotaName::any();
    case 2:
      return QuotaName::of(in.get_string());
    default:
      return std::nullopt;
  }
}

/// A client's possible entities, the one that counts most first.
std::array<QuotaEntity, 8> candidates(const QuotaClient& client) {
  const auto user = QuotaName::of(client.user);
  const auto id = QuotaName::of(client.client_id);
  return {{{user, id},
           {user, QuotaName::any()},
           {user, {}},
           {QuotaName::any(), id},
           {QuotaName::any(), QuotaName::any()},
           {QuotaName::any(), {}},
           {{}, id},
           {{}, QuotaName::any()}}};
}

}  // namespace

std::string_view quota_name(QuotaKind kind) { return kNames[static_cast<size_t>(kind)]; }

std::optional<QuotaKind> quota_kind_of(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<QuotaKind>(found - kNames.begin());
}

std::string encode_quota_key(const QuotaKey& key) {
  FieldWriter out;
  out.put_raw(kPrefix);
  put_name(out, key.entity.user);
  put_name(out, key.entity.client_id);
  return out.put_raw(quota_name(key.kind)).take();
}

Result<std::optional<QuotaKey>> decode_quota_key(std::string_view bytes) {
  if (!bytes.starts_with(kPrefix)) return std::nullopt;
  FieldReader in(bytes.substr(kPrefix.size()));
  auto user = get_name(in);
  auto client_id = get_name(in);
  const auto kind = quota_kind_of(in.get_raw(in.remaining()));
  if (!in.ok() || !user || !client_id || !kind) {
    return fail(Errc::kCorrupt, "the key of a client quota, {} bytes, cannot be read",
                bytes.size());
  }
  return QuotaKey{{std::move(*user), std::move(*client_id)}, *kind};
}

struct ClientQuotas::State {
  /// What one holder of a limit has used, as the time at which it will have been allowed.
  struct Account {
    SteadyTime allowed_at;
  };
  using AccountKey = std::tuple<QuotaKind, std::string, std::string>;

  std::atomic<bool> any = false;
  std::mutex mutex;
  // Guarded by mutex.
  std::map<QuotaEntity, Limits> limits;
  std::map<AccountKey, Account> accounts;

  void apply(const QuotaChange& change) {
    Limits& of_entity = limits[change.entity];
    if (change.limit) {
      of_entity[change.kind] = *change.limit;
    } else {
      of_entity.erase(change.kind);
    }
    if (of_entity.empty()) limits.erase(change.entity);
    any = !limits.empty();
  }

  /// The limit that counts and who holds it.
  std::optional<std::pair<double, AccountKey>> find(QuotaKind kind,
                                                    const QuotaClient& client) const {
    for (const QuotaEntity& entity : candidates(client)) {
      const auto found = limits.find(entity);
      if (found == limits.end()) continue;
      const auto limit = found->second.find(kind);
      if (limit == found->second.end()) continue;
      const bool by_user = entity.user.kind != QuotaName::Kind::kAbsent;
      const bool by_id = entity.client_id.kind != QuotaName::Kind::kAbsent;
      return std::pair(limit->second, AccountKey{kind, by_user ? client.user : std::string(),
                                                 by_id ? client.client_id : std::string()});
    }
    return std::nullopt;
  }

  Account& account(AccountKey key, SteadyTime now) {
    if (accounts.size() >= kAccountsMax && !accounts.contains(key)) {
      std::erase_if(accounts, [now](const auto& one) { return one.second.allowed_at <= now; });
      // All of them wait: who else comes shares one account.
      if (accounts.size() >= kAccountsMax) key = {std::get<0>(key), "", ""};
    }
    return accounts.try_emplace(std::move(key), now - kBurst).first->second;
  }
};

ClientQuotas::ClientQuotas(KeyedLog& meta, Clock& clock, std::shared_ptr<State> state)
    : meta_(meta), clock_(clock), state_(std::move(state)) {}
ClientQuotas::~ClientQuotas() = default;

Result<std::unique_ptr<ClientQuotas>> ClientQuotas::open(KeyedLog& meta, Clock& clock) {
  auto state = std::make_shared<State>();
  Result<void> read;
  meta.visit([&](std::string_view key_bytes, std::string_view value) {
    if (!read) return;
    auto key = decode_quota_key(key_bytes);
    if (!key) {
      read = std::unexpected(std::move(key).error());
      return;
    }
    if (!*key) return;
    FieldReader in(value);
    const auto limit = std::bit_cast<double>(in.get<int64_t>());
    if (!in.ok() || !std::isfinite(limit) || limit <= 0) {
      read = fail(Errc::kCorrupt, "a client quota of {} bytes is no limit", value.size());
      return;
    }
    state->apply({(*key)->entity, (*key)->kind, limit});
  });
  FRESHET_TRY_CONTEXT(std::move(read), "client quotas");
  return std::unique_ptr<ClientQuotas>(new ClientQuotas(meta, clock, std::move(state)));
}

bool ClientQuotas::any() const { return state_->any; }

std::map<QuotaEntity, ClientQuotas::Limits> ClientQuotas::list() const {
  const std::lock_guard lock(state_->mutex);
  return state_->limits;
}

void ClientQuotas::change(std::vector<QuotaChange> changes, ChangeDone done) {
  std::vector<KeyedChange> records;
  for (const QuotaChange& change : changes) {
    std::optional<std::string> value;
    if (change.limit) value = FieldWriter().put(std::bit_cast<int64_t>(*change.limit)).take();
    records.push_back({encode_quota_key({change.entity, change.kind}), std::move(value)});
  }
  meta_.write(std::move(records), [state = state_, changes = std::move(changes),
                                   done = std::move(done)](Result<void> written) mutable {
    if (written) {
      const std::lock_guard lock(state->mutex);
      for (const QuotaChange& change : changes) state->apply(change);
    }
    done(std::move(written));
  });
}

Millis ClientQuotas::charge(QuotaKind kind, const QuotaClient& client, double amount) {
  if (!state_->any.load(std::memory_order_relaxed)) return Millis(0);
  const SteadyTime now = clock_.steady();
  const std::lock_guard lock(state_->mutex);
  auto held = state_->find(kind, client);
  if (!held) return Millis(0);
  auto& [limit, key] = *held;
  State::Account& account = state_->account(std::move(key), now);
  const double seconds = std::min(amount / limit, 1.0e6);
  const auto cost =
      std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(seconds));
  account.allowed_at =
      std::min(std::max(account.allowed_at, now - kBurst) + cost, SteadyTime(now + kQuotaWaitMax));
  return std::max(Millis(0), std::chrono::ceil<Millis>(account.allowed_at - now));
}

}  // namespace freshet::broker
