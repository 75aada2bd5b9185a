// Requests that librdkafka 2.0 has no call for, in our own codec over a connection of our own.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "kafka/client/client_settings.h"
#include "kafka/wire/codec.h"

namespace freshet::kafka {

/// False: the cluster is reached in a way that only librdkafka can (BrokerLink::can_reach).
[[nodiscard]] bool can_call_plainly(const ClientSettings& client);

namespace wire {
/// Sends a whole frame to the first bootstrap address that takes it; the answer without its size.
/// Blocks for at most ClientSettings::request_timeout on each step. kUnavailable: nobody answered;
/// otherwise as BrokerLink::open.
Result<std::string> exchange(const ClientSettings& client, const std::string& frame);
}  // namespace wire

/// One request and its answer; only for answers without records. Any thread.
template <class Response, Message Request>
Result<Response> plain_call(const ClientSettings& client, const Request& request, int16_t version) {
  RequestHeader header;
  header.api_version = version;
  header.correlation_id = 1;
  header.client_id = client.client_id;
  FRESHET_ASSIGN(const std::string answer,
                 wire::exchange(client, encode_request(header, request).flatten()));
  std::string_view rest = answer;
  FRESHET_TRY(decode_response_header(rest, Response::kApi, version));
  return decode_message<Response>(rest, version);
}

}  // namespace freshet::kafka
