// A client's side of TLS: whom it trusts and who it is, read once, shared by all its connections.
//
// TLS 1.2 and 1.3 only, no compression, no renegotiation, the library's own cipher lists. Files are
// PEM.
#pragma once

#include <filesystem>
#include <memory>

#include "base/error.h"

namespace boost::asio::ssl {
class context;  // NOLINT(readability-identifier-naming): Boost's name
}  // namespace boost::asio::ssl

namespace freshet::io {

struct TlsClientFiles {
  std::filesystem::path ca;           // who may have signed the server's; empty: the system's list
  std::filesystem::path certificate;  // ours, with its chain; empty: none is shown
  std::filesystem::path key;
  /// Whether the server's certificate must be valid and carry the name that was connected to.
  /// Without it anybody in between can be the server.
  bool check_certificate = true;
};

/// Constant after load(); any thread.
class TlsClientContext {
 public:
  /// kInvalidArgument says which file cannot be used and why.
  static Result<std::shared_ptr<TlsClientContext>> load(const TlsClientFiles& files);
  ~TlsClientContext();

  [[nodiscard]] boost::asio::ssl::context& native() { return *context_; }
  [[nodiscard]] bool checks_certificate() const { return checks_certificate_; }

 private:
  TlsClientContext(std::unique_ptr<boost::asio::ssl::context> context, bool checks_certificate);
  std::unique_ptr<boost::asio::ssl::context> context_;
  bool checks_certificate_;
};

}  // namespace freshet::io
