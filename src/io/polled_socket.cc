#include "io/polled_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <utility>

namespace freshet::io {

using std::chrono::milliseconds;

namespace {

Error connect_error(const std::string& where, int code) {
  Error error = errno_error("connect to " + where, code);
  switch (code) {
    case ECONNREFUSED:
    case ENOENT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ECONNRESET:
      return {Errc::kUnavailable, error.message()};
    case ETIMEDOUT:
      return {Errc::kTimeout, error.message()};
    default:
      return error;
  }
}

}  // namespace

PolledSocket::PolledSocket(PolledSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), timeout_(other.timeout_) {}

PolledSocket::~PolledSocket() {
  if (fd_ >= 0) ::close(fd_);
}

int PolledSocket::wait(short events) const {
  pollfd item{fd_, events, 0};
  while (true) {
    const int ready = ::poll(&item, 1, static_cast<int>(timeout_.count()));
    if (ready > 0) return 0;
    if (ready == 0) return ETIMEDOUT;
    if (errno != EINTR) return errno;
  }
}

bool PolledSocket::retry(int code, short events, boost::beast::error_code& error) const {
  if (code == EINTR) return true;
  if (code == EAGAIN) code = wait(events);
  if (code == 0) return true;
  error.assign(code, boost::beast::system_category());
  return false;
}

bool PolledSocket::has_news() const {
  pollfd item{fd_, POLLIN, 0};
  return ::poll(&item, 1, 0) != 0;
}

void PolledSocket::keep_alive() const {
  const auto set = [this](int level, int name, int value) {
    ::setsockopt(fd_, level, name, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
  set(IPPROTO_TCP, TCP_NODELAY, 1);
}

Result<PolledSocket> PolledSocket::connect_to(const sockaddr* address, socklen_t length,
                                              const std::string& where, milliseconds timeout) {
  PolledSocket socket(::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) return std::unexpected(connect_error(where, errno));
  socket.set_silence_timeout(timeout);
  if (::connect(socket.fd(), address, length) != 0) {
    // A unix socket with a full backlog says EAGAIN and never becomes writable.
    if (errno != EINPROGRESS) return std::unexpected(connect_error(where, errno));
    int code = socket.wait(POLLOUT);
    socklen_t size = sizeof code;
    if (code == 0) ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &code, &size);
    if (code != 0) return std::unexpected(connect_error(where, code));
  }
  return socket;
}

Result<PolledSocket> PolledSocket::connect_unix(const std::filesystem::path& path,
                                                milliseconds timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path.native();
  if (name.size() >= sizeof address.sun_path) {
    return fail(Errc::kInvalidArgument, "socket {}: the path is longer than {} bytes", name,
                sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address, name, timeout);
}

Result<PolledSocket> PolledSocket::connect_tcp(const std::string& host, uint16_t port,
                                               milliseconds timeout) {
  const std::string where = fmt::format("{}:{}", host, port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code != 0) {
    return fail(Errc::kUnavailable, "connect to {}: {}", where, ::gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  Result<PolledSocket> socket = fail(Errc::kUnavailable, "connect to {}: no address", where);
  for (const addrinfo* item = found; item != nullptr && !socket; item = item->ai_next) {
    auto attempt = connect_to(item->ai_addr, item->ai_addrlen, where, timeout);
    if (attempt) return attempt;
    socket = std::unexpected(std::move(attempt).error());
  }
  return socket;
}

}  // namespace freshet::io
