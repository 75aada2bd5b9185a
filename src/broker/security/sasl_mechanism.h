// The SASL mechanisms that the Kafka listener can offer.
#pragma once

#include <optional>
#include <string_view>

namespace freshet::broker {

enum class SaslMechanism { kPlain, kScramSha256, kScramSha512 };
inline constexpr SaslMechanism kSaslMechanisms[] = {
    SaslMechanism::kPlain, SaslMechanism::kScramSha256, SaslMechanism::kScramSha512};

/// "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"
[[nodiscard]] std::string_view sasl_mechanism_name(SaslMechanism mechanism);
[[nodiscard]] std::optional<SaslMechanism> sasl_mechanism_of(std::string_view name);

}  // namespace freshet::broker
