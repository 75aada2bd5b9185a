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

}  // namespace

void handle_api_versions(CallPtr call, kafka::ApiVersionsRequest request) {
  kafka::ApiVersionsResponse response;
  for (const kafka::ApiInfo& api : kafka::kApis) {
    if (!api.advertised) continue;
    response.api_keys.push_back({static_cast<int16_t>(api.key), api.version_min, api.version_max});
  }
  if (!kafka::api_info(kafka::ApiKey::kApiVersions).supports(call->version())) {
    response.error_code = kafka::ErrorCode::kUnsupportedVersion;
    return call->answer_as(0, response);
  }
  if (call->version() >= 3 && (!is_software_name(request.client_software_name) ||
                               !is_software_name(request.client_software_version))) {
    response.api_keys.clear();
    response.error_code = kafka::ErrorCode::kInvalidRequest;
  }
  call->answer(response);
}

}  // namespace freshet::broker
