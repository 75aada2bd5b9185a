// One client connection: frames in, answers out, in order.
//
// Lives on one I/O thread; only replies arrive from others, posted. Requests are handled one after
// another as Apache Kafka does, except that Produce requests may overlap: they share a group commit
// and keep their order in the log. Answers leave in the order of the requests; several that are
// ready go out in one gathering write, and record bytes are sent from the log files' mappings.
//
//   connected ──TLS handshake──> ──SaslSession──> serving ──> closed
//             (if the listener has TLS, if it has mechanisms; else at once)
//
// Until it serves, a client is a stranger: it may send small frames only, one at a time, and must
// be through within BrokerOptions::login_time_max.
//
// A client cannot hold more than its share: unanswered requests are bounded in number, received
// bytes are charged to RequestMemory, frames over the limit or that are no Kafka request end the
// connection with one log line. The server's sweep closes who sends half a frame, does not read,
// or has been silent for too long, and, while the memory is full, who does not finish a frame.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "broker/call.h"
#include "broker/listener.h"
#include "broker/security/sasl_session.h"
#include "io/tls_stream.h"

namespace freshet::broker {

/// RequestLoop on an io_context.
class AsioLoop final : public RequestLoop {
 public:
  explicit AsioLoop(boost::asio::io_context& context) : context_(context) {}
  void post(std::move_only_function<void()> work) override;
  void post_after(Millis delay, std::move_only_function<void()> work) override;
  [[nodiscard]] boost::asio::io_context& context() { return context_; }

 private:
  boost::asio::io_context& context_;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  /// `services`, `loop` and `listener` outlive the connection.
  Connection(Services& services, AsioLoop& loop, Listener& listener, Socket socket);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs until either side ends it. On the connection's thread, as everything below.
  boost::asio::awaitable<void> serve();
  /// Closes if a limit of time has passed by `now`.
  void sweep(SteadyTime now);
  /// Cuts the connection; serve() returns soon after. `reason` empty: nothing to report.
  void close(const std::string& reason);

 private:
  struct Slot {
    kafka::ApiKey api = kafka::ApiKey::kApiVersions;
    SteadyTime received;
    size_t charged = 0;  // bytes of RequestMemory
    bool answered = false;
    Answer answer;
    std::shared_ptr<Abandonment> abandonment;
  };
  struct Frame {
    FrameBytes bytes;
    size_t size = 0;
    size_t charged = 0;
  };

  struct FrameLimits {
    size_t bytes_min;
    size_t bytes_max;
  };
  using Transferred = std::tuple<boost::system::error_code, size_t>;

  boost::asio::awaitable<bool> log_in();
  boost::asio::awaitable<bool> shake_hands();
  boost::asio::awaitable<bool> authenticate();
  /// Runs one step of the session on the listener's worker; false if that has too much to do.
  boost::asio::awaitable<bool> step_session(std::string_view frame, std::string& answer);

  boost::asio::awaitable<void> read_requests();
  boost::asio::awaitable<bool> read_frame(FrameLimits limits, Frame& frame);
  boost::asio::awaitable<bool> read_rest(Frame& frame);
  boost::asio::awaitable<bool> fill_inbox(size_t wanted);
  boost::asio::awaitable<void> wait_for_memory(size_t bytes);
  /// True: the caller became the finisher.
  boost::asio::awaitable<bool> wait_while_crowded();
  void close_crowded();
  boost::asio::awaitable<void> wait_until_may_start(kafka::ApiKey api);
  void start(Frame frame, kafka::RequestHeader header, std::span<char> body);
  void mute(Millis wait);
  boost::asio::awaitable<void> wait_while_muted();
  void answered(uint64_t number, Answer answer);
  boost::asio::awaitable<void> write_answers();
  boost::asio::awaitable<bool> write_all(std::vector<boost::asio::const_buffer> buffers);
  boost::asio::awaitable<Transferred> read_some(boost::asio::mutable_buffer into);
  boost::asio::awaitable<Transferred> write_some(std::span<const boost::asio::const_buffer> pieces);

  Services& services_;
  AsioLoop& loop_;
  Listener& listener_;
  RequestMemory& memory_;
  Socket socket_;
  std::unique_ptr<io::TlsStream> tls_;    // nullptr: plain TCP
  std::unique_ptr<SaslSession> session_;  // only until it has accepted
  std::string peer_;
  std::shared_ptr<CallClient> client_;  // constant once requests are served

  std::vector<char> inbox_;  // received, not yet taken: [inbox_begin_, inbox_end_)
  size_t inbox_begin_ = 0;
  size_t inbox_end_ = 0;

  std::deque<Slot> slots_;   // unanswered or unsent, oldest first
  uint64_t first_slot_ = 0;  // number of slots_.front()
  size_t unanswered_ = 0;
  bool closed_ = false;
  bool writing_ = true;
  boost::asio::steady_timer slots_changed_;
  boost::asio::steady_timer answers_ready_;
  boost::asio::steady_timer muted_until_;  // a client over its quota is not listened to

  SteadyTime last_activity_;
  std::optional<SteadyTime> login_due_;          // a stranger must be known by then
  std::optional<SteadyTime> frame_due_;          // a frame has begun and must end by then
  std::optional<SteadyTime> frame_due_crowded_;  // and by then, if the memory is full
  std::optional<SteadyTime> write_stalled_since_;
};

}  // namespace freshet::broker
