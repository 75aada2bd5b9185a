#include "kafka/client/plain_call.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/endian.h"

namespace freshet::kafka {

namespace {

/// No answer that is asked for here comes near it.
constexpr size_t kAnswerBytesMax = 64 << 20;

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

struct AddressesDelete {
  void operator()(addrinfo* addresses) const { ::freeaddrinfo(addresses); }
};

Result<Socket> connect_to(const std::string& address, std::chrono::milliseconds timeout) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  const std::string port = colon == std::string::npos ? "9092" : address.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found); code != 0) {
    return fail(Errc::kUnavailable, "{}: {}", address, ::gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, AddressesDelete> addresses(found);
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

Result<void> send_all(const Socket& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return std::unexpected(errno_error("send", errno));
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

Result<std::string> receive(const Socket& socket, size_t size) {
  std::string bytes(size, '\0');
  for (size_t got = 0; got < size;) {
    const ssize_t piece = ::recv(socket.get(), bytes.data() + got, size - got, 0);
    if (piece < 0) return std::unexpected(errno_error("receive", errno));
    if (piece == 0) return fail(Errc::kUnavailable, "the broker closed the connection");
    got += static_cast<size_t>(piece);
  }
  return bytes;
}

Result<std::string> ask(const Socket& socket, const std::string& frame) {
  FRESHET_TRY(send_all(socket, frame));
  FRESHET_ASSIGN(const std::string size_bytes, receive(socket, sizeof(int32_t)));
  const auto size = load_be<int32_t>(size_bytes.data());
  if (size < 4 || static_cast<size_t>(size) > kAnswerBytesMax) {
    return fail(Errc::kCorrupt, "an answer claims {} bytes, expected 4 to {}", size,
                kAnswerBytesMax);
  }
  return receive(socket, static_cast<size_t>(size));
}

}  // namespace

bool can_call_plainly(const ClientSettings& client) {
  const auto protocol = client.librdkafka_properties.find("security.protocol");
  return protocol == client.librdkafka_properties.end() || protocol->second == "plaintext" ||
         protocol->second == "PLAINTEXT";
}

Result<std::string> wire::exchange(const ClientSettings& client, const std::string& frame) {
  std::string_view rest = client.bootstrap;
  std::optional<Error> failure;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string address(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    auto socket = connect_to(address, client.request_timeout);
    // Once sent it may have been done: nobody else is asked.
    if (socket) return ask(*socket, frame);
    failure = std::move(socket).error();
  }
  return std::unexpected(
      std::move(failure).value_or(Error(Errc::kInvalidArgument, "no bootstrap address is given")));
}

}  // namespace freshet::kafka
