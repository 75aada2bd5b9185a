// A node on a temporary directory and a loop that turns by hand: for handler tests.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "broker/call.h"
#include "broker/handlers/handlers.h"
#include "broker/node.h"
#include "kafka/messages/produce.h"
#include "kafka/record_batch_builder.h"

namespace freshet::broker {

/// Runs posted work on the test's thread, and delayed work when the test says that time has passed.
class ManualLoop final : public RequestLoop {
 public:
  void post(std::move_only_function<void()> work) override {
    {
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(work));
    }
    posted_.notify_all();
  }
  void post_after(Millis delay, std::move_only_function<void()> work) override {
    const std::lock_guard lock(mutex_);
    delayed_.emplace_back(now_ + delay, std::move(work));
  }
  void pass(Millis by) {
    std::unique_lock lock(mutex_);
    now_ += by;
    for (size_t i = 0; i < delayed_.size();) {
      if (delayed_[i].first > now_) {
        ++i;
        continue;
      }
      ready_.push_back(std::move(delayed_[i].second));
      delayed_.erase(delayed_.begin() + static_cast<ptrdiff_t>(i));
    }
    posted_.notify_all();
  }
  /// Runs work until `done()`; false when the deadline passes first.
  template <class Done>
  bool run_until(Done done, std::chrono::seconds within = std::chrono::seconds(20)) {
    const auto deadline = std::chrono::steady_clock::now() + within;
    while (!done()) {
      std::move_only_function<void()> work;
      {
        std::unique_lock lock(mutex_);
        if (!posted_.wait_until(lock, deadline, [&] { return !ready_.empty(); })) return done();
        work = std::move(ready_.front());
        ready_.pop_front();
      }
      work();
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::move_only_function<void()>> ready_;
  std::vector<std::pair<Millis, std::move_only_function<void()>>> delayed_;
  Millis now_{0};
};

/// Sends requests through dispatch(), as bytes, and reads the answers back.
class NodeHarness : public testing::Test {
 protected:
  using Slot = std::shared_ptr<std::optional<Answer>>;

  NodeHarness() {
    std::string pattern = (std::filesystem::temp_directory_path() / "freshet-node-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    open();
  }
  /// In a directory of the caller's; not open yet.
  NodeHarness(std::filesystem::path directory, BrokerOptions options)
      : options_(std::move(options)), directory_(std::move(directory)) {}
  ~NodeHarness() override {
    node_.reset();
    std::filesystem::remove_all(directory_);
  }

  Result<void> try_open() {
    BrokerOptions options = options_;
    options.data_dir = directory_ / "log";
    FRESHET_ASSIGN(node_, Node::open(std::move(options), clock_, metrics_));
    node_->services().advertised_port = 9092;
    return {};
  }
  void open() {
    const auto opened = try_open();
    ASSERT_TRUE(opened) << opened.error().message();
  }
  /// As after a crash.
  void reopen() {
    node_.reset();
    open();
  }

  template <kafka::Message Request>
  Slot send(const Request& request, int16_t version) {
    kafka::RequestHeader header;
    header.api_version = version;
    header.correlation_id = ++correlation_;
    header.client_id = "test";
    return send_bytes(kafka::encode_request(header, request).flatten().substr(4));
  }
  /// A frame without its size, as it would come from a socket.
  Slot send_bytes(const std::string& frame) {
    FrameBytes bytes = std::make_shared<char[]>(frame.size());
    std::ranges::copy(frame, bytes.get());
    std::string_view rest(bytes.get(), frame.size());
    auto header = kafka::decode_request_header(rest);
    EXPECT_TRUE(header);
    const std::span<char> body(bytes.get() + (frame.size() - rest.size()), rest.size());
    auto slot = std::make_shared<std::optional<Answer>>();
    auto reply = [this, slot](Answer answer) {
      replied(slot);
      loop_.post([slot, answer = std::move(answer)]() mutable { *slot = std::move(answer); });
    };
    dispatch(std::make_unique<Call>(node_->services(), loop_, *header, bytes, body, client_,
                                    std::move(reply), std::make_shared<Abandonment>()));
    return slot;
  }
  /// On the thread that answers, at that moment.
  virtual void replied(const Slot& slot) { (void)slot; }
  Answer wait(const Slot& slot) {
    EXPECT_TRUE(loop_.run_until([&] { return slot->has_value(); })) << "no answer";
    return slot->has_value() ? std::move(**slot) : Answer(CloseConnection{"no answer"});
  }
  template <class Response>
  Response read(const Slot& slot, int16_t version) {
    Answer answer = wait(slot);
    if (const auto* end = std::get_if<CloseConnection>(&answer)) {
      ADD_FAILURE() << "closed: " << end->reason;
      return {};
    }
    last_frame_ = std::get<kafka::EncodedFrame>(answer).flatten();
    std::string_view rest = std::string_view(last_frame_).substr(4);
    EXPECT_TRUE(kafka::decode_response_header(rest, Response::kApi, version));
    auto response = kafka::decode_message<Response>(rest, version);
    EXPECT_TRUE(response) << response.error().message();
    return response ? *response : Response();
  }
  template <class Response, class Request>
  Response ask(const Request& request, int16_t version) {
    return read<Response>(send(request, version), version);
  }

  void create(const std::string& name, int32_t partitions = 1, TopicConfigMap configs = {}) {
    std::optional<Result<TopicPtr>> made;
    TopicSpec spec;
    spec.name = name;
    spec.partitions = partitions;
    spec.configs = std::move(configs);
    node_->services().topics.create(std::move(spec), [&](Result<TopicPtr> topic) {
      loop_.post([&made, topic = std::move(topic)] { made = topic; });
    });
    ASSERT_TRUE(loop_.run_until([&] { return made.has_value(); }));
    ASSERT_TRUE(*made) << made->error().message();
  }
  std::string batch(const std::vector<std::pair<int64_t, std::string>>& records) {
    kafka::RecordBatchBuilder builder;
    for (const auto& [time, value] : records) builder.append(time, "key", value);
    return builder.build();
  }
  static kafka::ProduceRequest produce_request(const std::string& topic, const std::string& bytes,
                                               int32_t partition = 0) {
    kafka::ProduceRequest request;
    request.acks = -1;
    request.topic_data.emplace_back().name = topic;
    request.topic_data.back().partition_data.push_back({partition, std::string_view(bytes)});
    return request;
  }
  kafka::ProduceResponse::Partition produce(const std::string& topic, const std::string& bytes,
                                            int16_t version = 9) {
    const auto response = ask<kafka::ProduceResponse>(produce_request(topic, bytes), version);
    return response.responses.at(0).partition_responses.at(0);
  }
  /// False: the node did not want to hear nothing for so long before the deadline.
  bool await_muted(int64_t wait_ms) {
    return loop_.run_until([&] { return muted_.count() >= wait_ms; });
  }
  [[nodiscard]] int64_t now_ms() const { return clock_.wall().time_since_epoch().count(); }

  BrokerOptions options_;
  std::filesystem::path directory_;
  ManualClock clock_;
  MetricRegistry metrics_;
  ManualLoop loop_;
  // For how long the node wanted to hear nothing from the client, in all. An answer may be here
  // before this is: await_muted().
  Millis muted_{0};
  std::shared_ptr<CallClient> client_ =
      std::make_shared<CallClient>(CallClient{.host = "/127.0.0.1", .mute = [this](Millis wait) {
                                                loop_.post([this, wait] { muted_ += wait; });
                                              }});
  std::unique_ptr<Node> node_;
  std::string last_frame_;  // what the records of the last response point into
  int32_t correlation_ = 0;
};

}  // namespace freshet::broker
