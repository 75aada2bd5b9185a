// The requests of the power cut test, over a node whose disk records or forgets.
#pragma once

#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/node_harness.h"
#include "broker/power_cut/history.h"
#include "kafka/messages/add_offsets_to_txn.h"
#include "kafka/messages/add_partitions_to_txn.h"
#include "kafka/messages/end_txn.h"
#include "kafka/messages/fetch.h"
#include "kafka/messages/init_producer_id.h"
#include "kafka/messages/offset_commit.h"
#include "kafka/messages/offset_fetch.h"
#include "kafka/messages/produce.h"
#include "kafka/messages/txn_offset_commit.h"
#include "kafka/record_iterator.h"
#include "kafka/transaction_marker.h"

namespace freshet::broker::power_cut {

using kafka::ErrorCode;

/// One partition as a consumer of one isolation level sees it.
struct View {
  struct Record {
    std::string key;
    std::string value;
    friend bool operator==(const Record&, const Record&) = default;
  };
  std::map<int64_t, Record> records;
  int64_t log_start = 0;
  int64_t high_watermark = 0;
  int64_t last_stable = 0;
  std::vector<std::string> faults;
  friend bool operator==(const View&, const View&) = default;
};

/// Node and clients on the test's thread. `changes` counts those of the disk.
class Clients : public NodeHarness {
 public:
  using NodeHarness::Slot;

  Clients(const std::filesystem::path& directory, Disk& disk)
      : NodeHarness(directory, small_files(disk)) {}
  void TestBody() override {}

  /// Many switches, rolls and snapshots in few requests.
  static BrokerOptions small_files(Disk& disk) {
    BrokerOptions options;
    options.wal_file_bytes = kWalFileBytesMin;
    options.state_segment_bytes = 6'000;
    options.free_bytes_min = 0;
    options.disk = &disk;
    return options;
  }
  Result<void> open_node() { return try_open(); }
  void end_node() { node_.reset(); }

  void replied(const Slot& slot) override {
    if (!count_changes) return;
    const size_t now = count_changes();
    const std::lock_guard lock(moments_mutex_);
    answered_[slot.get()] = now;
  }
  [[nodiscard]] size_t answered_at(const Slot& slot) {
    const std::lock_guard lock(moments_mutex_);
    return answered_.at(slot.get());
  }
  [[nodiscard]] Services& services() { return node_->services(); }
  [[nodiscard]] ManualLoop& loop() { return loop_; }
  [[nodiscard]] int64_t now() const { return now_ms(); }
  void reopen_node() { reopen(); }
  void close_and_open_node() {
    ASSERT_TRUE(node_->close());
    reopen();
  }
  [[nodiscard]] size_t changes_now() const { return count_changes ? count_changes() : 0; }

  Slot send_batch(const History& history, const SentBatch& batch) {
    const auto& topic = history.topics[batch.topic];
    auto request = produce_request(topic.name, batch.bytes, batch.partition);
    const auto& id = history.producers[batch.producer].transactional_id;
    if (!id.empty()) request.transactional_id = id;
    return send(request, 9);
  }
  kafka::ProduceResponse::Partition batch_answer(const Slot& slot) {
    return read<kafka::ProduceResponse>(slot, 9).responses.at(0).partition_responses.at(0);
  }

  Producer init_producer(const std::string& id) {
    kafka::InitProducerIdRequest request;
    if (!id.empty()) request.transactional_id = id;
    request.transaction_timeout_ms = 600'000;
    Producer producer{.transactional_id = id, .made = {.asked = changes_now()}};
    const Slot slot = send(request, 4);
    const auto answer = read<kafka::InitProducerIdResponse>(slot, 4);
    EXPECT_EQ(answer.error_code, ErrorCode::kNone);
    producer.id = answer.producer_id;
    producer.epoch = answer.producer_epoch;
    if (count_changes) producer.made.answered = answered_at(slot);
    return producer;
  }
  Slot send_begin(const Producer& producer, const std::string& topic, int32_t partitions) {
    kafka::AddPartitionsToTxnRequest request;
    request.transactional_id = producer.transactional_id;
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    auto& added = request.topics.emplace_back();
    added.name = topic;
    for (int32_t p = 0; p < partitions; ++p) added.partitions.push_back(p);
    return send(request, 3);
  }
  ErrorCode begin_answer(const Slot& slot) {
    const auto answer = read<kafka::AddPartitionsToTxnResponse>(slot, 3);
    return answer.results_by_topic.at(0).results_by_partition.at(0).partition_error_code;
  }
  ErrorCode add_offsets(const Producer& producer) {
    kafka::AddOffsetsToTxnRequest request;
    request.transactional_id = producer.transactional_id;
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    request.group_id = group_of(producer);
    return ask<kafka::AddOffsetsToTxnResponse>(request, 3).error_code;
  }
  Slot send_offset(const Producer& producer, const std::string& topic, int64_t offset) {
    kafka::TxnOffsetCommitRequest request;
    request.transactional_id = producer.transactional_id;
    request.group_id = group_of(producer);
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    request.topics.push_back({topic, {{0, offset, -1, "m"}}});
    return send(request, 3);
  }
  ErrorCode offset_answer(const Slot& slot) {
    return read<kafka::TxnOffsetCommitResponse>(slot, 3).topics.at(0).partitions.at(0).error_code;
  }
  Slot send_end(const Producer& producer, bool commit) {
    kafka::EndTxnRequest request;
    request.transactional_id = producer.transactional_id;
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    request.committed = commit;
    return send(request, 3);
  }
  ErrorCode end_answer(const Slot& slot) { return read<kafka::EndTxnResponse>(slot, 3).error_code; }

