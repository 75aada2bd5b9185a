#include "kafka/remote/broker_connection.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/endian.h"
#include "kafka/client/sasl_login.h"
#include "kafka/messages/api_versions.h"
#include "kafka/messages/sasl_authenticate.h"
#include "kafka/messages/sasl_handshake.h"

namespace freshet::kafka {
namespace {

using Deadline = BrokerConnection::Deadline;

/// What a broker says beyond it is no different.
constexpr std::chrono::milliseconds kLoginLifetimeMax = std::chrono::hours(24 * 365);

std::string tls_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "the connection was closed";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "TLS failed";
}

Result<void> tls_file(int loaded, std::string_view what, const std::string& file) {
  if (loaded == 1) return {};
  return fail(Errc::kInvalidArgument, "TLS: {} {} cannot be used: {}; expected a PEM file", what,
              file, tls_reason());
}

/// A socket that writes to a closed peer answers EPIPE; OpenSSL has no flag for it, so the signal
/// is turned off for the whole process, as every network program does.
void ignore_broken_pipes() {
  static const auto kIgnored = std::signal(SIGPIPE, SIG_IGN);
  static_cast<void>(kIgnored);
}

/// Before connecting: the window scale is agreed on then. What cannot be set is left as it is.
void set_options(int socket, const RemoteSocket& wanted) {
  const auto set = [socket](int level, int option, int value) {
    static_cast<void>(::setsockopt(socket, level, option, &value, sizeof value));
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  if (wanted.keepalive) set(SOL_SOCKET, SO_KEEPALIVE, 1);
  if (wanted.send_buffer > 0) set(SOL_SOCKET, SO_SNDBUF, wanted.send_buffer);
  if (wanted.receive_buffer > 0) set(SOL_SOCKET, SO_RCVBUF, wanted.receive_buffer);
}

}  // namespace

Result<TlsClient> make_tls_client(const RemoteTls& tls) {
  if (!tls.enabled) return TlsClient();
  TlsClient context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (context == nullptr) return fail(Errc::kInternal, "TLS: {}", tls_reason());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  if (tls.ca.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else {
    FRESHET_TRY(tls_file(SSL_CTX_load_verify_file(context.get(), tls.ca.c_str()),
                         "certificate authority", tls.ca));
  }
  if (!tls.certificate.empty()) {
    FRESHET_TRY(tls_file(SSL_CTX_use_certificate_chain_file(context.get(), tls.certificate.c_str()),
                         "certificate", tls.certificate));
    FRESHET_TRY(
        tls_file(SSL_CTX_use_PrivateKey_file(context.get(), tls.key.c_str(), SSL_FILETYPE_PEM),
                 "key", tls.key));
  }
  SSL_CTX_set_verify(context.get(), tls.check_certificate ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                     nullptr);
  return context;
}

BrokerConnection::BrokerConnection(BrokerAddress address, std::string client_id)
    : address_(std::move(address)), client_id_(std::move(client_id)) {}

BrokerConnection::~BrokerConnection() {
  SSL_free(tls_);
  if (socket_ >= 0) ::close(socket_);
}

Result<std::unique_ptr<BrokerConnection>> BrokerConnection::open(const BrokerAddress& address,
                                                                 const RemoteSettings& settings,
                                                                 const TlsClient& tls,
                                                                 Deadline deadline) {
  ignore_broken_pipes();
  std::unique_ptr<BrokerConnection> connection(new BrokerConnection(address, settings.client_id));
  deadline = std::min(deadline, std::chrono::steady_clock::now() + settings.connect_timeout);
  FRESHET_TRY(connection->connect(settings.socket, deadline));
  if (tls != nullptr) FRESHET_TRY(connection->start_tls(tls, settings.tls, deadline));
  if (auto learned = connection->learn_versions(deadline); !learned) {
    if (tls != nullptr || learned.error().code() != Errc::kUnavailable) {
      return std::unexpected(std::move(learned).error());
    }
    return fail(Errc::kUnavailable,
                "{}; a listener for TLS does so too: then set services.kafka.tls", learned.error());
  }
  if (!settings.login.mechanism.empty()) {
    FRESHET_TRY(connection->log_in(settings.login, deadline));
  }
  return connection;
}

Error BrokerConnection::broken(Error why) {
  broken_ = true;
  awaiting_ = false;
  return std::move(why).with_context("Kafka broker " + address_.display());
}

Error BrokerConnection::too_late(std::string_view what) {
  timed_out_ = true;
  return broken(Error(Errc::kTimeout, fmt::format("no answer to {} in time", what)));
}

bool BrokerConnection::usable() const {
  if (broken_ || socket_ < 0 || awaiting_) return false;
  if (std::chrono::steady_clock::now() >= expires_at_) return false;
  // Between two requests a broker says nothing: readable means that it has closed.
  pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, 0) == 0;
}

Result<int16_t> BrokerConnection::version_of(ApiKey api, int16_t cap) const {
  const auto key = static_cast<size_t>(api);
  const ApiInfo& ours = api_info(api);
  const Versions theirs = key < versions_.size() ? versions_[key] : Versions{};
  if (theirs.max < theirs.min) {
    return fail(Errc::kUnsupported,
                "Kafka broker {} does not have {}; Kafka 2.4 or newer is needed",
                address_.display(), ours.name);
  }
  const int16_t version = std::min({ours.version_max, theirs.max, cap});
  if (version < ours.version_min || version < theirs.min) {
    return fail(Errc::kUnsupported,
                "Kafka broker {} speaks versions {} to {} of {}, this program {} to {}",
                address_.display(), theirs.min, theirs.max, ours.name, ours.version_min,
                std::min(ours.version_max, cap));
  }
  return version;
}

// ---- bytes

Result<bool> BrokerConnection::wait_for(short events, Deadline deadline) {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd ready{.fd = socket_, .events = events, .revents = 0};
    const int count =
        ::poll(&ready, 1, static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000)));
    if (count > 0) return true;
    if (count == 0) return false;
    if (errno != EINTR) return std::unexpected(broken(errno_error("poll", errno)));
  }
}

