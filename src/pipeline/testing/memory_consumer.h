// The group coordinator and the log of a MemoryWorld as a pipeline reads them.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "kafka/group_consumer.h"
#include "kafka/record_iterator.h"
#include "model/offset.h"
#include "pipeline/testing/incarnation.h"
#include "pipeline/testing/memory_world.h"

namespace freshet::pipeline::testing {

/// Joining takes the group over at once: whoever was in it before is fenced.
class MemoryConsumer : public kafka::GroupConsumer {
 public:
  MemoryConsumer(MemoryWorld& world, Incarnation& self, std::string topic)
      : world_(world), self_(self), topic_(std::move(topic)) {}

  Result<kafka::GroupEvent> poll(std::chrono::milliseconds) override {
    const std::lock_guard lock(world_.mutex);
    if (self_.dead) return fail(Errc::kCancelled, "the process is dead");
    if (generation_ == 0) {
      generation_ = ++world_.generation;
      std::vector<TopicPartition> all;
      for (int32_t p = 0; p < world_.topics.at(topic_); ++p) all.push_back({topic_, p});
      FRESHET_ASSIGN(auto assigned, committed(all));
      return kafka::Assigned{std::move(assigned)};
    }
    return std::monostate();
  }

  Result<kafka::FetchedBatches> fetch(const TopicPartition& tp, Offset from, size_t bytes_max,
                                      std::chrono::milliseconds) override {
    const std::lock_guard lock(world_.mutex);
    const auto& partition = world_.log.at(tp);
    if (from < partition.start || from > partition.end) {
      return fail(Errc::kOutOfRange, "offset {} is outside {} to {}", from, partition.start,
                  partition.end);
    }
    kafka::FetchedBatches fetched;
    fetched.log_start = partition.start;
    fetched.high_watermark = partition.end;
    size_t bytes = 0;
    for (size_t i = 0; i < partition.batches.size(); ++i) {
      if (kafka::RecordBatchView(partition.batches[i]).next_offset() <= from) continue;
      if (bytes > 0 && bytes + partition.batches[i].size() > bytes_max) break;
      const auto owner = std::make_shared<const std::string>(partition.batches[i]);
      bytes += owner->size();
      fetched.slices.push_back({owner, *owner});
    }
    return fetched;
  }

  Result<kafka::PartitionBounds> bounds(const TopicPartition& tp) override {
    const std::lock_guard lock(world_.mutex);
    const auto& partition = world_.log.at(tp);
    return kafka::PartitionBounds{partition.start, partition.end};
  }

  Result<Offset> offset_at(const TopicPartition& tp,
                           std::chrono::milliseconds since_epoch) override {
    const std::lock_guard lock(world_.mutex);
    const auto& partition = world_.log.at(tp);
    std::string scratch;
    for (const auto& batch : partition.batches) {
      FRESHET_ASSIGN(auto records,
                     kafka::RecordIterator::open(kafka::RecordBatchView(batch), scratch));
      RecordView record;
      while (records.next(record)) {
        if (record.timestamp_ms >= since_epoch.count()) return record.offset;
      }
    }
    return partition.end;
  }

  Result<void> commit(std::span<const kafka::OffsetCommit> commits) override {
    const std::lock_guard lock(world_.mutex);
    return self_.act("commit", [&](bool) -> Result<void> {
      if (generation_ != world_.generation) return fail(Errc::kFenced, "stale generation");
      for (const auto& one : commits) world_.committed[one.tp] = {one.offset, one.metadata};
      return {};
    });
  }

  Result<std::vector<kafka::AssignedPartition>> committed(
      std::span<const TopicPartition> tps) override {
    const std::lock_guard lock(world_.mutex);
    std::vector<kafka::AssignedPartition> all;
    for (const auto& tp : tps) {
      kafka::AssignedPartition one{.tp = tp, .topic_id = world_.topic_ids.at(tp.topic)};
      if (const auto it = world_.committed.find(tp); it != world_.committed.end()) {
        one.committed = it->second.first;
        one.metadata = it->second.second;
      }
      all.push_back(std::move(one));
    }
    return all;
  }

  Result<void> leave() override { return {}; }
  [[nodiscard]] std::string group() const override { return "group"; }
  [[nodiscard]] std::string member_id() const override { return "member"; }
  [[nodiscard]] int32_t generation() const override { return generation_; }

 private:
  MemoryWorld& world_;
  Incarnation& self_;
  const std::string topic_;
  int32_t generation_ = 0;
};

}  // namespace freshet::pipeline::testing
