// What a stranger may send before anybody knows who it is: SASL tokens of every mechanism, and the
// records of users on disk.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "broker/security/sasl_exchange.h"
#include "broker/security/user_store.h"
#include "kafka/scram/base64.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet::broker;
  namespace kafka = freshet::kafka;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto first = parse_scram_client_first(bytes)) {
    FRESHET_CHECK(first->gs2_header + first->bare == bytes, "the first message came apart");
    FRESHET_CHECK(!first->user.empty() && !first->nonce.empty(), "an empty field was let in");
  }
  if (const auto last = parse_scram_client_final(bytes)) {
    FRESHET_CHECK(last->without_proof + ",p=" + kafka::to_base64(last->proof) == bytes,
                  "the last message came apart");
  }
  if (const auto login = parse_plain_token(bytes)) {
    const std::string zero(1, '\0');
    FRESHET_CHECK(login->authorization_id + zero + login->user + zero + login->password == bytes,
                  "the token came apart");
  }
  for (const kafka::ScramMechanism mechanism : kafka::kScramMechanisms) {
    const auto credential = decode_scram_credential(mechanism, bytes);
    if (!credential) continue;
    const auto again = decode_scram_credential(mechanism, encode_scram_credential(*credential));
    FRESHET_CHECK(again && *again == *credential, "a user record changed");
  }
  return 0;
}
