#include "broker/security/sasl_session.h"

#include <algorithm>

#include "base/check.h"
#include "base/endian.h"
#include "broker/handlers/handlers.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/sasl_authenticate.h"
#include "kafka/messages/sasl_handshake.h"

namespace freshet::broker {

namespace {

using kafka::ApiKey;
using kafka::ErrorCode;

std::string sized(std::string_view token) {
  std::string frame(4, '\0');
  store_be(frame.data(), static_cast<int32_t>(token.size()));
  return frame.append(token);
}

}  // namespace

std::string SaslSession::step(std::string_view frame) {
  switch (state_) {
    case State::kHello:
    case State::kTokens:
      return request(frame);
    case State::kRawTokens:
      return raw_token(frame);
    case State::kAccepted:
    case State::kRefused:
      break;
  }
  FRESHET_CHECK(false, "a SASL session that has ended was given {} bytes", frame.size());
}

std::string SaslSession::refuse(std::string why, std::string answer) {
  state_ = State::kRefused;
  refusal_ = std::move(why);
  return answer;
}

std::string SaslSession::request(std::string_view frame) {
  std::string_view body = frame;
  const auto header = kafka::decode_request_header(body);
  if (!header) return refuse(fmt::format("not a Kafka request: {}", header.error()));
  const kafka::ApiInfo* api = kafka::find_api(header->api_key);
  if (api == nullptr) {
    return refuse(fmt::format("request kind {} before authentication", header->api_key));
  }
  if (state_ == State::kHello && api->key == ApiKey::kApiVersions) {
    auto answer = answer_api_versions(*header, body);
    if (!answer) return refuse(answer.error().message());
    return answer->flatten();
  }
  const ApiKey expected =
      state_ == State::kHello ? ApiKey::kSaslHandshake : ApiKey::kSaslAuthenticate;
  if (api->key != expected || !api->supports(header->api_version)) {
    return refuse(fmt::format("{} version {} before authentication; expected {}", api->name,
                              header->api_version, kafka::api_info(expected).name));
  }
  return state_ == State::kHello ? handshake(*header, body) : authenticate(*header, body);
}

std::string SaslSession::handshake(const kafka::RequestHeader& header, std::string_view body) {
  const auto request = kafka::decode_message<kafka::SaslHandshakeRequest>(body, header.api_version);
  if (!request) return refuse(request.error().message());
  kafka::SaslHandshakeResponse response;
  for (const SaslMechanism offered : mechanisms_) {
    response.mechanisms.emplace_back(sasl_mechanism_name(offered));
  }
  const auto wanted = sasl_mechanism_of(request->mechanism);
  if (!wanted || std::ranges::find(mechanisms_, *wanted) == mechanisms_.end()) {
    response.error_code = ErrorCode::kUnsupportedSaslMechanism;
    return refuse(fmt::format("SASL mechanism {} is not offered", request->mechanism),
                  kafka::encode_response(header, response).flatten());
  }
  mechanism_ = *wanted;
  exchange_ = SaslExchange::make(mechanism_, users_);
  state_ = header.api_version == 0 ? State::kRawTokens : State::kTokens;
  return kafka::encode_response(header, response).flatten();
}

Result<SaslStep> SaslSession::exchange(std::string_view token) {
  auto step = exchange_->step(token);
  if (step && step->accepted) {
    user_ = step->user;
    state_ = State::kAccepted;
  }
  return step;
}

std::string SaslSession::authenticate(const kafka::RequestHeader& header, std::string_view body) {
  const auto request =
      kafka::decode_message<kafka::SaslAuthenticateRequest>(body, header.api_version);
  if (!request) return refuse(request.error().message());
  kafka::SaslAuthenticateResponse response;
  auto step = exchange(request->auth_bytes);
  if (!step) {
    response.error_code = ErrorCode::kSaslAuthenticationFailed;
    // Apache Kafka's sentences; nothing in them depends on what was wrong.
    response.error_message =
        mechanism_ == SaslMechanism::kPlain
            ? "Authentication failed: Invalid username or password"
            : fmt::format(
                  "Authentication failed during authentication due to invalid credentials "
                  "with SASL mechanism {}",
                  sasl_mechanism_name(mechanism_));
    return refuse(step.error().message(), kafka::encode_response(header, response).flatten());
  }
  response.auth_bytes = std::move(step->token);
  return kafka::encode_response(header, response).flatten();
}

std::string SaslSession::raw_token(std::string_view token) {
  auto step = exchange(token);
  if (!step) return refuse(step.error().message());
  return sized(step->token);
}

}  // namespace freshet::broker
