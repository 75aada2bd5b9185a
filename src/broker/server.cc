#include "broker/server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <vector>

#include "broker/connection.h"
#include "io/io_threads.h"
#include "io/listen.h"
#include "io/spawn.h"
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
  return std::clamp(std::min(options.connection_idle_max, options.write_stall_max) / 4, kSweepMin,
                    kSweepMax);
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
      : services(s), memory(s.options.request_memory_max), acceptor(threads.at(0)) {
    for (size_t i = 0; i < threads.size(); ++i) {
      lanes.push_back(std::make_unique<Lane>(threads.at(i)));
    }
  }

  /// Takes a connection off the books, however it ended.
  struct Leaving {
    State& state;
    Lane& lane;
    std::shared_ptr<Connection> connection;
    ~Leaving() {
      lane.connections.erase(connection);
      --state.open;
    }
  };

  asio::awaitable<void> accept();
  void welcome(Lane& lane, asio::ip::tcp::socket socket);
  void sweep_later(Lane& lane);
  void report_refusal();

  Services& services;
  RequestMemory memory;
  uint16_t port = 0;
  asio::ip::tcp::acceptor acceptor;  // on the first lane
  std::vector<std::unique_ptr<Lane>> lanes;
  size_t next_lane = 0;  // first lane's thread only
  std::atomic<size_t> open = 0;
  SteadyTime last_report{};
  size_t refused_since_report = 0;
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
    if (open.load() >= services.options.connections_max) {
      services.probe.connection_refused();
      report_refusal();
      continue;  // the socket closes with its scope
    }
    ++open;
    asio::post(lane.loop.context(), [this, &lane, socket = std::move(socket)]() mutable {
      welcome(lane, std::move(socket));
    });
  }
}

void Server::State::report_refusal() {
  ++refused_since_report;
  const SteadyTime now = services.clock.steady();
  if (last_report != SteadyTime{} && now - last_report < kReportEvery) return;
  last_report = now;
  logger.warn("connections refused: there are as many as allowed",
              kv("connections_max", services.options.connections_max),
              kv("refused", std::exchange(refused_since_report, 0)));
}

void Server::State::welcome(Lane& lane, asio::ip::tcp::socket socket) {
  auto connection = std::make_shared<Connection>(services, lane.loop, memory, std::move(socket));
  lane.connections.insert(connection);
  const bool started = io::spawn(gate, lane.loop.context().get_executor(), "broker.connection",
                                 [this, &lane, connection]() -> asio::awaitable<void> {
                                   const Leaving leaving{*this, lane, connection};
                                   // Asked to stop it still has a writer to wait for.
                                   co_await asio::this_coro::throw_if_cancelled(false);
                                   co_await connection->serve();
                                 });
  if (!started) {
    lane.connections.erase(connection);
    --open;
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
  auto listening = io::listen_tcp("Kafka", options.host, options.port);
  if (!listening) {
    if (listening.error().code() != Errc::kAlreadyExists) {
      return std::unexpected(std::move(listening).error());
    }
    return fail(Errc::kAlreadyExists, "{}; choose other ports with {}", listening.error().message(),
                options.port_flag);
  }
  auto state = std::make_unique<State>(services, threads);
  state->port = listening->port();
  boost::system::error_code error;
  const bool v6 = options.host.contains(':');
  state->acceptor.assign(v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), listening->release(),
                         error);
  if (error) return fail(Errc::kIo, "port {}: {}", state->port, error.message());
  services.advertised_port = state->port;
  State* const raw = state.get();
  io::spawn(state->gate, threads.at(0).get_executor(), "broker.accept",
            [raw]() -> asio::awaitable<void> { co_await raw->accept(); });
  return std::unique_ptr<Server>(new Server(std::move(state)));
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
}

}  // namespace freshet::broker
