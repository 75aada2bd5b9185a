#include "broker/security/sasl_mechanism.h"

#include "kafka/scram/scram_keys.h"

namespace freshet::broker {

std::string_view sasl_mechanism_name(SaslMechanism mechanism) {
  switch (mechanism) {
    case SaslMechanism::kPlain:
      return "PLAIN";
    case SaslMechanism::kScramSha256:
      return kafka::scram_mechanism_name(kafka::ScramMechanism::kSha256);
    case SaslMechanism::kScramSha512:
      return kafka::scram_mechanism_name(kafka::ScramMechanism::kSha512);
  }
  return {};
}

std::optional<SaslMechanism> sasl_mechanism_of(std::string_view name) {
  for (const SaslMechanism mechanism : kSaslMechanisms) {
    if (sasl_mechanism_name(mechanism) == name) return mechanism;
  }
  return std::nullopt;
}

}  // namespace freshet::broker
