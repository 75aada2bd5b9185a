#include "broker/security/listener_security.h"

#include "base/ip_address.h"

namespace freshet::broker {

std::string_view ListenerSecurity::protocol() const {
  if (mechanisms.empty()) return tls.wanted() ? "SSL" : "PLAINTEXT";
  return tls.wanted() ? "SASL_SSL" : "SASL_PLAINTEXT";
}

Result<void> check_exposure(const std::string& host, const ListenerSecurity& security) {
  if (is_loopback_address(host)) return {};
  if (security.tls.wanted() && security.authenticates()) return {};
  return fail(Errc::kRefused,
              "Kafka may not listen on {} without {}: others could reach it; give the listener tls "
              "(certificate, key) and sasl (users), or listen on 127.0.0.1",
              host,
              security.tls.wanted()      ? "authentication"
              : security.authenticates() ? "TLS"
                                         : "TLS and authentication");
}

}  // namespace freshet::broker
