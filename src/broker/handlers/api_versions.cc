#include "kafka/messages/api_versions.h"

#include <algorithm>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

/// KIP-511: letters, digits, '-' and '.', beginning and ending with a letter or digit.
bool is_software_name(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && plain(text.front()) && plain(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return plain(c) || c == '-' || c == '.'; });
}

/// In which version it is to be sent: an unknown one is answered in version 0.
std::pair<int16_t, kafka::ApiVersionsResponse> make_response(
    int16_t version, const kafka::ApiVersionsRequest& request) {
  kafka::ApiVersionsResponse response;
  for (const kafka::ApiInfo& api : kafka::kApis) {
    if (!api.advertised) continue;
    response.api_keys.push_back({static_cast<int16_t>(api.key), api.version_min, api.version_max});
  }
  if (!kafka::api_info(kafka::ApiKey::kApiVersions).supports(version)) {
    response.error_code = kafka::ErrorCode::kUnsupportedVersion;
    return {0, std::move(response)};
  }
  if (version >= 3 && (!is_software_name(request.client_software_name) ||
                       !is_software_name(request.client_software_version))) {
    response.api_keys.clear();
    response.error_code = kafka::ErrorCode::kInvalidRequest;
  }
  return {version, std::move(response)};
}

}  // namespace

void handle_api_versions(CallPtr call, kafka::ApiVersionsRequest request) {
  const auto [version, response] = make_response(call->version(), request);
  call->answer_as(version, response);
}

Result<kafka::EncodedFrame> answer_api_versions(const kafka::RequestHeader& header,
                                                std::string_view body) {
  kafka::ApiVersionsRequest request;
  if (kafka::api_info(kafka::ApiKey::kApiVersions).supports(header.api_version)) {
    FRESHET_ASSIGN(request,
                   kafka::decode_message<kafka::ApiVersionsRequest>(body, header.api_version));
  }
  const auto [version, response] = make_response(header.api_version, request);
  return kafka::encode_response(header.correlation_id, version, response);
}

}  // namespace freshet::broker
