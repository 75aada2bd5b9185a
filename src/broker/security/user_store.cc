#include "broker/security/user_store.h"

#include <fmt/format.h>

#include <mutex>
#include <set>
#include <shared_mutex>
#include <utility>

#include "broker/byte_fields.h"
#include "observe/log.h"

namespace freshet::broker {

namespace {

const Logger logger("broker.users");

constexpr std::string_view kPrefix = "scram/";
constexpr std::string_view kSecretKey = "scram_secret";
constexpr size_t kSecretBytes = 32;
constexpr size_t kSaltBytes = 16;
constexpr int16_t kRecordVersion = 1;

using UserKey = std::pair<std::string, kafka::ScramMechanism>;

std::string log_key(const std::string& user, kafka::ScramMechanism mechanism) {
  return fmt::format("{}{}/{}", kPrefix, static_cast<int>(mechanism), user);
}

/// None for a key of something else.
std::optional<UserKey> parse_log_key(std::string_view key) {
  if (!key.starts_with(kPrefix) || key.size() < kPrefix.size() + 2) return std::nullopt;
  key.remove_prefix(kPrefix.size());
  const auto mechanism = kafka::scram_mechanism_of(static_cast<int8_t>(key[0] - '0'));
  if (!mechanism || key[1] != '/') return std::nullopt;
  return UserKey{std::string(key.substr(2)), *mechanism};
}

}  // namespace

std::string encode_scram_credential(const kafka::ScramCredential& credential) {
  return FieldWriter()
      .put(kRecordVersion)
      .put(credential.iterations)
      .put_string(credential.salt)
      .put_string(credential.stored_key)
      .put_string(credential.server_key)
      .take();
}

Result<kafka::ScramCredential> decode_scram_credential(kafka::ScramMechanism mechanism,
                                                       std::string_view bytes) {
  FieldReader in(bytes);
  if (const auto version = in.get<int16_t>(); version != kRecordVersion) {
    return fail(Errc::kCorrupt, "a user record has version {}, expected {}", version,
                kRecordVersion);
  }
  kafka::ScramCredential out;
  out.iterations = in.get<int32_t>();
  out.salt = in.get_string();
  out.stored_key = in.get_string();
  out.server_key = in.get_string();
  const size_t key_bytes = kafka::scram_key_bytes(mechanism);
  if (!in.ok() || out.iterations < kafka::kScramIterationsMin ||
      out.iterations > kafka::kScramIterationsMax || out.salt.empty() ||
      out.stored_key.size() != key_bytes || out.server_key.size() != key_bytes) {
    return fail(Errc::kCorrupt, "a user record of {} bytes does not hold the keys of {}",
                bytes.size(), kafka::scram_mechanism_name(mechanism));
  }
  return out;
}

struct UserStore::State {
  std::string secret;                                  // constant after open
  std::map<UserKey, kafka::ScramCredential> declared;  // constant after open
  std::set<std::string, std::less<>> declared_names;   // constant after open
  mutable std::shared_mutex mutex;
  std::map<UserKey, kafka::ScramCredential> stored;  // guarded by mutex

