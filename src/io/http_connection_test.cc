#include "io/http_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>

#include "io/http_server.h"
#include "io/io_threads.h"
#include "io/testing/fault_proxy.h"

namespace freshet::io {
namespace {

using testing::Fault;
using testing::FaultProxy;
using namespace std::chrono_literals;

class HttpConnectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.emplace(threads_, HttpServer::Options{});
    server_->route("POST", "/echo", [this](const HttpRequest& request) {
      ++answered_;
      return HttpResponse{.body = request.body};
    });
    server_->route("POST", "/bad", [](const HttpRequest&) {
      return HttpResponse{.status = 500, .body = "it is broken"};
    });
    const auto port = server_->listen_tcp("127.0.0.1", 0);
    ASSERT_TRUE(port) << port.error().message();
    proxy_.emplace(*port);
  }
  void TearDown() override {
    proxy_.reset();
    server_.reset();
  }

  std::unique_ptr<HttpConnection> open(const HttpConnection::Options& options = {}) {
    auto connection =
        HttpConnection::open({.host = "127.0.0.1", .port = proxy_->port()}, nullptr, options);
    EXPECT_TRUE(connection) << connection.error().message();
    return std::move(*connection);
  }
  static Result<HttpReply> post(HttpConnection& connection, std::string_view target,
                                std::string_view body, const HttpHeaders& headers = {}) {
    return connection.ask({.method = "POST", .target = target, .headers = headers, .body = body});
  }

  IoThreads threads_{"http", 1};
  std::optional<HttpServer> server_;
  std::optional<FaultProxy> proxy_;
  std::atomic<int> answered_{0};
};

TEST_F(HttpConnectionTest, carries_one_request_after_the_other) {
  const auto connection = open();
  const std::string large(3'000'000, 'x');
  for (const std::string& body : {std::string(), std::string("a"), large, std::string("b")}) {
    const auto reply = post(*connection, "/echo", body);
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->status, 200U);
    EXPECT_EQ(reply->body, body);
    EXPECT_TRUE(connection->is_reusable());
  }
  const auto bad = post(*connection, "/bad", "");
  ASSERT_TRUE(bad) << bad.error().message();
  EXPECT_EQ(bad->status, 500U);
  EXPECT_EQ(bad->body, "it is broken");
}

TEST_F(HttpConnectionTest, hands_a_good_body_over_in_pieces_and_a_bad_one_as_a_whole) {
  const auto connection = open();
  std::string taken;
  const HttpHeaders none;
  const auto take = [&](const HttpReply& head, std::string_view piece) {
    EXPECT_EQ(head.status, 200U);
    taken += piece;
    return true;
  };
  const std::string body(200'000, 'y');
  ASSERT_TRUE(
      connection->ask({.method = "POST", .target = "/echo", .headers = none, .body = body}, take));
  EXPECT_EQ(taken, body);
  const auto bad =
      connection->ask({.method = "POST", .target = "/bad", .headers = none, .body = body}, take);
  ASSERT_TRUE(bad) << bad.error().message();
  EXPECT_EQ(bad->body, "it is broken");
}

TEST_F(HttpConnectionTest, is_spent_after_whatever_goes_wrong) {
  struct Case {
    Fault fault;
    Errc code;
    bool answered;
  };
  for (const Case& want : {Case{Fault::kRefuse, Errc::kUnavailable, false},
                           Case{Fault::kCutBody, Errc::kUnavailable, false},
                           Case{Fault::kDropAnswer, Errc::kUnavailable, false},
                           Case{Fault::kSwallow, Errc::kTimeout, false},
                           Case{Fault::kNoHttp, Errc::kUnavailable, true}}) {
    const auto connection = open({.silence_timeout = 300ms});
    proxy_->fail_next(want.fault, "POST /echo");
    const auto reply = post(*connection, "/echo", "some body");
    ASSERT_FALSE(reply) << static_cast<int>(want.fault);
    EXPECT_EQ(reply.error().code(), want.code) << reply.error().message();
    EXPECT_EQ(connection->was_answered(), want.answered) << static_cast<int>(want.fault);
    EXPECT_FALSE(connection->is_reusable());
  }
  EXPECT_EQ(answered_, 2);  // a body that was cut reached nobody
}

TEST_F(HttpConnectionTest, sees_that_the_other_side_has_closed) {
  const auto connection = open();
  ASSERT_TRUE(post(*connection, "/echo", "x"));
  EXPECT_TRUE(connection->is_reusable());
  proxy_.reset();
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (connection->is_reusable() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(connection->is_reusable());
}

TEST_F(HttpConnectionTest, keeps_to_its_limits) {
  const auto connection = open({.body_bytes_max = 1000});
  EXPECT_EQ(post(*connection, "/echo", std::string(2000, 'z')).error().code(), Errc::kTooLarge);
  const auto other = open();
  const auto injected = post(*other, "/echo", "", {{"X-A", "b\r\nX-C: d"}});
  ASSERT_FALSE(injected);
  EXPECT_EQ(injected.error().code(), Errc::kInvalidArgument);
}

TEST_F(HttpConnectionTest, says_when_nobody_is_there) {
  const auto connection = HttpConnection::open({.host = "127.0.0.1", .port = 1}, nullptr, {});
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code(), Errc::kUnavailable);
}

}  // namespace
}  // namespace freshet::io
