// The server's side of TLS: certificate, key and rules, read once, shared by all connections.
//
// TLS 1.2 and 1.3 only, no compression, no renegotiation, the library's own cipher lists. Files are
// PEM: the certificate with its chain, the private key without a passphrase, and, to ask clients
// for certificates, the authorities that may have signed theirs.
#pragma once

#include <filesystem>
#include <memory>

#include "base/error.h"

namespace boost::asio::ssl {
class context;  // NOLINT(readability-identifier-naming): Boost's name
}  // namespace boost::asio::ssl

namespace freshet::io {

struct TlsFiles {
  std::filesystem::path certificate;  // empty: no TLS
  std::filesystem::path key;
  std::filesystem::path client_ca;  // empty: clients are not asked for certificates
  bool client_certificate_required = false;

  [[nodiscard]] bool wanted() const { return !certificate.empty(); }
};

/// Constant after load(); any thread.
class TlsContext {
 public:
  /// Says which file cannot be used and why; kInvalidArgument also when key and certificate do not
  /// belong together.
  static Result<std::shared_ptr<TlsContext>> load(const TlsFiles& files);
  ~TlsContext();

  [[nodiscard]] boost::asio::ssl::context& native() { return *context_; }

 private:
  explicit TlsContext(std::unique_ptr<boost::asio::ssl::context> context);
  std::unique_ptr<boost::asio::ssl::context> context_;
};

}  // namespace freshet::io