  static std::string group_of(const Producer& producer) {
    return "group-" + producer.transactional_id;
  }
  Slot send_commit(size_t group, const std::string& topic, int64_t offset) {
    kafka::OffsetCommitRequest request;
    request.group_id = fmt::format("plain-{}", group);
    request.generation_id_or_member_epoch = -1;
    request.topics.emplace_back().name = topic;
    request.topics[0].partitions = {{0, offset, -1, "note"}};
    return send(request, 8);
  }
  ErrorCode commit_answer(const Slot& slot) {
    return read<kafka::OffsetCommitResponse>(slot, 8).topics.at(0).partitions.at(0).error_code;
  }
  /// -1: none.
  int64_t committed(const std::string& group, const std::string& topic) {
    kafka::OffsetFetchRequest request;
    request.group_id = group;
    request.topics.emplace().push_back({topic, {0}});
    return ask<kafka::OffsetFetchResponse>(request, 5)
        .topics.at(0)
        .partitions.at(0)
        .committed_offset;
  }

  /// Runs a change of the registry to its end; the moment it was answered.
  template <class Start>
  size_t change_topics(Start start) {
    std::promise<std::pair<Result<void>, size_t>> promise;
    auto result = promise.get_future();
    start([&](Result<void> done) { promise.set_value({std::move(done), changes_now()}); });
    auto [done, at] = result.get();
    EXPECT_TRUE(done) << done.error().message();
    return at;
  }

  View view(const std::string& topic, int32_t partition, bool only_committed, bool with_gaps);

  std::function<size_t()> count_changes;

 private:
  kafka::FetchResponse::Partition fetch(const std::string& topic, int32_t partition, int64_t from,
                                        bool only_committed) {
    kafka::FetchRequest request;
    request.isolation_level = only_committed ? 1 : 0;
    auto& wanted = request.topics.emplace_back();
    wanted.topic = topic;
    auto& place = wanted.partitions.emplace_back();
    place.partition = partition;
    place.fetch_offset = from;
    place.partition_max_bytes = 1 << 20;
    return ask<kafka::FetchResponse>(request, 12).responses.at(0).partitions.at(0);
  }

  std::mutex moments_mutex_;
  std::map<const void*, size_t> answered_;
};

/// Reads as a consumer does: follows the list of aborted transactions and the markers.
inline View Clients::view(const std::string& topic, int32_t partition, bool only_committed,
                          bool with_gaps) {
  View view;
  const auto log = node_->services().store.find({topic, partition});
  if (!log) {
    view.faults.push_back("the partition is not there");
    return view;
  }
  view.log_start = log->log_start().value();
  int64_t next = view.log_start;
  std::string scratch;
  while (true) {
    const auto part = fetch(topic, partition, next, only_committed);
    if (part.error_code != ErrorCode::kNone) {
      view.faults.push_back(
          fmt::format("fetch at {}: error {}", next, static_cast<int>(part.error_code)));
      return view;
    }
    view.high_watermark = part.high_watermark;
    view.last_stable = part.last_stable_offset;
    if (next >= (only_committed ? part.last_stable_offset : part.high_watermark)) return view;
    using Aborted = kafka::FetchResponse::AbortedTransaction;
    auto aborted = part.aborted_transactions.value_or(std::vector<Aborted>());
    std::ranges::sort(aborted, {}, &Aborted::first_offset);
    std::set<int64_t> rolled_back;
    auto upcoming = aborted.begin();
    const int64_t before = next;
    for (const auto& slice : part.records) {
      std::string_view rest = slice.bytes;
      while (const auto batch = kafka::next_batch(rest).value_or(std::nullopt)) {
        if (batch->next_offset().value() <= next) continue;  // a batch that `next` lies in
        // The log may start inside its first batch.
        const int64_t base = batch->base_offset().value();
        if (base < next ? next != view.log_start : base > next && !with_gaps) {
          view.faults.push_back(fmt::format("offset {} is missing", next));
        }
        next = batch->next_offset().value();
        for (; upcoming != aborted.end() && upcoming->first_offset < next; ++upcoming) {
          rolled_back.insert(upcoming->producer_id);
        }
        if (batch->is_control()) {
          const auto marker = kafka::decode_marker(*batch);
          if (only_committed && marker && !marker->commit) rolled_back.erase(batch->producer_id());
          continue;
        }
        if (only_committed && batch->is_transactional() &&
            rolled_back.contains(batch->producer_id())) {
          continue;
        }
        auto records = kafka::RecordIterator::open(*batch, scratch);
        RecordView record;
        while (records && records->next(record)) {
          view.records[record.offset.value()] = {std::string(record.key.value_or("")),
                                                 std::string(record.value.value_or(""))};
        }
      }
    }
    if (next == before) {
      view.faults.push_back(fmt::format("fetch at {} gives nothing", next));
      return view;
    }
  }
}

}  // namespace freshet::broker::power_cut
