#include "kafka/client/tls_connection.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

namespace freshet::kafka {

namespace {

constexpr std::array kUnderstood = {
    std::string_view("ssl.ca.location"),
    std::string_view("ssl.ca.pem"),
    std::string_view("ssl.certificate.pem"),
    std::string_view("ssl.certificate.location"),
    std::string_view("ssl.key.location"),
    std::string_view("ssl.key.pem"),
    std::string_view("ssl.key.password"),
    std::string_view("ssl.endpoint.identification.algorithm"),
};

const std::string* find(const TlsConnection::Properties& properties, const std::string& name) {
  const auto found = properties.find(name);
  return found == properties.end() || found->second.empty() ? nullptr : &found->second;
}

bool is_off(const TlsConnection::Properties& properties, const std::string& name,
            std::string_view off) {
  const auto* const value = find(properties, name);
  return value != nullptr && *value == off;
}

bool verifies(const TlsConnection::Properties& properties) {
  return !is_off(properties, "enable.ssl.certificate.verification", "false");
}

/// The newest of OpenSSL's reasons, which are taken off its queue.
std::string reasons() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    const char* const reason = ERR_reason_error_string(code);
    text = reason != nullptr ? reason : "unknown reason";
  }
  return text.empty() ? "no reason given" : text;
}

Error unusable(std::string_view property, const std::string& value) {
  return Error(Errc::kInvalidArgument,
               fmt::format("TLS: {}={} cannot be used: {}", property, value, reasons()));
}

struct PemDelete {
  void operator()(BIO* text) const { BIO_free(text); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
template <class T>
using Owned = std::unique_ptr<T, PemDelete>;

Owned<BIO> reader_of(const std::string& pem) {
  return Owned<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

Result<void> trust(SSL_CTX* context, const TlsConnection::Properties& properties) {
  if (const auto* const pem = find(properties, "ssl.ca.pem")) {
    const auto text = reader_of(*pem);
    bool any = false;
    while (const Owned<X509> one{PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)}) {
      any = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get()) == 1 || any;
    }
    if (!any) return std::unexpected(unusable("ssl.ca.pem", "(PEM text)"));
    ERR_clear_error();
    return {};
  }
  const auto* const location = find(properties, "ssl.ca.location");
  if (location == nullptr || *location == "probe") {
    SSL_CTX_set_default_verify_paths(context);
    return {};
  }
  std::error_code ignored;
  const bool is_directory = std::filesystem::is_directory(*location, ignored);
  const int loaded =
      SSL_CTX_load_verify_locations(context, is_directory ? nullptr : location->c_str(),
                                    is_directory ? location->c_str() : nullptr);
  if (loaded != 1) return std::unexpected(unusable("ssl.ca.location", *location));
  return {};
}

int give_password(char* into, int size, int /*writing*/, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  return static_cast<int>(text.copy(into, static_cast<size_t>(size)));
}

Result<void> show_certificate(SSL_CTX* context, const TlsConnection::Properties& properties) {
  if (const auto* const location = find(properties, "ssl.certificate.location")) {
    if (SSL_CTX_use_certificate_chain_file(context, location->c_str()) != 1) {
      return std::unexpected(unusable("ssl.certificate.location", *location));
    }
  } else if (const auto* const pem = find(properties, "ssl.certificate.pem")) {
    const auto text = reader_of(*pem);
    const Owned<X509> one(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
    if (!one || SSL_CTX_use_certificate(context, one.get()) != 1) {
      return std::unexpected(unusable("ssl.certificate.pem", "(PEM text)"));
    }
  }
  static const std::string kNoPassword;
  const auto* password = find(properties, "ssl.key.password");
  if (password == nullptr) password = &kNoPassword;
  Owned<BIO> text;
  std::string_view property = "ssl.key.pem";
  std::string shown = "(PEM text)";
  if (const auto* const location = find(properties, "ssl.key.location")) {
    text.reset(BIO_new_file(location->c_str(), "r"));
    property = "ssl.key.location";
    shown = *location;
  } else if (const auto* const pem = find(properties, "ssl.key.pem")) {
    text = reader_of(*pem);
  } else {
    return {};
  }
  const Owned<EVP_PKEY> key(text ? PEM_read_bio_PrivateKey(text.get(), nullptr, give_password,
                                                           const_cast<std::string*>(password))
                                 : nullptr);
  if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return std::unexpected(unusable(property, shown));
  }
  return {};
}

}  // namespace

void TlsConnection::Delete::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
void TlsConnection::Delete::operator()(SSL* connection) const { SSL_free(connection); }

bool TlsConnection::understands(const Properties& properties) {
  return std::ranges::all_of(properties, [](const auto& property) {
    const std::string& name = property.first;
    return !name.starts_with("ssl.") || std::ranges::find(kUnderstood, name) != kUnderstood.end();
  });
}

TlsConnection::TlsConnection(int descriptor, std::unique_ptr<SSL_CTX, Delete> context,
                             std::unique_ptr<SSL, Delete> connection)
    : descriptor_(descriptor),
      context_(std::move(context)),
      connection_(std::move(connection)),
      from_socket_(BIO_new(BIO_s_mem())),
      to_socket_(BIO_new(BIO_s_mem())) {
  SSL_set_bio(connection_.get(), from_socket_, to_socket_);
}
TlsConnection::TlsConnection(TlsConnection&&) noexcept = default;
TlsConnection::~TlsConnection() = default;

