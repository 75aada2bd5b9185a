// One TCP or TLS connection to one Kafka broker, with our own codec: a request, then its answer.
//
//   open(): connect -> TLS -> ApiVersions -> SASL -> ready
//   ready:  send() -> receive() … -> ready        one request is on the way at a time
//   any failure or time-out -> broken: usable() is false, every call fails, the owner drops it
//
// Thread: one at a time. Every wait ends at its deadline, but for the resolver's, which has limits
// of its own. What a broker sends is bounded by kAnswerBytesMax and the codec's limits.
#pragma once

#include <array>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "kafka/record_batch.h"
#include "kafka/remote/remote_settings.h"
#include "kafka/wire/codec.h"

// NOLINTBEGIN(readability-identifier-naming): OpenSSL's names
struct ssl_st;
struct ssl_ctx_st;
// NOLINTEND(readability-identifier-naming)

namespace freshet::kafka {

/// The client's side of TLS for all connections to one cluster.
using TlsClient = std::shared_ptr<ssl_ctx_st>;
/// Null without TLS. kInvalidArgument names the file that cannot be used.
Result<TlsClient> make_tls_client(const RemoteTls& tls);

class BrokerConnection {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  /// The largest batch that a topic may hold, and what stands around it.
  static constexpr size_t kAnswerBytesMax = kBatchBytesMax + (16 << 20);

  /// kUnavailable: nobody answers there; kTimeout: not before the deadline; kRefused: the login
  /// or the certificate was not accepted.
  static Result<std::unique_ptr<BrokerConnection>> open(const BrokerAddress& address,
                                                        const RemoteSettings& settings,
                                                        const TlsClient& tls, Deadline deadline);
  ~BrokerConnection();
  BrokerConnection(const BrokerConnection&) = delete;
  BrokerConnection& operator=(const BrokerConnection&) = delete;

  /// False after a failure, when the broker has closed an idle connection, and shortly before the
  /// login expires.
  [[nodiscard]] bool usable() const;
  /// An answer did not come in time.
  [[nodiscard]] bool timed_out() const { return timed_out_; }

  /// The newest version that both sides speak and that is not above `cap`.
  Result<int16_t> version_of(ApiKey api, int16_t cap) const;

  static constexpr int16_t kAnyVersion = std::numeric_limits<int16_t>::max();

  template <Message Request>
  Result<void> send(const Request& request, Deadline deadline, int16_t cap = kAnyVersion) {
    FRESHET_ASSIGN(const int16_t version, version_of(Request::kApi, cap));
    RequestHeader header;
    header.api_version = version;
    header.correlation_id = ++correlation_id_;
    header.client_id = client_id_;
    return send_frame(encode_request(header, request), Request::kApi, version, deadline);
  }

  /// The answer to the request sent last, or nullopt if it is not there by the deadline: call
  /// again. Records in it point into `frame`, which must then not be null.
  template <Message Response>
  Result<std::optional<Response>> receive(Deadline deadline,
                                          std::shared_ptr<const std::string>* frame = nullptr) {
    FRESHET_ASSIGN(auto arrived, receive_frame(deadline));
    if (!arrived) return std::nullopt;
    FRESHET_ASSIGN(const std::string_view body, take_header(**arrived));
    auto message = decode_message<Response>(body, awaited_version_);
    if (!message) {
      return std::unexpected(broken(std::move(message).error().with_context(Response::kName)));
    }
    if (frame != nullptr) *frame = *arrived;
    return std::optional<Response>(std::move(*message));
  }

  /// Sends and waits. kTimeout: the connection is broken, what happened at the broker is unknown.
  template <Message Response, Message Request>
  Result<Response> call(const Request& request, Deadline deadline, int16_t cap = kAnyVersion,
                        std::shared_ptr<const std::string>* frame = nullptr) {
    FRESHET_TRY(send(request, deadline, cap));
    FRESHET_ASSIGN(auto answer, receive<Response>(deadline, frame));
    if (!answer) return std::unexpected(too_late(Request::kName));
    return std::move(*answer);
  }

 private:
  using Frame = std::shared_ptr<const std::string>;
  struct Versions {
    int16_t min = 0;
    int16_t max = -1;  // below min: the broker does not have the API
  };
  static constexpr size_t kApiKeys = 128;

  BrokerConnection(BrokerAddress address, std::string client_id);

  Result<void> connect(const RemoteSocket& settings, Deadline deadline);
  Result<void> start_tls(const TlsClient& tls, const RemoteTls& settings, Deadline deadline);
  Result<void> learn_versions(Deadline deadline);
  Result<void> log_in(const RemoteLogin& login, Deadline deadline);
  Result<std::string> authenticate(std::string bytes, Deadline deadline);

  Result<void> send_frame(const EncodedFrame& frame, ApiKey api, int16_t version,
                          Deadline deadline);
  Result<std::optional<Frame>> receive_frame(Deadline deadline);
  Result<std::string_view> take_header(const std::string& frame);
  Result<void> write_all(std::string_view bytes, Deadline deadline);
  /// 0: nothing there by the deadline.
  Result<size_t> read_some(char* into, size_t size, Deadline deadline);
  /// False: not ready by the deadline.
  Result<bool> wait_for(short events, Deadline deadline);
  [[nodiscard]] Error broken(Error why);
  [[nodiscard]] Error too_late(std::string_view what);

  const BrokerAddress address_;
  const std::string client_id_;
  int socket_ = -1;
  ssl_st* tls_ = nullptr;
  bool broken_ = false;
  bool timed_out_ = false;
  Deadline expires_at_ = Deadline::max();  // the login
  int32_t correlation_id_ = 0;
  std::array<Versions, kApiKeys> versions_{};

  // The answer being awaited.
  ApiKey awaited_{};
  int16_t awaited_version_ = 0;
  bool awaiting_ = false;
  std::array<char, 4> size_bytes_{};
  size_t received_ = 0;  // of the four size bytes and the frame behind them
  std::shared_ptr<std::string> frame_;
};

}  // namespace freshet::kafka
