#include "reset_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

namespace freshet::history {
namespace {

constexpr int kPollMs = 5;

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void set_no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace

Result<void> ResetProxy::start() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof(address);
  if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 128) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return std::unexpected(errno_error("the proxy cannot listen", errno));
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { loop(); });
  return {};
}

ResetProxy::~ResetProxy() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  for (const auto& [fd, peer] : peers_) ::close(fd);
  if (listener_ >= 0) ::close(listener_);
}

void ResetProxy::loop() {
  while (!stopping_) {
    if (cut_.exchange(false)) {
      while (!peers_.empty()) close_pair(peers_.begin()->first);
    }
    std::vector<pollfd> fds{{.fd = listener_, .events = POLLIN, .revents = 0}};
    for (const auto& [fd, peer] : peers_) fds.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    if (::poll(fds.data(), fds.size(), kPollMs) <= 0) continue;
    for (size_t i = 1; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      const auto peer = peers_.find(fds[i].fd);
      if (peer != peers_.end() && !pump(peer->first, peer->second)) close_pair(peer->first);
    }
    if (fds[0].revents != 0) accept_one();
  }
}

void ResetProxy::accept_one() {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = loopback(target_);
  if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(server);
    ::close(client);
    return;
  }
  set_no_delay(client);
  set_no_delay(server);
  peers_[client] = server;
  peers_[server] = client;
}

bool ResetProxy::pump(int from, int to) {
  std::array<char, 64 << 10> bytes;
  const ssize_t got = ::recv(from, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) return false;
  for (ssize_t sent = 0; sent < got;) {
    // A broker that is stopped takes nothing: wait in small steps, so that a cut still comes.
    const ssize_t put = ::send(to, bytes.data() + sent, static_cast<size_t>(got - sent),
                               MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (put > 0) sent += put;
    if (put < 0) {
      pollfd ready{.fd = to, .events = POLLOUT, .revents = 0};
      ::poll(&ready, 1, kPollMs);
      if (cut_ || stopping_) return false;
    }
  }
  return true;
}

void ResetProxy::close_pair(int fd) {
  const auto found = peers_.find(fd);
  if (found == peers_.end()) return;
  const int peer = found->second;
  peers_.erase(fd);
  peers_.erase(peer);
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  for (const int each : {fd, peer}) {
    ::setsockopt(each, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    ::close(each);
  }
}

}  // namespace freshet::history
