// TLS over a connected socket, client side and blocking, set up by librdkafka's own properties.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet::kafka {

/// One thread. Waits for the socket as long as the socket's own timeouts allow.
///
/// As in librdkafka: the authorities are the system's unless ssl.ca.location or ssl.ca.pem names
/// others, and the certificate must be valid and name the host, unless
/// enable.ssl.certificate.verification or ssl.endpoint.identification.algorithm says not to look.
class TlsConnection {
 public:
  using Properties = std::map<std::string, std::string>;

  /// False: there is an ssl.* property that only librdkafka itself follows.
  [[nodiscard]] static bool understands(const Properties& properties);
  /// Shakes hands over `descriptor`, which stays the caller's and outlives the connection.
  /// kInvalidArgument: a file or property cannot be used; kRefused: one side does not trust the
  /// other; kUnavailable: the connection ended, or nobody speaks TLS there.
  static Result<TlsConnection> open(int descriptor, const std::string& host,
                                    const Properties& properties);
  TlsConnection(TlsConnection&& other) noexcept;
  TlsConnection& operator=(TlsConnection&& other) = delete;
  ~TlsConnection();

  Result<void> send(std::string_view bytes);
  /// At least one byte; 0 at the end.
  Result<size_t> receive(std::span<char> into);

 private:
  struct Delete {
    void operator()(SSL_CTX* context) const;
    void operator()(SSL* connection) const;
  };
  TlsConnection(int descriptor, std::unique_ptr<SSL_CTX, Delete> context,
                std::unique_ptr<SSL, Delete> connection);

  static Result<std::unique_ptr<SSL_CTX, Delete>> make_context(const Properties& properties);
  Result<void> shake_hands(const std::string& host);
  /// Repeats `step` of the connection until it is done, carrying bytes to and from the socket.
  /// Returns what the step returned; 0: the other side has ended.
  Result<size_t> drive(std::string_view what, const auto& step);
  Result<void> flush();
  /// False: the socket's end.
  Result<bool> fill();

  int descriptor_;
  std::unique_ptr<SSL_CTX, Delete> context_;
  std::unique_ptr<SSL, Delete> connection_;
  BIO* from_socket_ = nullptr;  // both owned by connection_
  BIO* to_socket_ = nullptr;
};

}  // namespace freshet::kafka