Result<void> BrokerConnection::connect(const RemoteSocket& settings, Deadline deadline) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address_.port);
  if (const int code = ::getaddrinfo(address_.host.c_str(), port.c_str(), &wanted, &found);
      code != 0) {
    return fail(Errc::kUnavailable, "Kafka broker {}: the name cannot be resolved: {}",
                address_.display(), ::gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  int left = 0;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) ++left;
  int reason = 0;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next, --left) {
    // An address where nobody answers leaves time for the next.
    const auto now = std::chrono::steady_clock::now();
    const Deadline until = now + (deadline - now) / left;
    if (socket_ >= 0) ::close(socket_);
    socket_ = ::socket(each->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket_ < 0) return std::unexpected(broken(errno_error("socket", errno)));
    set_options(socket_, settings);
    if (::connect(socket_, each->ai_addr, each->ai_addrlen) != 0) {
      reason = errno;
      if (reason != EINPROGRESS) continue;
      FRESHET_ASSIGN(const bool ready, wait_for(POLLOUT, until));
      if (!ready) {
        reason = ETIMEDOUT;
        continue;
      }
      socklen_t size = sizeof reason;
      ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &reason, &size);
      if (reason != 0) continue;
    }
    return {};
  }
  if (reason == ETIMEDOUT) return std::unexpected(too_late("the connection"));
  return std::unexpected(
      broken(Error(Errc::kUnavailable, fmt::format("cannot connect: {}", std::strerror(reason)))));
}

Result<void> BrokerConnection::start_tls(const TlsClient& tls, const RemoteTls& settings,
                                         Deadline deadline) {
  tls_ = SSL_new(tls.get());
  if (tls_ == nullptr || SSL_set_fd(tls_, socket_) != 1) {
    return std::unexpected(broken(Error(Errc::kInternal, tls_reason())));
  }
  in6_addr literal{};
  const bool is_literal = ::inet_pton(AF_INET, address_.host.c_str(), &literal) == 1 ||
                          ::inet_pton(AF_INET6, address_.host.c_str(), &literal) == 1;
  if (!is_literal) SSL_set_tlsext_host_name(tls_, address_.host.c_str());
  if (settings.check_certificate && settings.check_host_name) {
    X509_VERIFY_PARAM* rules = SSL_get0_param(tls_);
    if (is_literal) {
      X509_VERIFY_PARAM_set1_ip_asc(rules, address_.host.c_str());
    } else {
      X509_VERIFY_PARAM_set1_host(rules, address_.host.c_str(), address_.host.size());
    }
  }
  while (true) {
    ERR_clear_error();
    const int done = SSL_connect(tls_);
    if (done == 1) return {};
    const int why = SSL_get_error(tls_, done);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
      const long verdict = SSL_get_verify_result(tls_);
      // A broker that is going down closes in the middle; that is no verdict about us.
      const unsigned long queued = ERR_peek_error();
      const bool closed =
          verdict == X509_V_OK &&
          (queued == 0 || ERR_GET_REASON(queued) == SSL_R_UNEXPECTED_EOF_WHILE_READING);
      const std::string reason =
          verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : tls_reason();
      return std::unexpected(broken(
          Error(closed ? Errc::kUnavailable : Errc::kRefused,
                fmt::format("TLS handshake failed: {}; is this a TLS port, and does tls.ca name "
                            "who signed its certificate?",
                            reason))));
    }
    FRESHET_ASSIGN(const bool ready,
                   wait_for(why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline));
    if (!ready) return std::unexpected(too_late("the TLS handshake"));
  }
}

