// One request on its way through a handler to its answer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/clock.h"
#include "base/error.h"
#include "broker/services.h"
#include "kafka/wire/codec.h"

namespace freshet::broker {

/// The thread that a connection lives on, as handlers see it. Two users: the TCP server's I/O
/// threads, and tests that turn time by hand.
class RequestLoop {
 public:
  virtual ~RequestLoop() = default;
  /// Runs `work` on the loop's thread; any thread may call.
  virtual void post(std::move_only_function<void()> work) = 0;
  /// Runs `work` there after `delay`; any thread may call.
  virtual void post_after(Millis delay, std::move_only_function<void()> work) = 0;
};

/// The bytes of one received frame, without its size. Produced batches are appended from here.
using FrameBytes = std::shared_ptr<char[]>;

/// acks=0: the client expects no frame.
struct NoAnswer {};
/// The request cannot be answered in the protocol: end the connection, `reason` goes to the log.
struct CloseConnection {
  std::string reason;
};
using Answer = std::variant<kafka::EncodedFrame, NoAnswer, CloseConnection>;

/// Who sent a request; one for each connection.
struct CallClient {
  std::string host;  // as Kafka shows it: "/127.0.0.1"
  std::string user{kAnonymousUser};
  /// Takes no request from the connection for so long; any thread.
  std::function<void(Millis)> mute;
};

/// How long the handler of one request was at work on the connection's thread: what counts towards
/// request_percentage. Any thread.
class HandlerTime {
 public:
  explicit HandlerTime(SteadyTime began) : began_(began) {}
  /// The handler has returned; its call may be answered later.
  void stop(SteadyTime now) { took_ = (now - began_).count(); }
  /// So far, if it has not returned yet.
  [[nodiscard]] std::chrono::duration<double> taken(SteadyTime now) const {
    const auto took = took_.load();
    return took < 0 ? now - began_ : SteadyTime::duration(took);
  }

 private:
  const SteadyTime began_;
  std::atomic<SteadyTime::rep> took_{-1};
};

/// Shared by a call and whoever waits for its answer; on the loop's thread only.
struct Abandonment {
  std::function<void()> run;  // empty: nothing to tidy up
};

/// Move it along as a CallPtr; answered exactly once, from any thread. Holds the frame alive.
class Call {
 public:
  using Reply = std::move_only_function<void(Answer)>;

  /// `body` lies in `frame`, after the request header.
  Call(Services& services, RequestLoop& loop, kafka::RequestHeader header, FrameBytes frame,
       std::span<char> body, std::shared_ptr<const CallClient> client, Reply reply,
       std::shared_ptr<Abandonment> abandonment)
      : services_(services),
        loop_(loop),
        header_(std::move(header)),
        frame_(std::move(frame)),
        body_(body),
        client_(std::move(client)),
        reply_(std::move(reply)),
        abandonment_(std::move(abandonment)) {
    if (services_.quotas.any()) {
      handler_time_ = std::make_shared<HandlerTime>(services_.clock.steady());
    }
  }

  [[nodiscard]] Services& services() const { return services_; }
  [[nodiscard]] RequestLoop& loop() const { return loop_; }
  [[nodiscard]] const kafka::RequestHeader& header() const { return header_; }
  [[nodiscard]] int16_t version() const { return header_.api_version; }
  [[nodiscard]] std::string client_id() const { return header_.client_id.value_or(""); }
  [[nodiscard]] const std::string& client_host() const { return client_->host; }
  /// Notes what the client has used. Not zero: it has to wait for so long, which the answer says,
  /// and is not listened to meanwhile.
  Millis charge(QuotaKind kind, double amount) const {
    if (!services_.quotas.any()) return Millis(0);
    const Millis wait = services_.quotas.charge(kind, {client_->user, client_id()}, amount);
    mute(wait);
    return wait;
  }
  /// nullptr while there are no quotas.
  [[nodiscard]] const std::shared_ptr<HandlerTime>& handler_time() const { return handler_time_; }
  [[nodiscard]] const FrameBytes& frame() const { return frame_; }
  [[nodiscard]] std::span<char> body() const { return body_; }

  /// If the client is over its request_percentage, the answer says for how long, in every API that
  /// has a field for it, and goes out at once; only then is the client not listened to.
  template <kafka::Message M>
  void answer(const M& response) {
    answer_as(header_.api_version, response);
  }
  /// With another version than asked for: only ApiVersions does that.
  template <kafka::Message M>
  void answer_as(int16_t version, const M& response) {
    const Millis wait = charge_handler_time();
    if constexpr (requires { response.throttle_time_ms; }) {
      if (wait.count() > response.throttle_time_ms) {
        M slowed = response;
        slowed.throttle_time_ms = static_cast<int32_t>(wait.count());
        reply_(kafka::encode_response(header_.correlation_id, version, slowed));
        return mute(wait);
      }
    }
    reply_(kafka::encode_response(header_.correlation_id, version, response));
    mute(wait);
  }
  /// Asks for `tidy_up` on the loop's thread if the connection ends before the answer. A handler
  /// that parks its call somewhere takes it back there.
  void when_abandoned(std::function<void()> tidy_up) { abandonment_->run = std::move(tidy_up); }
  void answer_nothing() {
    const Millis wait = charge_handler_time();
    reply_(NoAnswer{});
    mute(wait);
  }
  void close(std::string reason) { reply_(CloseConnection{std::move(reason)}); }

 private:
  /// In percent of a second: what the limit is in.
  [[nodiscard]] Millis charge_handler_time() const {
    if (!handler_time_) return Millis(0);
    const auto taken = handler_time_->taken(services_.clock.steady());
    return services_.quotas.charge(QuotaKind::kRequest, {client_->user, client_id()},
                                   taken.count() * 100);
  }
  void mute(Millis wait) const {
    if (wait.count() > 0 && client_->mute) client_->mute(wait);
  }

  Services& services_;
  RequestLoop& loop_;
  const kafka::RequestHeader header_;
  const FrameBytes frame_;
  const std::span<char> body_;
  const std::shared_ptr<const CallClient> client_;
  Reply reply_;
  const std::shared_ptr<Abandonment> abandonment_;
  std::shared_ptr<HandlerTime> handler_time_;  // constant after construction
};

using CallPtr = std::unique_ptr<Call>;

}  // namespace freshet::broker
