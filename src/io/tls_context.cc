#include "io/tls_context.h"

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

TlsContext::TlsContext(std::unique_ptr<ssl::context> context) : context_(std::move(context)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::load(const TlsFiles& files) {
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const raw = context->native_handle();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(
      raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Idle connections give their record buffers back; sessions are resumed by ticket, so that the
  // server keeps nothing for clients that are gone.
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  static constexpr unsigned char kSessionContext[] = "freshet";
  SSL_CTX_set_session_id_context(raw, kSessionContext, sizeof kSessionContext - 1);

  boost::system::error_code error;
  context->use_certificate_chain_file(files.certificate.string(), error);
  FRESHET_TRY(used(error, "certificate", files.certificate));
  context->use_private_key_file(files.key.string(), ssl::context::pem, error);
  FRESHET_TRY(used(error, "key", files.key));
  if (SSL_CTX_check_private_key(raw) != 1) {
    return fail(Errc::kInvalidArgument, "TLS: key {} does not belong to certificate {}",
                files.key.string(), files.certificate.string());
  }
  if (!files.client_ca.empty()) {
    context->load_verify_file(files.client_ca.string(), error);
    FRESHET_TRY(used(error, "client authority", files.client_ca));
    SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(files.client_ca.c_str()));
    ssl::verify_mode mode = ssl::verify_peer;
    if (files.client_certificate_required) mode |= ssl::verify_fail_if_no_peer_cert;
    context->set_verify_mode(mode, error);
    FRESHET_TRY(used(error, "client authority", files.client_ca));
  }
  return std::shared_ptr<TlsContext>(new TlsContext(std::move(context)));
}

}  // namespace freshet::io
