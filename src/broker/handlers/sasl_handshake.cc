#include "kafka/messages/sasl_handshake.h"

#include "broker/handlers/handlers.h"

namespace freshet::broker {

// What belongs before the first request is answered by SaslSession. Here it comes too late, or to a
// listener without SASL.
void handle_sasl_handshake(CallPtr call, kafka::SaslHandshakeRequest) {
  kafka::SaslHandshakeResponse response;
  response.error_code = kafka::ErrorCode::kIllegalSaslState;
  call->answer(response);
}

}  // namespace freshet::broker
