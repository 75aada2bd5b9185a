#include "io/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <latch>
#include <optional>
#include <stdexcept>
#include <thread>

#include "io/http_client.h"
#include "io/io_threads.h"
#include "io/worker_pool.h"

namespace freshet::io {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

// A server on a free port with one worker pool; routes are added before start().
class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() : pool_({.name = "handlers", .threads = 4}), threads_("http", 2) {
    options_.header_bytes_max = 4096;
    options_.body_bytes_max = 100'000;
  }

  HttpServer& server() {
    if (!server_) server_.emplace(threads_, options_);
    return *server_;
  }

  HttpClient start() {
    auto port = server().listen_tcp("127.0.0.1", 0);
    EXPECT_TRUE(port) << port.error().message();
    port_ = port.value_or(0);
    return HttpClient::tcp("127.0.0.1", port_);
  }

  // Sends bytes as they are and returns all that comes until the server closes.
  std::string raw(std::string_view request) const {
    const int fd = connect_raw();
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string answer;
    char piece[4096];
    for (ssize_t n = 0; (n = ::recv(fd, piece, sizeof piece, 0)) > 0;) {
      answer.append(piece, static_cast<size_t>(n));
    }
    ::close(fd);
    return answer;
  }

  int connect_raw() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  HttpServer::Options options_;
  WorkerPool pool_;
  IoThreads threads_;
  std::optional<HttpServer> server_;
  uint16_t port_ = 0;
};

HttpResponse echo(const HttpRequest& request) {
  HttpResponse response;
  response.body = request.method + " " + request.path;
  for (const auto& [name, value] : request.query) response.body += " " + name + "=" + value;
  for (const auto& [name, value] : request.captures) response.body += " {" + name + "}=" + value;
  response.body += " " + request.body;
  return response;
}

TEST_F(HttpServerTest, answers_on_network_threads_and_on_workers) {
  server().route("GET", "/here/{name}", echo);
  server().route("POST", "/there", echo, &pool_);
  auto client = start();
  auto here = client.request("GET", "/here/a%20b?x=1");
  ASSERT_TRUE(here) << here.error().message();
  EXPECT_EQ(here->status, 200u);
  EXPECT_EQ(here->body, "GET /here/a%20b x=1 {name}=a b ");
  EXPECT_EQ(find_header(here->headers, "content-type"), "text/plain; charset=utf-8");
  const std::string big(90'000, 'x');
  EXPECT_EQ(client.request("POST", "/there", big)->body, "POST /there " + big);
}

TEST_F(HttpServerTest, answers_errors_as_json) {
  server().route("GET", "/known", echo);
  server().route(
      "GET", "/fails",
      [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("inside"); }, &pool_);
  auto client = start();
  auto unknown = client.request("GET", "/unknown");
  EXPECT_EQ(unknown->status, 404u);
  EXPECT_EQ(unknown->body,
            "{\"error\":{\"code\":\"not_found\",\"message\":\"there is nothing at /unknown\"}}\n");
  EXPECT_EQ(error_of_reply(*unknown).code(), Errc::kNotFound);
  EXPECT_EQ(error_of_reply(*unknown).message(), "there is nothing at /unknown");
  auto method = client.request("DELETE", "/known");
  EXPECT_EQ(method->status, 405u);
  EXPECT_EQ(find_header(method->headers, "Allow"), "GET");
  auto failed = client.request("GET", "/fails");
  EXPECT_EQ(failed->status, 500u);
  EXPECT_THAT(failed->body, testing::Not(HasSubstr("inside")));
}

TEST_F(HttpServerTest, streams_a_body_of_unknown_size) {
  server().route(
      "GET", "/rows",
      [](const HttpRequest&) {
        HttpResponse response;
        response.content_type = "application/x-ndjson";
        response.stream = [](HttpBodyWriter& out) -> Result<void> {
          for (int i = 0; i < 1000; ++i) FRESHET_TRY(out.write(std::string(1000, 'a') + "\n"));
          return {};
        };
        return response;
      },
      &pool_);
  auto client = start();
  size_t bytes = 0;
  auto reply = client.request("GET", "/rows", {}, {}, [&](std::string_view piece) {
    bytes += piece.size();
    return true;
  });
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(bytes, 1'001'000u);
  EXPECT_EQ(find_header(reply->headers, "Transfer-Encoding"), "chunked");
  EXPECT_THAT(raw("GET /rows HTTP/1.0\r\n\r\n"), testing::Not(HasSubstr("chunked")));
}

TEST_F(HttpServerTest, turns_an_early_stream_error_into_a_reply_and_cuts_off_at_a_late_one) {
  const auto failing = [](bool late) {
    return [late](const HttpRequest&) {
      HttpResponse response;
      response.stream = [late](HttpBodyWriter& out) -> Result<void> {
        if (late) FRESHET_TRY(out.write("some"));
        return fail(Errc::kInvalidArgument, "syntax error");
      };
      return response;
    };
  };
  server().route("GET", "/early", failing(false), &pool_);
  server().route("GET", "/late", failing(true), &pool_);
  auto client = start();
  auto early = client.request("GET", "/early");
  ASSERT_TRUE(early);
  EXPECT_EQ(early->status, 400u);
  EXPECT_EQ(error_of_reply(*early).message(), "syntax error");
  auto late = client.request("GET", "/late");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Errc::kInternal);
  EXPECT_THAT(late.error().message(), HasSubstr("cut off before its end"));
}

