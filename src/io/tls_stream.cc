#include "io/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "io/tls_context.h"

namespace freshet::io {

namespace asio = boost::asio;

namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

struct TlsStream::State {
  State(asio::ip::tcp::socket& socket, std::shared_ptr<TlsContext> shared)
      : context(std::move(shared)), stream(socket, context->native()) {}

  std::shared_ptr<TlsContext> context;
  asio::ssl::stream<asio::ip::tcp::socket&> stream;
};

TlsStream::TlsStream(asio::ip::tcp::socket& socket, std::shared_ptr<TlsContext> context)
    : state_(std::make_unique<State>(socket, std::move(context))) {}
TlsStream::~TlsStream() = default;

asio::awaitable<std::tuple<boost::system::error_code>> TlsStream::handshake() {
  return state_->stream.async_handshake(asio::ssl::stream_base::server, kTuple);
}

asio::awaitable<TlsStream::Transferred> TlsStream::read_some(asio::mutable_buffer into) {
  return state_->stream.async_read_some(into, kTuple);
}

asio::awaitable<TlsStream::Transferred> TlsStream::write_some(
    std::span<const asio::const_buffer> pieces) {
  return state_->stream.async_write_some(pieces, kTuple);
}

std::string TlsStream::client_name() const {
  X509* const certificate = SSL_get1_peer_certificate(state_->stream.native_handle());
  if (certificate == nullptr) return {};
  std::string name;
  if (BIO* const text = BIO_new(BIO_s_mem()); text != nullptr) {
    X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    char* data = nullptr;
    const long size = BIO_get_mem_data(text, &data);
    if (size > 0) name.assign(data, static_cast<size_t>(size));
    BIO_free(text);
  }
  X509_free(certificate);
  return name;
}

}  // namespace freshet::io
