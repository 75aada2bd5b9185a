#include "kafka/client/broker_link.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/endian.h"
#include "kafka/client/sasl_login.h"
#include "kafka/messages/sasl_authenticate.h"
#include "kafka/messages/sasl_handshake.h"
#include "kafka/wire/codec.h"

namespace freshet::kafka {

namespace {

/// No answer that is asked for here comes near it.
constexpr size_t kAnswerBytesMax = 64 << 20;

struct AddressesDelete {
  void operator()(addrinfo* addresses) const { ::freeaddrinfo(addresses); }
};

struct Security {
  bool tls = false;
  bool sasl = false;
};

/// nullopt: no such protocol.
std::optional<Security> security_of(const ClientSettings& client) {
  const auto found = client.librdkafka_properties.find("security.protocol");
  std::string protocol = found == client.librdkafka_properties.end() ? "plaintext" : found->second;
  std::ranges::transform(protocol, protocol.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (protocol == "plaintext") return Security{};
  if (protocol == "ssl") return Security{.tls = true};
  if (protocol == "sasl_plaintext") return Security{.sasl = true};
  if (protocol == "sasl_ssl") return Security{.tls = true, .sasl = true};
  return std::nullopt;
}

template <class Response, Message Request>
Result<Response> ask_as(BrokerLink& link, const ClientSettings& client, const Request& request,
                        int16_t version) {
  RequestHeader header;
  header.api_version = version;
  header.client_id = client.client_id;
  FRESHET_ASSIGN(const std::string answer, link.ask(encode_request(header, request).flatten()));
  std::string_view rest = answer;
  FRESHET_TRY(decode_response_header(rest, Response::kApi, version));
  return decode_message<Response>(rest, version);
}

}  // namespace

BrokerLink::Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}
BrokerLink::Socket::Socket(Socket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}
BrokerLink::Socket& BrokerLink::Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

bool BrokerLink::can_reach(const ClientSettings& client) {
  const auto security = security_of(client);
  if (!security) return false;
  if (security->tls && !TlsConnection::understands(client.librdkafka_properties)) return false;
  if (!security->sasl) return true;
  const auto login = SaslLogin::from(client.librdkafka_properties);
  return !login || *login;  // what is wrong with the properties open() says
}

Result<BrokerLink::Socket> BrokerLink::connect(const std::string& address, const std::string& host,
                                               const std::string& port,
                                               const ClientSettings& client) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found); code != 0) {
    return fail(Errc::kUnavailable, "{}: {}", address, ::gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, AddressesDelete> addresses(found);
  const auto timeout = client.request_timeout;
  const timeval patience{.tv_sec = timeout.count() / 1000,
                         .tv_usec = timeout.count() % 1000 * 1000};
  int failure = 0;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    Socket socket(::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol));
    // Of connect(), too.
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(socket.get(), at->ai_addr, at->ai_addrlen) == 0) return socket;
    failure = errno;
  }
  return fail(Errc::kUnavailable, "{}: {}", address, errno_error("connect", failure).message());
}

Result<BrokerLink> BrokerLink::open(const std::string& address, const ClientSettings& client) {
  const auto security = security_of(client);
  if (!security) {
    return fail(Errc::kInvalidArgument, "security.protocol={} is none that is known",
                client.librdkafka_properties.at("security.protocol"));
  }
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  const std::string port = colon == std::string::npos ? "9092" : address.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  FRESHET_ASSIGN(auto socket, connect(address, host, port, client));
  BrokerLink link(std::move(socket));
  if (security->tls) {
    FRESHET_ASSIGN_CONTEXT(
        auto tls, TlsConnection::open(link.socket_.get(), host, client.librdkafka_properties), "{}",
        address);
    link.tls_.emplace(std::move(tls));
  }
  if (security->sasl) FRESHET_TRY_CONTEXT(link.log_in(client), "{}", address);
  return link;
}

Result<void> BrokerLink::log_in(const ClientSettings& client) {
  FRESHET_ASSIGN(auto login, SaslLogin::from(client.librdkafka_properties));
  if (!login) return fail(Errc::kUnsupported, "this SASL mechanism is not supported yet");
  SaslHandshakeRequest handshake;
  handshake.mechanism = login->mechanism();
  FRESHET_ASSIGN(const auto offered,
                 ask_as<SaslHandshakeResponse>(*this, client, handshake, /*version=*/1));
  if (offered.error_code != ErrorCode::kNone) {
    return fail(Errc::kRefused, "the broker has no SASL mechanism {}, only: {}", login->mechanism(),
                fmt::join(offered.mechanisms, ", "));
  }
  SaslAuthenticateRequest step;
  step.auth_bytes = login->first();
  while (true) {
    FRESHET_ASSIGN(const auto answer,
                   ask_as<SaslAuthenticateResponse>(*this, client, step, /*version=*/1));
    if (answer.error_code != ErrorCode::kNone) {
      return fail(Errc::kRefused, "login refused: {}",
                  answer.error_message.value_or("no reason given"));
    }
    FRESHET_ASSIGN(auto next, login->take(answer.auth_bytes));
    if (!next) return {};
    step.auth_bytes = std::move(*next);
  }
}

Result<void> BrokerLink::send(std::string_view bytes) {
  if (tls_) return tls_->send(bytes);
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return std::unexpected(errno_error("send", errno));
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

Result<std::string> BrokerLink::receive(size_t size) {
  std::string bytes(size, '\0');
  for (size_t got = 0; got < size;) {
    size_t piece = 0;
    if (tls_) {
      FRESHET_ASSIGN(piece, tls_->receive({bytes.data() + got, size - got}));
    } else {
      const ssize_t read = ::recv(socket_.get(), bytes.data() + got, size - got, 0);
      if (read < 0 && errno == EINTR) continue;
      if (read < 0) return std::unexpected(errno_error("receive", errno));
      piece = static_cast<size_t>(read);
    }
    if (piece == 0) return fail(Errc::kUnavailable, "the broker closed the connection");
    got += piece;
  }
  return bytes;
}

Result<std::string> BrokerLink::ask(const std::string& frame) {
  FRESHET_TRY(send(frame));
  FRESHET_ASSIGN(const std::string size_bytes, receive(sizeof(int32_t)));
  const auto size = load_be<int32_t>(size_bytes.data());
  if (size < 4 || static_cast<size_t>(size) > kAnswerBytesMax) {
    return fail(Errc::kCorrupt, "an answer claims {} bytes, expected 4 to {}", size,
                kAnswerBytesMax);
  }
  return receive(static_cast<size_t>(size));
}

}  // namespace freshet::kafka
