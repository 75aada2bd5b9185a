#include "io/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <mutex>
#include <vector>

#include "base/check.h"
#include "io/http_session.h"
#include "io/io_threads.h"
#include "io/listen.h"
#include "io/spawn.h"
#include "observe/log.h"

namespace freshet::io {
namespace {

namespace asio = boost::asio;

const Logger& logger() {
  static const Logger instance("io.http");
  return instance;
}

}  // namespace

struct HttpServer::State {
  State(IoThreads& io_threads, Options options) : threads(io_threads) {
    settings.options = std::move(options);
  }

  void listen(ListeningSocket socket, bool is_tcp);
  asio::awaitable<void> accept_loop(asio::posix::stream_descriptor listener, bool is_tcp);
  void start_session(int fd, bool is_tcp);
  // Calls `what` for every session, on its own thread.
  void for_each_session(void (HttpSession::*what)());

  IoThreads& threads;
  HttpSessionSettings settings;
  bool listening = false;  // no routes are added any more
  std::vector<std::filesystem::path> socket_files;
  Gate acceptors;
  Gate sessions;
  std::mutex mutex;
  // Guarded by mutex.
  std::map<HttpSession*, std::weak_ptr<HttpSession>> open;
};

void HttpServer::State::listen(ListeningSocket socket, bool is_tcp) {
  listening = true;
  auto& context = threads.next();
  asio::posix::stream_descriptor listener(context, socket.release());
  auto shared = std::make_shared<asio::posix::stream_descriptor>(std::move(listener));
  spawn(acceptors, context.get_executor(), settings.options.service + " acceptor",
        [this, shared, is_tcp] { return accept_loop(std::move(*shared), is_tcp); });
}

asio::awaitable<void> HttpServer::State::accept_loop(asio::posix::stream_descriptor listener,
                                                     bool is_tcp) {
  while (true) {
    co_await listener.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    const int fd =
        ::accept4(listener.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      start_session(fd, is_tcp);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      logger().error("no more connections can be accepted; raise the limit of open files",
                     kv("service", settings.options.service), kv("errno", errno));
      asio::steady_timer pause(listener.get_executor(), std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
    }
  }
}

void HttpServer::State::start_session(int fd, bool is_tcp) {
  if (sessions.inside() >= settings.options.connections_max) {
    constexpr std::string_view kBusy =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    (void)::send(fd, kBusy.data(), kBusy.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::close(fd);
    logger().warn("a connection was refused: too many are open",
                  kv("service", settings.options.service),
                  kv("open", settings.options.connections_max));
    return;
  }
  if (is_tcp) {
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  auto& context = threads.next();
  HttpStream stream(context);
  // The family does not matter to a connected socket.
  boost::system::error_code error;
  stream.socket().assign(asio::generic::stream_protocol(is_tcp ? AF_INET : AF_UNIX, 0), fd, error);
  if (error) {
    ::close(fd);
    return;
  }
  auto session = std::make_shared<HttpSession>(settings, std::move(stream), is_tcp);
  {
    const std::scoped_lock lock(mutex);
    open.emplace(session.get(), session);
  }
  // The list entry goes before the gate's, so that nothing touches this object afterwards.
  const auto forget = std::shared_ptr<void>(nullptr, [this, key = session.get()](void*) {
    const std::scoped_lock lock(mutex);
    open.erase(key);
  });
  spawn(sessions, context.get_executor(), settings.options.service + " connection",
        [session, forget]() -> asio::awaitable<void> { co_await session->run(); });
}

void HttpServer::State::for_each_session(void (HttpSession::*what)()) {
  const std::scoped_lock lock(mutex);
  for (const auto& [key, weak] : open) {
    const auto session = weak.lock();
    if (!session) continue;
    asio::post(session->executor(), [weak = std::weak_ptr(session), what] {
      if (const auto alive = weak.lock()) ((*alive).*what)();
    });
  }
}

HttpServer::HttpServer(IoThreads& threads, Options options)
    : state_(std::make_unique<State>(threads, std::move(options))) {}

HttpServer::~HttpServer() { stop(); }

void HttpServer::route(const std::string& method, const std::string& pattern, HttpHandler handler,
                       WorkerPool* pool) {
  FRESHET_CHECK(!state_->listening, "route {} is added after the server listens", pattern);
  state_->settings.router.add(method, pattern, std::move(handler), pool);
}

Result<uint16_t> HttpServer::listen_tcp(const std::string& address, uint16_t port) {
  FRESHET_ASSIGN(ListeningSocket socket,
                 io::listen_tcp(state_->settings.options.service, address, port));
  const uint16_t bound = socket.port();
  state_->listen(std::move(socket), /*is_tcp=*/true);
  return bound;
}

Result<void> HttpServer::listen_unix(const std::filesystem::path& path) {
  FRESHET_ASSIGN(ListeningSocket socket, io::listen_unix(path));
  state_->socket_files.push_back(path);
  state_->listen(std::move(socket), /*is_tcp=*/false);
  return {};
}

void HttpServer::stop(std::chrono::milliseconds grace, const std::function<void()>& on_grace_over) {
  state_->acceptors.close_blocking();
  state_->settings.stopping = true;
  state_->for_each_session(&HttpSession::close_if_idle);
  if (!state_->sessions.wait_empty(grace)) {
    if (on_grace_over) on_grace_over();
    state_->for_each_session(&HttpSession::close);
  }
  state_->sessions.close_blocking();
  for (const auto& path : state_->socket_files) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  state_->socket_files.clear();
}

size_t HttpServer::connections() const { return state_->sessions.inside(); }

}  // namespace freshet::io