Result<void> BrokerConnection::write_all(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    short wanted = POLLOUT;
    ssize_t sent = 0;
    if (tls_ != nullptr) {
      ERR_clear_error();
      const int chunk = static_cast<int>(std::min<size_t>(bytes.size(), 1 << 20));
      sent = SSL_write(tls_, bytes.data(), chunk);
      if (sent <= 0) {
        const int why = SSL_get_error(tls_, static_cast<int>(sent));
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
          return std::unexpected(broken(Error(Errc::kUnavailable, tls_reason())));
        }
        wanted = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
      }
    } else {
      sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        return std::unexpected(
            broken(Error(Errc::kUnavailable, fmt::format("send: {}", std::strerror(errno)))));
      }
    }
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    FRESHET_ASSIGN(const bool ready, wait_for(wanted, deadline));
    if (!ready) return std::unexpected(too_late("a request that it does not take"));
  }
  return {};
}

Result<size_t> BrokerConnection::read_some(char* into, size_t size, Deadline deadline) {
  while (true) {
    short wanted = POLLIN;
    ssize_t got = 0;
    if (tls_ != nullptr) {
      ERR_clear_error();
      got = SSL_read(tls_, into, static_cast<int>(std::min<size_t>(size, 1 << 30)));
      if (got <= 0) {
        const int why = SSL_get_error(tls_, static_cast<int>(got));
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
          return std::unexpected(broken(Error(Errc::kUnavailable, tls_reason())));
        }
        wanted = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
      }
    } else {
      got = ::recv(socket_, into, size, 0);
      if (got == 0) {
        return std::unexpected(
            broken(Error(Errc::kUnavailable, "the broker closed the connection")));
      }
      if (got < 0 && errno != EAGAIN && errno != EINTR) {
        return std::unexpected(
            broken(Error(Errc::kUnavailable, fmt::format("receive: {}", std::strerror(errno)))));
      }
    }
    if (got > 0) return static_cast<size_t>(got);
    FRESHET_ASSIGN(const bool ready, wait_for(wanted, deadline));
    if (!ready) return 0;
  }
}

// ---- frames

Result<void> BrokerConnection::send_frame(const EncodedFrame& frame, ApiKey api, int16_t version,
                                          Deadline deadline) {
  if (broken_) return fail(Errc::kUnavailable, "Kafka broker {} is lost", address_.display());
  FRESHET_CHECK(!awaiting_, "one request at a time");
  awaited_ = api;
  awaited_version_ = version;
  received_ = 0;
  frame_ = std::make_shared<std::string>();
  for (const std::string_view piece : frame.pieces()) FRESHET_TRY(write_all(piece, deadline));
  awaiting_ = true;
  return {};
}

Result<std::optional<BrokerConnection::Frame>> BrokerConnection::receive_frame(Deadline deadline) {
  if (broken_) return fail(Errc::kUnavailable, "Kafka broker {} is lost", address_.display());
  FRESHET_CHECK(awaiting_, "nothing was asked");
  while (true) {
    const size_t header = size_bytes_.size();
    const bool in_size = received_ < header;
    char* const into =
        in_size ? size_bytes_.data() + received_ : frame_->data() + (received_ - header);
    const size_t wanted = in_size ? header - received_ : header + frame_->size() - received_;
    FRESHET_ASSIGN(const size_t got, read_some(into, wanted, deadline));
    if (got == 0) return std::nullopt;
    received_ += got;
    if (received_ == header) {
      const auto size = load_be<int32_t>(size_bytes_.data());
      if (size < 4 || static_cast<size_t>(size) > kAnswerBytesMax) {
        return std::unexpected(
            broken(Error(Errc::kCorrupt, fmt::format("an answer of {} bytes, expected 4 to {}",
                                                     size, kAnswerBytesMax))));
      }
      const auto bytes = static_cast<size_t>(size);
      frame_->resize_and_overwrite(bytes, [bytes](char*, size_t) { return bytes; });
    }
    if (received_ > header && received_ == header + frame_->size()) {
      awaiting_ = false;
      return std::optional<Frame>(std::move(frame_));
    }
  }
}

