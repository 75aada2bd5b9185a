#include "io/tls_client_context.h"

#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>
#include <string_view>

namespace freshet::io {

namespace ssl = boost::asio::ssl;

namespace {

Result<void> used(const boost::system::error_code& error, std::string_view what,
                  const std::filesystem::path& file) {
  if (!error) return {};
  return fail(Errc::kInvalidArgument, "TLS: {} {} cannot be used: {}; expected a PEM file", what,
              file.string(), error.message());
}

}  // namespace

TlsClientContext::TlsClientContext(std::unique_ptr<ssl::context> context, bool checks_certificate)
    : context_(std::move(context)), checks_certificate_(checks_certificate) {}
TlsClientContext::~TlsClientContext() = default;

Result<std::shared_ptr<TlsClientContext>> TlsClientContext::load(const TlsClientFiles& files) {
  auto context = std::make_unique<ssl::context>(ssl::context::tls_client);
  SSL_CTX* const raw = context->native_handle();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  boost::system::error_code error;
  if (!files.check_certificate) {
    context->set_verify_mode(ssl::verify_none, error);
  } else {
    context->set_verify_mode(ssl::verify_peer, error);
    if (files.ca.empty()) {
      context->set_default_verify_paths(error);
    } else {
      context->load_verify_file(files.ca.string(), error);
    }
  }
  FRESHET_TRY(used(error, "authority", files.ca.empty() ? "(the system's list)" : files.ca));
  if (!files.certificate.empty()) {
    context->use_certificate_chain_file(files.certificate.string(), error);
    FRESHET_TRY(used(error, "certificate", files.certificate));
    context->use_private_key_file(files.key.string(), ssl::context::pem, error);
    FRESHET_TRY(used(error, "key", files.key));
    if (SSL_CTX_check_private_key(raw) != 1) {
      return fail(Errc::kInvalidArgument, "TLS: key {} does not belong to certificate {}",
                  files.key.string(), files.certificate.string());
    }
  }
  return std::shared_ptr<TlsClientContext>(
      new TlsClientContext(std::move(context), files.check_certificate));
}

}  // namespace freshet::io
