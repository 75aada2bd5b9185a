// What the Kafka listener asks of those who connect, as it is configured.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "broker/security/sasl_mechanism.h"
#include "config/secret.h"
#include "io/tls_context.h"

namespace freshet::broker {

struct DeclaredUser {
  std::string name;
  config::Secret password;
};

struct ListenerSecurity {
  io::TlsFiles tls;
  std::vector<SaslMechanism> mechanisms;  // empty: no authentication
  std::vector<DeclaredUser> users;        // besides those that admin calls made

  /// Every client proves who it is, by password or by certificate.
  [[nodiscard]] bool authenticates() const {
    return !mechanisms.empty() || (tls.wanted() && tls.client_certificate_required);
  }
  /// As Kafka's listeners and clients call it: "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL".
  [[nodiscard]] std::string_view protocol() const;
};

/// kRefused, with what to write, for an address that others can reach without TLS and
/// authentication.
Result<void> check_exposure(const std::string& host, const ListenerSecurity& security);

}  // namespace freshet::broker