TEST_F(HttpServerTest, tells_a_streaming_handler_that_its_client_has_gone) {
  std::promise<Error> seen;
  server().route(
      "GET", "/endless",
      [&](const HttpRequest&) {
        HttpResponse response;
        response.stream = [&](HttpBodyWriter& out) -> Result<void> {
          while (true) {
            if (auto written = out.write(std::string(100'000, 'x')); !written) {
              seen.set_value(written.error());
              return written;
            }
          }
        };
        return response;
      },
      &pool_);
  auto client = start();
  auto reply = client.request("GET", "/endless", {}, {}, [](std::string_view) { return false; });
  EXPECT_EQ(reply.error().code(), Errc::kCancelled);
  auto error = seen.get_future();
  ASSERT_EQ(error.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(error.get().code(), Errc::kCancelled);
}

TEST_F(HttpServerTest, tells_a_waiting_handler_that_its_client_has_gone) {
  std::promise<void> gone;
  std::promise<void> asked;
  server().route(
      "GET", "/slow",
      [&](const HttpRequest& request) {
        request.on_client_gone([&] { gone.set_value(); });
        asked.set_value();
        gone.get_future().wait();
        return HttpResponse{};
      },
      &pool_);
  start();
  const int fd = connect_raw();
  const std::string_view request = "GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ASSERT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  ASSERT_EQ(asked.get_future().wait_for(10s), std::future_status::ready);
  ::close(fd);
  server().stop(10s);  // waits for the handler, which waits for the news
}

TEST_F(HttpServerTest, lets_a_stream_without_a_write_still_fill_its_answer) {
  server().route(
      "GET", "/short",
      [](const HttpRequest&) {
        HttpResponse response;
        response.stream = [](HttpBodyWriter&) -> Result<void> { return {}; };
        response.on_unwritten = [](HttpResponse& whole) {
          whole.headers.emplace_back("X-Cost", "1");
          whole.body = "all";
        };
        return response;
      },
      &pool_);
  auto client = start();
  const auto reply = client.request("GET", "/short");
  ASSERT_TRUE(reply) << reply.error().message();
  EXPECT_EQ(reply->body, "all");
  EXPECT_EQ(find_header(reply->headers, "X-Cost"), "1");
}

TEST_F(HttpServerTest, lets_go_of_a_stream_before_its_answer_is_whole) {
  std::weak_ptr<int> held;
  std::atomic<bool> was_held = false;
  server().route(
      "GET", "/stream",
      [&](const HttpRequest& request) {
        was_held = !held.expired();
        HttpResponse response;
        auto mine = std::make_shared<int>(0);
        held = mine;
        response.stream =
            [mine, fails = request.query.contains("fails")](HttpBodyWriter& out) -> Result<void> {
          if (fails) return fail(Errc::kInvalidArgument, "no");
          return out.write("some");
        };
        return response;
      },
      &pool_);
  auto client = start();
  for (int round = 0; round < 50; ++round) {
    ASSERT_TRUE(client.request("GET", round % 2 == 0 ? "/stream" : "/stream?fails=1"));
    ASSERT_FALSE(was_held);
  }
}

TEST_F(HttpServerTest, keeps_a_connection_for_several_requests) {
  server().route("GET", "/a", echo);
  start();
  const std::string answer =
      raw("GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"
          "GET /a?second HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nGET /a HTTP/1.1 200 OK"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\nGET /a second= "));
}

TEST_F(HttpServerTest, bounds_what_a_client_may_send) {
  options_.request_timeout = 100ms;
  server().route("POST", "/a", echo);
  start();
  const std::string host = "Host: localhost\r\n";
  EXPECT_THAT(raw("GET / HTTP/1.1\r\n" + host + "X: " + std::string(5000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(raw("POST /a HTTP/1.1\r\n" + host + "Content-Length: 100001\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(raw("\x16\x03\x01 garbage\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(raw("POST /a HTTP/1.1\r\n" + host + "Content-Length: 10\r\n\r\nfew"), "")
      << "a slow client is cut off";
}

TEST_F(HttpServerTest, says_continue_to_a_client_that_asks) {
  server().route("POST", "/a", echo);
  start();
  EXPECT_THAT(raw("POST /a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                  "Content-Length: 2\r\nConnection: close\r\n\r\nhi"),
              StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"));
}

TEST_F(HttpServerTest, answers_head_without_a_body) {
  server().route("GET", "/a", echo);
  start();
  const std::string answer =
      raw("HEAD /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, refuses_hosts_that_are_not_loopback) {
  server().route("GET", "/a", echo);
  start();
  for (const auto& [host, status] :
       {std::pair("evil.example", "403"), std::pair("127.0.0.1:8080", "200"),
        std::pair("[::1]:8080", "200"), std::pair("localhost", "200"),
        std::pair("127.0.0.1.evil.example", "403"), std::pair("127.evil", "403")}) {
    const std::string answer =
        raw(fmt::format("GET /a HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", host));
    EXPECT_THAT(answer, StartsWith(fmt::format("HTTP/1.1 {}", status))) << host;
  }
}

TEST_F(HttpServerTest, refuses_bodies_that_are_too_much_together) {
  options_.all_bodies_bytes_max = 60'000;
  std::latch entered(1);
  std::latch release(1);
  server().route("POST", "/a", echo);
  server().route(
      "POST", "/slow",
      [&](const HttpRequest&) {
        entered.count_down();
        release.wait();
        return HttpResponse{};
      },
      &pool_);
  auto client = start();
  const std::string body(40'000, 'x');
  auto slow = std::async(std::launch::async, [&] { return client.request("POST", "/slow", body); });
  entered.wait();
  const auto over = client.request("POST", "/a", body);
  EXPECT_TRUE(!over || over->status == 503U);
  EXPECT_EQ(client.request("POST", "/a", std::string(10'000, 'x'))->status, 200U);
  release.count_down();
  EXPECT_EQ(slow.get()->status, 200U);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  const auto fits = [&] {
    const auto reply = client.request("POST", "/a", body);
    return reply && reply->status == 200U;
  };
  while (!fits()) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
}

TEST_F(HttpServerTest, refuses_connections_over_the_limit) {
  options_.connections_max = 1;
  server().route("GET", "/a", echo);
  start();
  const int first = connect_raw();
  while (server().connections() == 0) std::this_thread::yield();
  EXPECT_THAT(raw("GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"), StartsWith("HTTP/1.1 503"));
  ::close(first);
}

TEST_F(HttpServerTest, serves_a_unix_socket_and_removes_it) {
  const auto path =
      std::filesystem::temp_directory_path() / fmt::format("freshet-http-{}.sock", ::getpid());
  server().route("GET", "/a", echo, &pool_);
  ASSERT_TRUE(server().listen_unix(path));
  EXPECT_EQ(HttpClient::unix_socket(path).request("GET", "/a")->body, "GET /a ");
  server().stop();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(HttpClient::unix_socket(path).request("GET", "/a").error().code(), Errc::kUnavailable);
}

TEST_F(HttpServerTest, finishes_running_requests_when_it_stops) {
  std::latch entered(1);
  std::latch release(1);
  server().route(
      "GET", "/slow",
      [&](const HttpRequest&) {
        entered.count_down();
        release.wait();
        return HttpResponse{.body = "done"};
      },
      &pool_);
  auto client = start();
  const int idle = connect_raw();
  auto reply = std::async(std::launch::async, [&] { return client.request("GET", "/slow"); });
  entered.wait();
  auto stopped = std::async(std::launch::async, [&] { server().stop(60s); });
  release.count_down();
  EXPECT_EQ(reply.get()->body, "done");
  EXPECT_EQ(stopped.wait_for(20s), std::future_status::ready) << "idle connections are cut";
  ::close(idle);
}

TEST_F(HttpServerTest, cuts_streams_that_do_not_end_in_time_when_it_stops) {
  std::latch entered(1);
  server().route(
      "GET", "/endless",
      [&](const HttpRequest&) {
        HttpResponse response;
        response.stream = [&](HttpBodyWriter& out) -> Result<void> {
          entered.count_down();
          while (true) FRESHET_TRY(out.write("x"));
        };
        return response;
      },
      &pool_);
  auto client = start();
  auto reply = std::async(std::launch::async, [&] { return client.request("GET", "/endless"); });
  entered.wait();
  server().stop(10ms);
  EXPECT_FALSE(reply.get());
  EXPECT_EQ(server().connections(), 0u);
}

TEST_F(HttpServerTest, serves_many_clients_at_once) {
  server().route("POST", "/a", echo, &pool_);
  auto client = start();
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> clients;
    for (int t = 0; t < 8; ++t) {
      clients.emplace_back([&, t] {
        auto own = client;
        for (int i = 0; i < 25; ++i) {
          const std::string body = fmt::format("{}-{}", t, i);
          const auto reply = own.request("POST", "/a", body);
          if (reply && reply->body == "POST /a " + body) ++good;
        }
      });
    }
  }
  EXPECT_EQ(good, 200);
}

}  // namespace
}  // namespace freshet::io
