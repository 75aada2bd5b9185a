// A Kafka broker of one node that says what a test tells it to, over TCP: what a real one says only
// at moments that no test can choose.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/endian.h"
#include "kafka/messages/api_versions.h"
#include "kafka/wire/codec.h"

namespace freshet::kafka::testing {

/// always() says how an API is answered, once() what comes first, one after another. A request for
/// which there is no answer is never answered. Any thread.
class ScriptedBroker {
 public:
  ScriptedBroker() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_, raw, size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    EXPECT_EQ(::getsockname(listener_, raw, &size), 0);
    port_ = ntohs(address.sin_port);
    always(versions());
    acceptor_ = std::jthread([this] { accept_all(); });
  }
  ~ScriptedBroker() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    }
    connections_.clear();  // joins
    for (const int socket : sockets_) ::close(socket);
    ::close(listener_);
  }
  ScriptedBroker(const ScriptedBroker&) = delete;
  ScriptedBroker& operator=(const ScriptedBroker&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  /// What it answers to ApiVersions, until told otherwise.
  [[nodiscard]] static ApiVersionsResponse versions() {
    ApiVersionsResponse versions;
    for (const auto& api : kApis) {
      versions.api_keys.push_back(
          {static_cast<int16_t>(api.key), api.version_min, api.version_max});
    }
    return versions;
  }

  template <Message Response>
  void always(const Response& response) {
    const std::lock_guard lock(mutex_);
    always_[Response::kApi] = encoder(response);
  }
  template <Message Response>
  void once(const Response& response) {
    const std::lock_guard lock(mutex_);
    once_[Response::kApi].push_back(encoder(response));
  }
  /// From now on such requests are left without an answer.
  void never(ApiKey api) {
    const std::lock_guard lock(mutex_);
    always_.erase(api);
  }
  /// Bytes that are no answer.
  void once(ApiKey api, std::string bytes) {
    const std::lock_guard lock(mutex_);
    once_[api].push_back([bytes = std::move(bytes)](const RequestHeader&) { return bytes; });
  }

  [[nodiscard]] int asked(ApiKey api) const {
    const std::lock_guard lock(mutex_);
    const auto found = asked_.find(api);
    return found == asked_.end() ? 0 : found->second;
  }

 private:
  using Encoder = std::function<std::string(const RequestHeader&)>;

  template <Message Response>
  static Encoder encoder(const Response& response) {
    return [response](const RequestHeader& request) {
      return encode_response(request, response).flatten();
    };
  }

  void accept_all() {
    while (true) {
      const int socket = ::accept(listener_, nullptr, nullptr);
      if (socket < 0) return;
      const std::lock_guard lock(mutex_);
      sockets_.push_back(socket);
      connections_.emplace_back([this, socket] { serve(socket); });
    }
  }

  static bool read_all(int socket, char* into, size_t size) {
    for (size_t done = 0; done < size;) {
      const ssize_t got = ::recv(socket, into + done, size - done, 0);
      if (got <= 0) return false;
      done += static_cast<size_t>(got);
    }
    return true;
  }

  void serve(int socket) {
    std::array<char, 4> size{};
    while (read_all(socket, size.data(), size.size())) {
      std::string frame(static_cast<size_t>(load_be<int32_t>(size.data())), '\0');
      if (!read_all(socket, frame.data(), frame.size())) return;
      std::string_view body = frame;
      const auto header = decode_request_header(body);
      if (!header) return;
      const std::string answer = answer_to(*header);
      if (::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
    }
  }

  std::string answer_to(const RequestHeader& header) {
    const auto api = static_cast<ApiKey>(header.api_key);
    const std::lock_guard lock(mutex_);
    ++asked_[api];
    if (auto& queue = once_[api]; !queue.empty()) {
      const Encoder encode = std::move(queue.front());
      queue.pop_front();
      return encode(header);
    }
    const auto found = always_.find(api);
    return found == always_.end() ? std::string() : found->second(header);
  }

  int listener_ = -1;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<ApiKey, Encoder> always_;
  std::map<ApiKey, std::deque<Encoder>> once_;
  std::map<ApiKey, int> asked_;
  std::vector<int> sockets_;
  std::vector<std::jthread> connections_;
  std::jthread acceptor_;
};

}  // namespace freshet::kafka::testing
