// A TCP client of the wire codec, one question after the other: for tests.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/endian.h"
#include "kafka/messages/all.h"
#include "kafka/wire/codec.h"

namespace freshet::broker {

/// One thread. What goes wrong with the connection fails the test.
class CodecClient {
 public:
  explicit CodecClient(uint16_t port, std::string client_id = "freshet")
      : client_id_(std::move(client_id)),
        socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int connected =
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    EXPECT_EQ(connected, 0);
    const timeval patience{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~CodecClient() { ::close(socket_); }
  CodecClient(const CodecClient&) = delete;
  CodecClient& operator=(const CodecClient&) = delete;

  template <class Response, kafka::Message Request>
  Response ask(const Request& request, int16_t version) {
    kafka::RequestHeader header;
    header.api_version = version;
    header.correlation_id = ++correlation_;
    header.client_id = client_id_;
    const std::string bytes = kafka::encode_request(header, request).flatten();
    EXPECT_EQ(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    const std::string size = receive(4);
    if (size.size() < 4) return {};
    // Records of a response point into it until the next question.
    frame_ = receive(static_cast<size_t>(load_be<int32_t>(size.data())));
    std::string_view rest = frame_;
    EXPECT_TRUE(kafka::decode_response_header(rest, Response::kApi, version));
    auto response = kafka::decode_message<Response>(rest, version);
    EXPECT_TRUE(response) << response.error().message();
    return response ? std::move(*response) : Response();
  }

 private:
  std::string receive(size_t count) {
    std::string bytes(count, '\0');
    size_t got = 0;
    while (got < count) {
      const ssize_t piece = ::recv(socket_, bytes.data() + got, count - got, 0);
      if (piece <= 0) {
        ADD_FAILURE() << "the connection ended, or gave nothing for 30 s";
        return {};
      }
      got += static_cast<size_t>(piece);
    }
    return bytes;
  }

  const std::string client_id_;
  const int socket_;
  int32_t correlation_ = 0;
  std::string frame_;
};

}  // namespace freshet::broker
