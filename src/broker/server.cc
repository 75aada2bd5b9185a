#include "broker/server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "broker/address_counts.h"
#include "broker/connection.h"
#include "broker/listener.h"
#include "broker/security/certificate_watch.h"
#include "broker/security/listener_security.h"
#include "io/io_threads.h"
#include "io/listen.h"
#include "io/spawn.h"
#include "io/tls_context.h"
#include "io/worker_pool.h"
#include "observe/log.h"

namespace freshet::broker {

namespace asio = boost::asio;

namespace {

const Logger logger("broker.server");

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr Millis kSweepMin{50};
constexpr Millis kSweepMax{5'000};
/// After accept() failed, such as for want of file descriptors.
constexpr Millis kAcceptPause{100};
/// Refusals are reported no more often than this.
constexpr Millis kReportEvery{10'000};

Millis sweep_interval(const BrokerOptions& options) {
  const Millis shortest = std::min({options.connection_idle_max, options.write_stall_max,
                                    options.frame_time_max, options.login_time_max});
  return std::clamp(shortest / 4, kSweepMin, kSweepMax);
}

}  // namespace

struct Server::State {
  /// One I/O thread's share. Touched on that thread only.
  struct Lane {
    Lane(asio::io_context& context) : loop(context), sweep_timer(context) {}
    AsioLoop loop;
    std::set<std::shared_ptr<Connection>> connections;
    asio::steady_timer sweep_timer;
    bool sweeping = false;
  };

  State(Services& s, io::IoThreads& threads)
      : services(s), listener(s.options.request_memory_max), acceptor(threads.at(0)) {
    for (size_t i = 0; i < threads.size(); ++i) {
      lanes.push_back(std::make_unique<Lane>(threads.at(i)));
    }
  }

  /// Takes a connection off the books, however it ended.
  struct Leaving {
    State& state;
    Lane& lane;
    std::shared_ptr<Connection> connection;
    asio::ip::address address;
    ~Leaving() {
      lane.connections.erase(connection);
      state.left(address);
    }
  };

  asio::awaitable<void> accept();
  /// Counts one more connection, or says why not.
  bool enter(const asio::ip::address& address);
  void left(const asio::ip::address& address);
  void welcome(Lane& lane, asio::ip::tcp::socket socket, const asio::ip::address& address);
  void sweep_later(Lane& lane);
  /// `limit` is the name of the option, `address` empty when it is not about one.
  void report_refusal(const char* limit, size_t max, const std::string& address);

  Services& services;
  Listener listener;
  std::optional<CertificateWatch> certificates;  // of whoever calls renew_certificate()
  std::unique_ptr<io::WorkerPool> logins;
  AddressCounts addresses;
  uint16_t port = 0;
  asio::ip::tcp::acceptor acceptor;  // on the first lane
  std::vector<std::unique_ptr<Lane>> lanes;
  size_t next_lane = 0;  // first lane's thread only
  std::atomic<size_t> open = 0;
  struct Refusals {
    SteadyTime last_report{};
    size_t since_report = 0;
  };
  std::map<std::string_view, Refusals> refusals;  // by limit
  io::Gate gate;
};

asio::awaitable<void> Server::State::accept() {
  co_await asio::this_coro::throw_if_cancelled(false);
  while (!gate.stop_requested()) {
    Lane& lane = *lanes[next_lane++ % lanes.size()];
    auto [error, socket] = co_await acceptor.async_accept(lane.loop.context(), kTuple);
    if (error == asio::error::operation_aborted || !acceptor.is_open()) co_return;
    if (error) {
      logger.warn("a connection could not be accepted", kv("error", error.message()));
      asio::steady_timer pause(lanes[0]->loop.context(), kAcceptPause);
      co_await pause.async_wait(kTuple);
      continue;
    }
    boost::system::error_code gone;
    const asio::ip::address address = socket.remote_endpoint(gone).address();
    if (gone || !enter(address)) continue;  // the socket closes with its scope
    asio::post(lane.loop.context(), [this, &lane, address, socket = std::move(socket)]() mutable {
      welcome(lane, std::move(socket), address);
    });
  }
}

bool Server::State::enter(const asio::ip::address& address) {
  const BrokerOptions& options = services.options;
  if (open.load() >= options.connections_max) {
    report_refusal("connections_max", options.connections_max, "");
    return false;
  }
  if (!addresses.enter(address, options.connections_per_address_max)) {
    report_refusal("connections_per_address_max", options.connections_per_address_max,
                   address.to_string());
    return false;
  }
  ++open;
  return true;
}

void Server::State::left(const asio::ip::address& address) {
  addresses.leave(address);
  --open;
}

void Server::State::report_refusal(const char* limit, size_t max, const std::string& address) {
  services.probe.connection_refused();
  Refusals& of_limit = refusals[limit];
  ++of_limit.since_report;
  const SteadyTime now = services.clock.steady();
  if (of_limit.last_report != SteadyTime{} && now - of_limit.last_report < kReportEvery) return;
  of_limit.last_report = now;
  logger.warn("connections refused: there are as many as allowed", kv("limit", limit),
              kv("max", max), kv("address", address.empty() ? "any" : address),
              kv("refused", std::exchange(of_limit.since_report, 0)));
}

void Server::State::welcome(Lane& lane, asio::ip::tcp::socket socket,
                            const asio::ip::address& address) {
  auto connection = std::make_shared<Connection>(services, lane.loop, listener, std::move(socket));
  lane.connections.insert(connection);
  const bool started = io::spawn(gate, lane.loop.context().get_executor(), "broker.connection",
                                 [this, &lane, connection, address]() -> asio::awaitable<void> {
                                   const Leaving leaving{*this, lane, connection, address};
                                   // Asked to stop it still has a writer to wait for.
                                   co_await asio::this_coro::throw_if_cancelled(false);
                                   co_await connection->serve();
                                 });
  if (!started) {
    lane.connections.erase(connection);
    left(address);
    return;
  }
  sweep_later(lane);
}

void Server::State::sweep_later(Lane& lane) {
  if (lane.sweeping || lane.connections.empty()) return;
  lane.sweeping = true;
  lane.sweep_timer.expires_after(sweep_interval(services.options));
  lane.sweep_timer.async_wait([this, &lane](const boost::system::error_code& error) {
    lane.sweeping = false;
    if (error) return;
    const SteadyTime now = services.clock.steady();
    // close() may end a coroutine that erases from the set.
    const std::vector<std::shared_ptr<Connection>> all(lane.connections.begin(),
                                                       lane.connections.end());
    for (const auto& connection : all) connection->sweep(now);
    sweep_later(lane);
  });
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() { stop(); }
uint16_t Server::port() const { return state_->port; }

Result<std::unique_ptr<Server>> Server::start(Services& services, io::IoThreads& threads) {
  const BrokerOptions& options = services.options;
  const ListenerSecurity& security = options.security;
  FRESHET_TRY(check_exposure(options.host, security));
  std::shared_ptr<io::TlsContext> tls;
  std::optional<CertificateWatch> watch;
  if (security.tls.wanted()) {
    watch.emplace(security.tls);
    FRESHET_ASSIGN(tls, io::TlsContext::load(security.tls));
  }
  FRESHET_ASSIGN(auto listening,
                 io::listen_tcp("Kafka", options.host, options.port, io::Reach::kAnywhere));
  auto state = std::make_unique<State>(services, threads);
  state->port = listening.port();
  state->listener.tls = std::move(tls);
  state->listener.mechanisms = security.mechanisms;
  if (!security.mechanisms.empty()) {
    state->logins =
        std::make_unique<io::WorkerPool>(io::WorkerPool::Options{.name = "broker.login"});
    state->listener.logins = state->logins.get();
  }
  boost::system::error_code error;
  const bool v6 = options.host.contains(':');
  state->acceptor.assign(v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), listening.release(),
                         error);
  if (error) return fail(Errc::kIo, "port {}: {}", state->port, error.message());
  services.advertised_port = state->port;
  state->certificates = std::move(watch);
  State* const raw = state.get();
  io::spawn(state->gate, threads.at(0).get_executor(), "broker.accept",
            [raw]() -> asio::awaitable<void> { co_await raw->accept(); });
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

bool Server::has_certificate() const { return state_->certificates.has_value(); }

void Server::renew_certificate() {
  auto renewed = state_->certificates->look();
  if (!renewed) {
    logger.error("the renewed certificate is not used; clients still get the one before",
                 kv("error", renewed.error()));
  } else if (*renewed) {
    state_->listener.renew_tls(std::move(*renewed));
    logger.info("a renewed certificate is used for new connections",
                kv("file", state_->services.options.security.tls.certificate.native()));
  }
}

void Server::stop() {
  if (!state_ || state_->gate.stop_requested()) return;
  state_->gate.request_stop();
  asio::post(state_->lanes[0]->loop.context(), [state = state_.get()] {
    boost::system::error_code ignored;
    state->acceptor.close(ignored);
  });
  for (auto& lane : state_->lanes) {
    asio::post(lane->loop.context(), [lane = lane.get()] {
      const std::vector<std::shared_ptr<Connection>> all(lane->connections.begin(),
                                                         lane->connections.end());
      for (const auto& connection : all) connection->close("");
      lane->sweep_timer.cancel();
    });
  }
  state_->gate.close_blocking();
  if (state_->logins) state_->logins->stop();
}

}  // namespace freshet::broker