  [[nodiscard]] std::string salt_for(std::string_view user, kafka::ScramMechanism mechanism) const {
    const std::string text = fmt::format("salt/{}/{}", static_cast<int>(mechanism), user);
    return kafka::scram_hmac(kafka::ScramMechanism::kSha256, secret, text).substr(0, kSaltBytes);
  }
};

UserStore::UserStore(KeyedLog& meta, std::shared_ptr<State> state)
    : meta_(meta), state_(std::move(state)) {}

UserStore::~UserStore() = default;

Result<std::unique_ptr<UserStore>> UserStore::open(KeyedLog& meta,
                                                   const std::vector<DeclaredUser>& declared) {
  auto state = std::make_shared<State>();
  if (auto secret = meta.get(kSecretKey)) {
    state->secret = std::move(*secret);
  } else {
    state->secret = kafka::random_bytes(kSecretBytes);
    FRESHET_TRY_CONTEXT(meta.write({{std::string(kSecretKey), state->secret}}), "users");
  }
  Result<void> read;
  meta.visit([&](std::string_view key, std::string_view value) {
    const auto user = parse_log_key(key);
    if (!user || !read) return;
    auto credential = decode_scram_credential(user->second, value);
    if (!credential) {
      read = std::unexpected(std::move(credential).error().with_context("user " + user->first));
      return;
    }
    state->stored.emplace(*user, std::move(*credential));
  });
  FRESHET_TRY_CONTEXT(std::move(read), "users");
  for (const DeclaredUser& user : declared) {
    state->declared_names.insert(user.name);
    for (const kafka::ScramMechanism mechanism : kafka::kScramMechanisms) {
      std::string salt = state->salt_for(user.name, mechanism);
      const std::string salted = kafka::scram_salted_password(mechanism, user.password.reveal(),
                                                              salt, kafka::kScramIterationsMin);
      state->declared.emplace(
          UserKey{user.name, mechanism},
          kafka::scram_credential(mechanism, std::move(salt), kafka::kScramIterationsMin, salted));
    }
    for (const auto& [key, credential] : state->stored) {
      if (key.first != user.name) continue;
      logger.warn(
          "the platform file declares a user that was also made by an admin call; the "
          "file's password counts",
          kv("user", user.name));
      break;
    }
  }
  return std::unique_ptr<UserStore>(new UserStore(meta, std::move(state)));
}

std::optional<kafka::ScramCredential> UserStore::find(const std::string& user,
                                                      kafka::ScramMechanism mechanism) const {
  const UserKey key{user, mechanism};
  if (const auto it = state_->declared.find(key); it != state_->declared.end()) return it->second;
  const std::shared_lock lock(state_->mutex);
  const auto it = state_->stored.find(key);
  if (it == state_->stored.end()) return std::nullopt;
  return it->second;
}

kafka::ScramCredential UserStore::stand_in(std::string_view user,
                                           kafka::ScramMechanism mechanism) const {
  std::string salt = state_->salt_for(user, mechanism);
  const std::string keys =
      kafka::scram_hmac(mechanism, state_->secret, fmt::format("keys/{}", user));
  return {.salt = std::move(salt),
          .stored_key = keys,
          .server_key = keys,
          .iterations = kafka::kScramIterationsMin};
}

bool UserStore::check_password(const std::string& user, std::string_view password) const {
  auto mechanism = kafka::ScramMechanism::kSha256;
  auto credential = find(user, mechanism);
  if (!credential) {
    if ((credential = find(user, kafka::ScramMechanism::kSha512)))
      mechanism = kafka::ScramMechanism::kSha512;
  }
  const bool known = credential.has_value();
  if (!known) credential = stand_in(user, mechanism);
  const std::string salted =
      kafka::scram_salted_password(mechanism, password, credential->salt, credential->iterations);
  const bool right = kafka::equal_in_constant_time(
      kafka::scram_credential(mechanism, credential->salt, credential->iterations, salted)
          .stored_key,
      credential->stored_key);
  return right && known;
}

bool UserStore::is_declared(const std::string& user) const {
  return state_->declared_names.contains(user);
}

std::map<std::string, UserStore::Iterations> UserStore::list() const {
  std::map<std::string, Iterations> all;
  for (const auto& [key, credential] : state_->declared) {
    all[key.first][key.second] = credential.iterations;
  }
  const std::shared_lock lock(state_->mutex);
  for (const auto& [key, credential] : state_->stored) {
    if (!is_declared(key.first)) all[key.first][key.second] = credential.iterations;
  }
  return all;
}

void UserStore::change(std::vector<UserChange> changes, ChangeDone done) {
  std::vector<KeyedChange> records;
  records.reserve(changes.size());
  for (const UserChange& change : changes) {
    std::optional<std::string> value;
    if (change.credential) value = encode_scram_credential(*change.credential);
    records.push_back({log_key(change.user, change.mechanism), std::move(value)});
  }
  meta_.write(std::move(records), [state = state_, changes = std::move(changes),
                                   done = std::move(done)](Result<void> written) mutable {
    if (written) {
      const std::unique_lock lock(state->mutex);
      for (UserChange& change : changes) {
        const UserKey key{change.user, change.mechanism};
        if (change.credential) {
          state->stored.insert_or_assign(key, std::move(*change.credential));
        } else {
          state->stored.erase(key);
        }
      }
    }
    done(std::move(written));
  });
}

}  // namespace freshet::broker
