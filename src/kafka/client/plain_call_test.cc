#include "kafka/client/plain_call.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "kafka/messages/heartbeat.h"

namespace freshet::kafka {
namespace {

// Takes one connection, reads a little and says what it was told to say.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_, raw, sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, raw, &size);
    client_.bootstrap = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    client_.request_timeout = std::chrono::seconds(10);
    thread_ = std::thread([this, answer = std::move(answer)] {
      const int connection = ::accept(listener_, nullptr, nullptr);
      char ignored[256];
      static_cast<void>(::recv(connection, ignored, sizeof ignored, 0));
      static_cast<void>(::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL));
      ::close(connection);
    });
  }
  ~OneAnswer() {
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] const ClientSettings& client() const { return client_; }

 private:
  const int listener_;
  ClientSettings client_;
  std::thread thread_;
};

Result<HeartbeatResponse> ask(const ClientSettings& client) {
  return plain_call<HeartbeatResponse>(client, HeartbeatRequest(), /*version=*/4);
}

TEST(PlainCall, gives_the_answer) {
  HeartbeatResponse response;
  response.error_code = ErrorCode::kRebalanceInProgress;
  const OneAnswer server(encode_response(1, 4, response).flatten());
  const auto answer = ask(server.client());
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->error_code, ErrorCode::kRebalanceInProgress);
}

TEST(PlainCall, refuses_what_is_no_answer) {
  {
    const OneAnswer http("HTTP/1.1 400 Bad Request\r\n\r\n");
    EXPECT_EQ(ask(http.client()).error().code(), Errc::kCorrupt);
  }
  {
    const OneAnswer short_one(std::string("\0\0\0\7abc", 7));
    EXPECT_EQ(ask(short_one.client()).error().code(), Errc::kUnavailable);
  }
}

TEST(PlainCall, says_that_nobody_is_there) {
  ClientSettings client;
  client.bootstrap = "127.0.0.1:1,127.0.0.1:2";
  const auto answer = ask(client);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kUnavailable);
  EXPECT_NE(answer.error().message().find("127.0.0.1:2"), std::string::npos);
}

}  // namespace
}  // namespace freshet::kafka
