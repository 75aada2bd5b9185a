#include "broker/connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <utility>

#include "base/endian.h"
#include "broker/handlers/handlers.h"
#include "io/worker_pool.h"
#include "observe/log.h"

namespace freshet::broker {

namespace asio = boost::asio;

namespace {

const Logger logger("broker.connection");

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr size_t kSizeBytes = 4;
constexpr size_t kHeaderBytesMin = 8;  // key, version, correlation id
constexpr size_t kInboxBytes = 8 << 10;
/// The first two bytes of TLS, where a frame has its size: a handshake record, major version 3.
constexpr int32_t kTlsHello = 0x1603;
/// The category of "stream truncated", the end of a connection without TLS's own.
constexpr std::string_view kTruncated = "asio.ssl.stream";
/// A frame may take a second longer for each of these many bytes.
constexpr size_t kFrameBytesPerSecond = 64 << 10;
/// While the memory is full: from a frame's size to its end, and a second for these many bytes.
constexpr Millis kCrowdedFrameTime{5'000};
constexpr size_t kCrowdedBytesPerSecond = 1 << 20;
/// And so long without a byte in the middle of a frame.
constexpr Millis kCrowdedSilence{2'000};
constexpr Millis kMemoryPause{5};
/// Ready answers that leave in one write.
constexpr size_t kAnswersPerWrite = 32;

/// Waits until somebody cancels the timer.
asio::awaitable<void> wait_for(asio::steady_timer& signal) {
  signal.expires_at(asio::steady_timer::time_point::max());
  co_await signal.async_wait(kTuple);
}

}  // namespace

void AsioLoop::post(std::move_only_function<void()> work) { asio::post(context_, std::move(work)); }

void AsioLoop::post_after(Millis delay, std::move_only_function<void()> work) {
  auto timer = std::make_shared<asio::steady_timer>(context_, delay);
  timer->async_wait(
      [timer, work = std::move(work)](const boost::system::error_code& error) mutable {
        if (!error) work();
      });
}

Connection::Connection(Services& services, AsioLoop& loop, Listener& listener, Socket socket)
    : services_(services),
      loop_(loop),
      listener_(listener),
      memory_(listener.memory),
      socket_(std::move(socket)),
      slots_changed_(loop.context()),
      answers_ready_(loop.context()),
      muted_until_(loop.context()),
      last_activity_(services.clock.steady()) {
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  const auto remote = socket_.remote_endpoint(ignored);
  peer_ = fmt::format("{}:{}", remote.address().to_string(), remote.port());
  client_ = std::make_shared<CallClient>();
  client_->host = "/" + remote.address().to_string();
  if (auto tls = listener.tls_now()) {
    tls_ = std::make_unique<io::TlsStream>(socket_, std::move(tls));
  }
  if (!listener.mechanisms.empty()) {
    session_ = std::make_unique<SaslSession>(listener.mechanisms, services.users);
  }
  if (tls_ || session_) login_due_ = last_activity_ + services.options.login_time_max;
  services_.probe.connection_opened();
}

Connection::~Connection() {
  for (const Slot& slot : slots_) memory_.release(slot.charged);
  services_.probe.connection_closed();
}

void Connection::close(const std::string& reason) {
  if (closed_) return;
  closed_ = true;
  if (!reason.empty()) {
    services_.probe.connection_refused();
    logger.warn("connection closed", kv("peer", peer_), kv("reason", reason));
  }
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_both, ignored);
  socket_.close(ignored);
  slots_changed_.cancel();
  answers_ready_.cancel();
  muted_until_.cancel();
  for (const Slot& slot : slots_) {
    if (!slot.answered && slot.abandonment->run) slot.abandonment->run();
  }
}

asio::awaitable<void> Connection::serve() {
  const auto self = shared_from_this();
  if (!co_await log_in()) {
    close("");
    co_return;
  }
  asio::co_spawn(
      loop_.context(), [self]() -> asio::awaitable<void> { co_await self->write_answers(); },
      [self](const std::exception_ptr& failure) {
        self->writing_ = false;
        if (failure) self->close("an answer could not be written");
        self->slots_changed_.cancel();
      });
  co_await read_requests();
  // What was asked for before the client closed its side is still answered, if it can be.
  while (!closed_ && !slots_.empty()) co_await wait_for(slots_changed_);
  close("");
  while (writing_) co_await wait_for(slots_changed_);
}

void Connection::sweep(SteadyTime now) {
  const BrokerOptions& options = services_.options;
  if (login_due_ && now >= *login_due_) {
    close(fmt::format("not logged in after {} s", options.login_time_max.count() / 1000));
  } else if (frame_due_ && now >= *frame_due_) {
    close("half a request and then nothing for too long");
  } else if (frame_due_crowded_ && !memory_.has_room() &&
             (now >= *frame_due_crowded_ || now - last_activity_ >= kCrowdedSilence)) {
    close_crowded();
  } else if (write_stalled_since_ && now - *write_stalled_since_ >= options.write_stall_max) {
    close(fmt::format("the client read nothing for {} s", options.write_stall_max.count() / 1000));
  } else if (slots_.empty() && now - last_activity_ >= options.connection_idle_max) {
    close("");
  }
}

// ---- the way in

asio::awaitable<bool> Connection::log_in() {
  if (tls_ && !co_await shake_hands()) co_return false;
  std::string user = tls_ ? tls_->client_name() : "";
  if (session_) {
    if (!co_await authenticate()) co_return false;
    user = session_->user();
    session_.reset();
  }
  if (login_due_) logger.debug("client logged in", kv("peer", peer_), kv("user", user));
  if (!user.empty()) client_->user = std::move(user);
  client_->mute = [weak = weak_from_this(), &loop = loop_](Millis wait) {
    asio::dispatch(loop.context(), [weak, wait] {
      if (const auto self = weak.lock()) self->mute(wait);
    });
  };
  login_due_.reset();
  co_return true;
}

asio::awaitable<bool> Connection::shake_hands() {
  const auto [error] = co_await tls_->handshake();
  if (closed_) co_return false;
  if (error) {
    // Who only looks whether the port is open is not worth a line.
    if (error == asio::error::eof || error.category().name() == kTruncated) co_return false;
    services_.probe.login_failed("tls");
    close(fmt::format("TLS handshake failed: {}; does the client use TLS?", error.message()));
    co_return false;
  }
  co_return true;
}

asio::awaitable<bool> Connection::authenticate() {
  for (;;) {
    Frame frame;
    if (!co_await read_frame({1, services_.options.login_frame_bytes_max}, frame)) co_return false;
    std::string answer;
    const bool stepped = co_await step_session({frame.bytes.get(), frame.size}, answer);
    memory_.release(frame.charged);
    if (closed_) co_return false;
    if (!stepped) {
      close("too many clients log in at once");
      co_return false;
    }
    const bool refused = session_->state() == SaslSession::State::kRefused;
    if (refused) {
      services_.probe.login_failed("sasl");
      asio::steady_timer pause(loop_.context(), kFailureDelay);
      co_await pause.async_wait(kTuple);
      if (closed_) co_return false;
    }
    if (!answer.empty() && !co_await write_all({asio::buffer(answer)})) co_return false;
    if (refused) {
      close(fmt::format("login refused: {}", session_->refusal()));
      co_return false;
    }
    if (session_->state() == SaslSession::State::kAccepted) co_return true;
  }
}

asio::awaitable<bool> Connection::step_session(std::string_view frame, std::string& answer) {
  auto done = std::make_shared<asio::steady_timer>(loop_.context());
  done->expires_at(SteadyTime::max());
  // The last reference to a connection must not end on the worker: it travels back.
  io::WorkerPool::Task step = [self = shared_from_this(), done, frame, &answer]() mutable {
    answer = self->session_->step(frame);
    AsioLoop& loop = self->loop_;
    asio::post(loop.context(),
               [self = std::move(self), done = std::move(done)] { done->cancel(); });
  };
  if (!listener_.logins->try_post(step)) co_return false;
  co_await done->async_wait(kTuple);
  co_return true;
}

asio::awaitable<Connection::Transferred> Connection::read_some(asio::mutable_buffer into) {
  return tls_ ? tls_->read_some(into) : socket_.async_read_some(into, kTuple);
}

asio::awaitable<Connection::Transferred> Connection::write_some(
    std::span<const asio::const_buffer> pieces) {
  return tls_ ? tls_->write_some(pieces) : socket_.async_write_some(pieces, kTuple);
}

// ---- requests

asio::awaitable<void> Connection::read_requests() {
  while (!closed_) {
    co_await wait_while_muted();
    Frame frame;
    if (!co_await read_frame({kHeaderBytesMin, services_.options.frame_bytes_max}, frame)) break;
    std::string_view rest(frame.bytes.get(), frame.size);
    auto header = kafka::decode_request_header(rest);
    if (!header) {
      memory_.release(frame.charged);
      close(fmt::format("not a Kafka request: {}", header.error()));
      break;
    }
    const std::span<char> body(frame.bytes.get() + (frame.size - rest.size()), rest.size());
    co_await wait_until_may_start(static_cast<kafka::ApiKey>(header->api_key));
    co_await wait_while_muted();
    if (closed_) {
      memory_.release(frame.charged);
      break;
    }
    start(std::move(frame), std::move(*header), body);
  }
}

asio::awaitable<bool> Connection::fill_inbox(size_t wanted) {
  if (inbox_.empty()) {
    // Ten thousand connections that say nothing shall cost no buffers.
    if (!tls_) co_await socket_.async_wait(Socket::wait_read, kTuple);
    inbox_.resize(kInboxBytes);
  }
  while (inbox_end_ - inbox_begin_ < wanted) {
    if (inbox_begin_ > 0) {
      std::memmove(inbox_.data(), inbox_.data() + inbox_begin_, inbox_end_ - inbox_begin_);
      inbox_end_ -= std::exchange(inbox_begin_, 0);
    }
    const auto [error, count] =
        co_await read_some(asio::buffer(inbox_.data() + inbox_end_, inbox_.size() - inbox_end_));
    if (error) co_return false;
    inbox_end_ += count;
    last_activity_ = services_.clock.steady();
    if (!frame_due_) frame_due_ = last_activity_ + services_.options.frame_time_max;
  }
  co_return true;
}

asio::awaitable<bool> Connection::read_frame(FrameLimits limits, Frame& frame) {
  if (!co_await fill_inbox(kSizeBytes)) co_return false;
  const auto size = load_be<int32_t>(inbox_.data() + inbox_begin_);
  inbox_begin_ += kSizeBytes;
  if (size < 0 || static_cast<size_t>(size) < limits.bytes_min ||
      static_cast<size_t>(size) > limits.bytes_max) {
    const bool tls_hello = !tls_ && size >> 16 == kTlsHello;
    close(fmt::format(
        "a request of {} bytes was announced, expected {} to {}; {}", size, limits.bytes_min,
        limits.bytes_max,
        tls_hello ? "the client speaks TLS, this listener does not" : "is this a Kafka client?"));
    co_return false;
  }
  frame.size = static_cast<size_t>(size);
  co_await wait_for_memory(frame.size);
  if (closed_) co_return false;
  const BrokerOptions& options = services_.options;
  const SteadyTime now = services_.clock.steady();
  last_activity_ = now;  // waiting for memory was not the client's silence
  frame_due_ =
      now + options.frame_time_max + std::chrono::seconds(frame.size / kFrameBytesPerSecond);
  frame_due_crowded_ = now + std::min(kCrowdedFrameTime, options.frame_time_max) +
                       std::chrono::seconds(frame.size / kCrowdedBytesPerSecond);
  // The pages are touched, and charged, as the bytes arrive.
  frame.bytes = std::make_shared_for_overwrite<char[]>(frame.size);
  const size_t here = std::min(frame.size, inbox_end_ - inbox_begin_);
  std::memcpy(frame.bytes.get(), inbox_.data() + inbox_begin_, here);
  inbox_begin_ += here;
  if (inbox_begin_ == inbox_end_) inbox_begin_ = inbox_end_ = 0;
  frame.charged = here;
  memory_.charge(here);
  if (!co_await read_rest(frame)) {
    memory_.release(frame.charged);
    co_return false;
  }
  services_.probe.bytes_received(frame.size + kSizeBytes);
  services_.probe.request_memory(memory_.used());
  // The rest of the inbox may be the beginning of the next frame.
  frame_due_.reset();
  frame_due_crowded_.reset();
  if (inbox_begin_ != inbox_end_) frame_due_ = services_.clock.steady() + options.frame_time_max;
  co_return true;
}

asio::awaitable<bool> Connection::read_rest(Frame& frame) {
  bool finisher = false;
  while (!closed_ && frame.charged < frame.size) {
    if (!finisher && !memory_.may_grow() && frame.size > kInboxBytes) {
      finisher = co_await wait_while_crowded();
      if (closed_) break;
    }
    const auto [error, count] = co_await read_some(
        asio::buffer(frame.bytes.get() + frame.charged, frame.size - frame.charged));
    if (error) break;
    frame.charged += count;
    memory_.charge(count);
    last_activity_ = services_.clock.steady();
  }
  if (finisher) memory_.finished();
  co_return frame.charged == frame.size && !closed_;
}

asio::awaitable<void> Connection::wait_for_memory(size_t bytes) {
  if (bytes <= kInboxBytes) co_return;  // small requests are what frees memory
  asio::steady_timer pause(loop_.context());
  while (!closed_ && !memory_.has_room()) {
    frame_due_.reset();
    pause.expires_after(kMemoryPause);
    co_await pause.async_wait(kTuple);
  }
}

void Connection::close_crowded() {
  close(fmt::format("requests fill the {} MiB that they may take, and this one does not end",
                    memory_.limit() >> 20));
}

// In the middle of a frame. The time spent here is not the client's, unless it has sent nothing
// that could be read.
asio::awaitable<bool> Connection::wait_while_crowded() {
  const SteadyTime began = services_.clock.steady();
  const auto due = std::exchange(frame_due_, std::nullopt);
  const auto due_crowded = std::exchange(frame_due_crowded_, std::nullopt);
  asio::steady_timer pause(loop_.context());
  bool finisher = false;
  SteadyTime has_bytes = began;
  while (!closed_ && !memory_.may_grow() && !(finisher = memory_.become_finisher())) {
    pause.expires_after(kMemoryPause);
    co_await pause.async_wait(kTuple);
    boost::system::error_code gone;
    if (!closed_ && socket_.available(gone) > 0) has_bytes = services_.clock.steady();
    if (services_.clock.steady() - has_bytes >= kCrowdedSilence) close_crowded();
  }
  last_activity_ = services_.clock.steady();
  const auto waited = last_activity_ - began;
  if (due) frame_due_ = *due + waited;
  if (due_crowded) frame_due_crowded_ = *due_crowded + waited;
  co_return finisher;
}

asio::awaitable<void> Connection::wait_until_may_start(kafka::ApiKey api) {
  const auto may_start = [&] {
    if (slots_.size() >= services_.options.pipelined_requests_max) return false;
    if (unanswered_ == 0) return true;
    // Produce overlaps with Produce only; newest is enough, others were let in by the same rule.
    return api == kafka::ApiKey::kProduce && slots_.back().api == kafka::ApiKey::kProduce;
  };
  while (!closed_ && !may_start()) {
    frame_due_.reset();
    co_await wait_for(slots_changed_);
  }
  // The log is behind: take no more from this client until it has caught up.
  while (!closed_ && api == kafka::ApiKey::kProduce && !services_.store.has_room()) {
    auto room = std::make_shared<asio::steady_timer>(loop_.context());
    room->expires_at(SteadyTime::max());
    services_.store.on_room([room, &loop = loop_] {
      asio::post(loop.context(), [room] { room->expires_at(SteadyTime::min()); });
    });
    co_await room->async_wait(kTuple);
  }
}

void Connection::mute(Millis wait) {
  if (closed_) return;
  const auto until = asio::steady_timer::clock_type::now() + wait;
  // Whoever waits already looks again when its time is over.
  if (until > muted_until_.expiry()) muted_until_.expires_at(until);
}

asio::awaitable<void> Connection::wait_while_muted() {
  while (!closed_ && asio::steady_timer::clock_type::now() < muted_until_.expiry()) {
    frame_due_.reset();
    co_await muted_until_.async_wait(kTuple);
    last_activity_ = services_.clock.steady();
  }
}

void Connection::start(Frame frame, kafka::RequestHeader header, std::span<char> body) {
  Slot& slot = slots_.emplace_back();
  slot.api = static_cast<kafka::ApiKey>(header.api_key);
  slot.received = services_.clock.steady();
  slot.charged = frame.charged;
  slot.abandonment = std::make_shared<Abandonment>();
  ++unanswered_;
  const uint64_t number = first_slot_ + slots_.size() - 1;
  // dispatch() runs at once when a handler answers on this thread.
  auto reply = [weak = weak_from_this(), number, &loop = loop_](Answer answer) mutable {
    asio::dispatch(loop.context(),
                   [weak = std::move(weak), number, answer = std::move(answer)]() mutable {
                     if (const auto self = weak.lock()) self->answered(number, std::move(answer));
                   });
  };
  auto call = std::make_unique<Call>(services_, loop_, std::move(header), std::move(frame.bytes),
                                     body, client_, std::move(reply), slot.abandonment);
  dispatch(std::move(call));
}

// ---- answers

void Connection::answered(uint64_t number, Answer answer) {
  if (closed_) return;
  Slot& slot = slots_.at(number - first_slot_);
  if (auto* end = std::get_if<CloseConnection>(&answer)) return close(end->reason);
  if (kafka::find_api(static_cast<int16_t>(slot.api)) != nullptr) {
    services_.probe.request_answered(slot.api, services_.clock.steady() - slot.received);
  }
  slot.answer = std::move(answer);
  slot.answered = true;
  --unanswered_;
  memory_.release(std::exchange(slot.charged, 0));
  answers_ready_.cancel();
  slots_changed_.cancel();
}

asio::awaitable<void> Connection::write_answers() {
  while (!closed_) {
    while (!closed_ && (slots_.empty() || !slots_.front().answered)) {
      co_await wait_for(answers_ready_);
    }
    std::vector<kafka::EncodedFrame> frames;
    std::vector<asio::const_buffer> buffers;
    while (!slots_.empty() && slots_.front().answered && frames.size() < kAnswersPerWrite) {
      if (auto* frame = std::get_if<kafka::EncodedFrame>(&slots_.front().answer)) {
        frames.push_back(std::move(*frame));
      }
      slots_.pop_front();
      ++first_slot_;
    }
    size_t bytes = 0;
    for (const kafka::EncodedFrame& frame : frames) {
      for (const std::string_view piece : frame.pieces()) {
        buffers.emplace_back(piece.data(), piece.size());
      }
      bytes += frame.size();
    }
    if (!frames.empty() && !co_await write_all(std::move(buffers))) {
      close("");
      break;
    }
    services_.probe.bytes_sent(bytes);
    slots_changed_.cancel();
  }
}

asio::awaitable<bool> Connection::write_all(std::vector<asio::const_buffer> buffers) {
  size_t first = 0;
  while (first < buffers.size()) {
    // The kernel takes a bounded number of pieces at once.
    std::array<asio::const_buffer, 64> window;
    const size_t pieces = std::min(window.size(), buffers.size() - first);
    std::copy_n(buffers.begin() + static_cast<ptrdiff_t>(first), pieces, window.begin());
    write_stalled_since_ = services_.clock.steady();
    auto [error, count] = co_await write_some({window.data(), pieces});
    if (error) co_return false;
    last_activity_ = services_.clock.steady();
    while (count > 0) {
      const size_t taken = std::min(count, buffers[first].size());
      buffers[first] += taken;
      count -= taken;
      if (buffers[first].size() == 0) ++first;
    }
    while (first < buffers.size() && buffers[first].size() == 0) ++first;
  }
  write_stalled_since_.reset();
  co_return true;
}

}  // namespace freshet::broker