Result<std::unique_ptr<SSL_CTX, TlsConnection::Delete>> TlsConnection::make_context(
    const Properties& properties) {
  ERR_clear_error();
  std::unique_ptr<SSL_CTX, Delete> context(SSL_CTX_new(TLS_client_method()));
  if (!context) return fail(Errc::kInternal, "TLS: {}", reasons());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  if (verifies(properties)) {
    FRESHET_TRY(trust(context.get(), properties));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  FRESHET_TRY(show_certificate(context.get(), properties));
  return context;
}

Result<TlsConnection> TlsConnection::open(int descriptor, const std::string& host,
                                          const Properties& properties) {
  FRESHET_ASSIGN(auto context, make_context(properties));
  std::unique_ptr<SSL, Delete> connection(SSL_new(context.get()));
  if (!connection) return fail(Errc::kInternal, "TLS: {}", reasons());
  in6_addr ignored{};
  const bool is_address = ::inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
                          ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
  if (!is_address) SSL_set_tlsext_host_name(connection.get(), host.c_str());
  if (verifies(properties) &&
      !is_off(properties, "ssl.endpoint.identification.algorithm", "none")) {
    X509_VERIFY_PARAM* const rules = SSL_get0_param(connection.get());
    const int set = is_address ? X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str())
                               : X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size());
    if (set != 1) return fail(Errc::kInvalidArgument, "TLS: {} is no name of a host", host);
  }
  TlsConnection made(descriptor, std::move(context), std::move(connection));
  FRESHET_TRY(made.shake_hands(host));
  return made;
}

Result<void> TlsConnection::shake_hands(const std::string& host) {
  const auto shaken = drive("TLS handshake", [this] { return SSL_connect(connection_.get()); });
  if (shaken && *shaken > 0) return {};
  const long verdict = SSL_get_verify_result(connection_.get());
  if (verdict != X509_V_OK) {
    return fail(Errc::kRefused,
                "TLS: the certificate of {} is not trusted: {}; name its authority with "
                "ssl.ca.location",
                host, X509_verify_cert_error_string(verdict));
  }
  if (!shaken) return std::unexpected(shaken.error());
  return fail(Errc::kUnavailable,
              "TLS: the broker closed the connection in the handshake; does it speak TLS, and does "
              "it want a certificate (ssl.certificate.location)?");
}

Result<size_t> TlsConnection::drive(std::string_view what, const auto& step) {
  while (true) {
    ERR_clear_error();
    const int done = step();
    const int state = done > 0 ? SSL_ERROR_NONE : SSL_get_error(connection_.get(), done);
    // Alerts, too, which say why.
    FRESHET_TRY(flush());
    switch (state) {
      case SSL_ERROR_NONE:
        return static_cast<size_t>(done);
      case SSL_ERROR_ZERO_RETURN:
        return 0;
      case SSL_ERROR_WANT_WRITE:
        break;
      case SSL_ERROR_WANT_READ: {
        FRESHET_ASSIGN(const bool more, fill());
        if (!more) return 0;
        break;
      }
      default:
        return fail(Errc::kRefused, "{}: {}", what, reasons());
    }
  }
}

Result<void> TlsConnection::flush() {
  std::array<char, 16 << 10> bytes;
  while (BIO_ctrl_pending(to_socket_) > 0) {
    const int count = BIO_read(to_socket_, bytes.data(), static_cast<int>(bytes.size()));
    for (int sent = 0; sent < count;) {
      const ssize_t piece =
          ::send(descriptor_, bytes.data() + sent, static_cast<size_t>(count - sent), MSG_NOSIGNAL);
      if (piece < 0 && errno == EINTR) continue;
      if (piece < 0) return std::unexpected(errno_error("send", errno));
      sent += static_cast<int>(piece);
    }
  }
  return {};
}

Result<bool> TlsConnection::fill() {
  std::array<char, 16 << 10> bytes;
  ssize_t piece = -1;
  do {
    piece = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
  } while (piece < 0 && errno == EINTR);
  if (piece < 0) return std::unexpected(errno_error("receive", errno));
  if (piece == 0) return false;
  BIO_write(from_socket_, bytes.data(), static_cast<int>(piece));
  return true;
}

Result<void> TlsConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    FRESHET_ASSIGN(const size_t sent, drive("TLS send", [&] {
                     return SSL_write(connection_.get(), bytes.data(),
                                      static_cast<int>(std::min<size_t>(bytes.size(), 1 << 20)));
                   }));
    if (sent == 0) return fail(Errc::kUnavailable, "the broker closed the connection");
    bytes.remove_prefix(sent);
  }
  return {};
}

Result<size_t> TlsConnection::receive(std::span<char> into) {
  return drive("TLS receive", [&] {
    return SSL_read(connection_.get(), into.data(),
                    static_cast<int>(std::min<size_t>(into.size(), 1 << 20)));
  });
}

}  // namespace freshet::kafka
