#include "kafka/messages/sasl_authenticate.h"

#include "broker/handlers/handlers.h"

namespace freshet::broker {

// As SaslHandshake: sessions do not expire, so there is nothing to authenticate again.
void handle_sasl_authenticate(CallPtr call, kafka::SaslAuthenticateRequest) {
  kafka::SaslAuthenticateResponse response;
  response.error_code = kafka::ErrorCode::kIllegalSaslState;
  response.error_message = "SaslAuthenticate request received after successful authentication";
  call->answer(response);
}

}  // namespace freshet::broker
