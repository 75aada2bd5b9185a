// Stands between an HTTP client and its server on this machine, and does to one request what
// networks and machines do.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"

namespace freshet::io::testing {

enum class Fault {
  kNone,
  kRefuse,      // the connection ends before a byte has gone on
  kCutBody,     // half of the body goes on, then both sides end
  kDropAnswer,  // the whole request goes on; both sides end when the first byte of an answer comes
  kSwallow,     // the whole request goes on; the answer goes nowhere, the connection stays
  kNonsense,    // nothing goes on; a page of somebody else is the answer
  kNoHttp,      // nothing goes on; bytes that are no HTTP are the answer
  kDamageAnswer,  // the last byte of the answer's first piece is another
};

/// Each connection has a thread; a fault is armed for the next request whose head has `mark`.
class FaultProxy {
 public:
  explicit FaultProxy(uint16_t target) : target_(target) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = local(0);
    FRESHET_CHECK_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    ::listen(listener_, 64);
    acceptor_ = std::jthread([this](const std::stop_token& stop) { accept(stop); });
  }
  ~FaultProxy() {
    stopping_ = true;
    acceptor_.request_stop();
    acceptor_.join();
    connections_.clear();
    ::close(listener_);
  }
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  void fail_next(Fault fault, std::string mark) {
    const std::lock_guard lock(mutex_);
    fault_ = fault;
    mark_ = std::move(mark);
  }
  /// How many faults have struck.
  [[nodiscard]] int struck() const { return struck_; }

 private:
  static constexpr int kTickMs = 20;

  static sockaddr_in local(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  void accept(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd item{listener_, POLLIN, 0};
      if (::poll(&item, 1, kTickMs) != 1) continue;
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      connections_.emplace_back([this, client] { serve(client); });
    }
  }

  Fault strike(std::string_view head) {
    const std::lock_guard lock(mutex_);
    if (fault_ == Fault::kNone || !head.contains(mark_)) return Fault::kNone;
    ++struck_;
    return std::exchange(fault_, Fault::kNone);
  }

  static bool send_all(int to, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  static size_t content_length(std::string_view head) {
    constexpr std::string_view kName = "Content-Length: ";
    const size_t at = head.find(kName);
    size_t length = 0;
    if (at != std::string_view::npos) {
      std::from_chars(head.data() + at + kName.size(), head.data() + head.size(), length);
    }
    return length;
  }

  // Of one connection: the request that is on its way, and what is done to it.
  struct Passage {
    std::string head;  // until it is whole
    size_t body_left = 0;
    size_t allowed = 0;  // of a body that is cut
    Fault fault = Fault::kNone;
  };

  void serve(int client) {
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = local(target_);
    if (::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      Passage passage;
      std::array<char, 16 << 10> bytes;
      while (!stopping_) {
        std::array<pollfd, 2> items{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
        if (::poll(items.data(), items.size(), kTickMs) <= 0) continue;
        if (items[0].revents != 0) {
          const ssize_t n = ::recv(client, bytes.data(), bytes.size(), 0);
          if (n <= 0 || !request(passage, client, server, {bytes.data(), static_cast<size_t>(n)})) {
            break;
          }
        }
        if (items[1].revents != 0) {
          const ssize_t n = ::recv(server, bytes.data(), bytes.size(), 0);
          if (n <= 0 || passage.fault == Fault::kDropAnswer) break;
          if (passage.fault == Fault::kSwallow) continue;
          if (std::exchange(passage.fault, Fault::kNone) == Fault::kDamageAnswer) {
            bytes[static_cast<size_t>(n) - 1] ^= 0x15;
          }
          if (!send_all(client, {bytes.data(), static_cast<size_t>(n)})) break;
        }
      }
    }
    ::close(server);
    ::close(client);
  }

  // False: the connection is over.
  bool request(Passage& passage, int client, int server, std::string_view bytes) {
    if (passage.body_left == 0) {
      passage.head += bytes;
      const size_t end = passage.head.find("\r\n\r\n");
      if (end == std::string::npos) return true;
      const std::string whole = std::exchange(passage.head, {});
      const std::string_view head = std::string_view(whole).substr(0, end + 4);
      const std::string_view body = std::string_view(whole).substr(end + 4);
      passage.body_left = content_length(head);
      passage.allowed = passage.body_left / 2;
      passage.fault = strike(head);
      switch (passage.fault) {
        case Fault::kRefuse:
          return false;
        case Fault::kNonsense:
          send_all(client, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n<html>Welcome</html>");
          return false;
        case Fault::kNoHttp:
          send_all(client, "SSH-2.0-OpenSSH_9.2\r\n");
          return false;
        default:
          break;
      }
      return send_all(server, head) && forward_body(passage, server, body);
    }
    return forward_body(passage, server, bytes);
  }

  static bool forward_body(Passage& passage, int server, std::string_view bytes) {
    passage.body_left -= std::min(passage.body_left, bytes.size());
    if (passage.fault != Fault::kCutBody) return send_all(server, bytes);
    const std::string_view part = bytes.substr(0, passage.allowed);
    passage.allowed -= part.size();
    return send_all(server, part) && passage.allowed > 0;
  }

  const uint16_t target_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> struck_{0};
  std::mutex mutex_;
  Fault fault_ = Fault::kNone;             // guarded by mutex_
  std::string mark_;                       // guarded by mutex_
  std::vector<std::jthread> connections_;  // on the acceptor's thread, then the destructor's
  std::jthread acceptor_;
};

}  // namespace freshet::io::testing