Result<std::string_view> BrokerConnection::take_header(const std::string& frame) {
  std::string_view body = frame;
  auto correlation = decode_response_header(body, awaited_, awaited_version_);
  if (!correlation) return std::unexpected(broken(std::move(correlation).error()));
  if (*correlation != correlation_id_) {
    return std::unexpected(
        broken(Error(Errc::kCorrupt, fmt::format("answers request {}, expected {}", *correlation,
                                                 correlation_id_))));
  }
  return body;
}

// ---- handshake

Result<void> BrokerConnection::learn_versions(Deadline deadline) {
  const auto key = static_cast<size_t>(ApiKey::kApiVersions);
  versions_[key] = {.min = 0, .max = 3};
  ApiVersionsRequest request;
  request.client_software_name = "freshet";
  request.client_software_version = "1";
  auto answered = call<ApiVersionsResponse>(request, deadline);
  if (!answered && answered.error().code() == Errc::kCorrupt) {
    return fail(Errc::kUnsupported,
                "{}; is this a Kafka port, does services.kafka.tls say whether it speaks TLS, and "
                "is it Kafka 2.4 or newer?",
                answered.error());
  }
  FRESHET_ASSIGN(const auto answer, std::move(answered));
  if (answer.error_code != ErrorCode::kNone) {
    return std::unexpected(broken(to_error(answer.error_code).with_context("ApiVersions")));
  }
  for (const auto& api : answer.api_keys) {
    if (api.api_key < 0 || static_cast<size_t>(api.api_key) >= versions_.size()) continue;
    versions_[static_cast<size_t>(api.api_key)] = {.min = api.min_version, .max = api.max_version};
  }
  return {};
}

Result<std::string> BrokerConnection::authenticate(std::string bytes, Deadline deadline) {
  SaslAuthenticateRequest request;
  request.auth_bytes = std::move(bytes);
  FRESHET_ASSIGN(auto answer, call<SaslAuthenticateResponse>(request, deadline));
  if (answer.error_code != ErrorCode::kNone) {
    return std::unexpected(
        broken(Error(Errc::kRefused, fmt::format("the login was not accepted: {}; check user and "
                                                 "password",
                                                 answer.error_message.value_or("no reason")))));
  }
  if (answer.session_lifetime_ms > 0) {
    // The broker closes it then; nine tenths of the time leave room for what is under way.
    const std::chrono::milliseconds lifetime(
        std::min(answer.session_lifetime_ms, kLoginLifetimeMax.count()));
    expires_at_ = std::chrono::steady_clock::now() + lifetime / 10 * 9;
  }
  return std::move(answer.auth_bytes);
}

Result<void> BrokerConnection::log_in(const RemoteLogin& login, Deadline deadline) {
  SaslHandshakeRequest handshake;
  handshake.mechanism = login.mechanism;
  FRESHET_ASSIGN(const auto offered, call<SaslHandshakeResponse>(handshake, deadline));
  if (offered.error_code != ErrorCode::kNone) {
    std::string names;
    for (const auto& name : offered.mechanisms) names += (names.empty() ? "" : ", ") + name;
    return std::unexpected(broken(
        Error(Errc::kRefused, fmt::format("it does not take {}; it takes {}", login.mechanism,
                                          names.empty() ? "none" : names))));
  }
  auto sasl = SaslLogin::create(login.mechanism, login.user, login.password);
  if (!sasl) return std::unexpected(broken(std::move(sasl).error()));
  std::string step = sasl->first();
  while (true) {
    FRESHET_ASSIGN(const std::string answer, authenticate(std::move(step), deadline));
    auto next = sasl->take(answer);
    if (!next) return std::unexpected(broken(std::move(next).error()));
    if (!*next) return {};
    step = std::move(**next);
  }
}

}  // namespace freshet::kafka
