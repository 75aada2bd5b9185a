#include "kafka/messages/alter_user_scram_credentials.h"

#include <map>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Response = kafka::AlterUserScramCredentialsResponse;

// The sentences are Apache Kafka's where it has the case.
struct Refusal {
  ErrorCode code = ErrorCode::kNone;
  std::string message;
};

constexpr size_t kUserBytesMax = 255;
constexpr size_t kSaltBytesMax = 1024;

Refusal check_user(const UserStore& users, const std::string& user, int8_t mechanism) {
  if (user.empty()) return {ErrorCode::kUnacceptableCredential, "Username must not be empty"};
  if (user.size() > kUserBytesMax) {
    return {ErrorCode::kUnacceptableCredential,
            fmt::format("Username of {} bytes, expected at most {}", user.size(), kUserBytesMax)};
  }
  if (!kafka::scram_mechanism_of(mechanism)) {
    return {ErrorCode::kUnsupportedSaslMechanism, "Unknown SCRAM mechanism"};
  }
  if (users.is_declared(user)) {
    return {ErrorCode::kPolicyViolation,
            "This user is declared in the platform file; change it there"};
  }
  return {};
}

Refusal check_deletion(const UserStore& users,
                       const kafka::AlterUserScramCredentialsRequest::Deletion& deletion) {
  Refusal refusal = check_user(users, deletion.name, deletion.mechanism);
  if (refusal.code == ErrorCode::kNone &&
      !users.find(deletion.name, *kafka::scram_mechanism_of(deletion.mechanism))) {
    return {ErrorCode::kResourceNotFound,
            "Attempt to delete a user credential that does not exist"};
  }
  return refusal;
}

Refusal check_upsertion(const UserStore& users,
                        const kafka::AlterUserScramCredentialsRequest::Upsertion& upsertion) {
  Refusal refusal = check_user(users, upsertion.name, upsertion.mechanism);
  if (refusal.code != ErrorCode::kNone) return refusal;
  const auto unacceptable = [](std::string why) {
    return Refusal{ErrorCode::kUnacceptableCredential, std::move(why)};
  };
  if (upsertion.iterations < kafka::kScramIterationsMin) return unacceptable("Too few iterations");
  if (upsertion.iterations > kafka::kScramIterationsMax) return unacceptable("Too many iterations");
  if (upsertion.salt.empty() || upsertion.salt.size() > kSaltBytesMax) {
    return unacceptable(
        fmt::format("Salt of {} bytes, expected 1 to {}", upsertion.salt.size(), kSaltBytesMax));
  }
  const size_t key_bytes = kafka::scram_key_bytes(*kafka::scram_mechanism_of(upsertion.mechanism));
  if (upsertion.salted_password.size() != key_bytes) {
    return unacceptable(fmt::format("Salted password of {} bytes, expected {}",
                                    upsertion.salted_password.size(), key_bytes));
  }
  return {};
}

}  // namespace

// One answer for each user, as in Apache Kafka: a user with one bad change gets none of them.
void handle_alter_user_scram_credentials(CallPtr call,
                                         kafka::AlterUserScramCredentialsRequest request) {
  UserStore& users = call->services().users;
  std::map<std::string, Refusal> outcomes;
  std::map<std::pair<std::string, int8_t>, int> times;
  const auto note = [&](const std::string& user, int8_t mechanism, Refusal refusal) {
    if (++times[{user, mechanism}] > 1) {
      refusal = {ErrorCode::kDuplicateResource,
                 "A user credential cannot be altered twice in the same request"};
    }
    Refusal& outcome = outcomes[user];
    if (outcome.code == ErrorCode::kNone || refusal.code == ErrorCode::kDuplicateResource) {
      outcome = std::move(refusal);
    }
  };
  for (const auto& deletion : request.deletions) {
    note(deletion.name, deletion.mechanism, check_deletion(users, deletion));
  }
  for (const auto& upsertion : request.upsertions) {
    note(upsertion.name, upsertion.mechanism, check_upsertion(users, upsertion));
  }
  const auto accepted = [&](const std::string& user) {
    return outcomes.at(user).code == ErrorCode::kNone;
  };
  std::vector<UserChange> changes;
  for (const auto& deletion : request.deletions) {
    if (!accepted(deletion.name)) continue;
    changes.push_back(
        {deletion.name, *kafka::scram_mechanism_of(deletion.mechanism), std::nullopt});
  }
  for (auto& upsertion : request.upsertions) {
    if (!accepted(upsertion.name)) continue;
    const kafka::ScramMechanism mechanism = *kafka::scram_mechanism_of(upsertion.mechanism);
    changes.push_back({upsertion.name, mechanism,
                       kafka::scram_credential(mechanism, std::move(upsertion.salt),
                                               upsertion.iterations, upsertion.salted_password)});
  }
  Response response;
  for (auto& [user, outcome] : outcomes) {
    auto& result = response.results.emplace_back();
    result.user = user;
    result.error_code = outcome.code;
    if (outcome.code != ErrorCode::kNone) result.error_message = std::move(outcome.message);
  }
  if (changes.empty()) return call->answer(response);
  users.change(std::move(changes), [call = std::move(call), response = std::move(response)](
                                       const Result<void>& written) mutable {
    if (!written) {
      for (auto& result : response.results) {
        if (result.error_code != ErrorCode::kNone) continue;
        result.error_code = kafka::to_error_code(written.error());
        result.error_message = written.error().message();
      }
    }
    call->answer(response);
  });
}

}  // namespace freshet::broker
