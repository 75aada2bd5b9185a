// The log of a MemoryWorld as dead letters are written to it.
#pragma once

#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kafka/record_producer.h"
#include "model/offset.h"
#include "pipeline/testing/incarnation.h"
#include "pipeline/testing/memory_world.h"

namespace freshet::pipeline::testing {

/// A batch is there at once: the future is ready when produce() returns.
class MemoryProducer final : public kafka::RecordProducer {
 public:
  MemoryProducer(MemoryWorld& world, Incarnation& self) : world_(world), self_(self) {}

  Result<int32_t> partition_count(const std::string& topic) override {
    const std::lock_guard lock(world_.mutex);
    if (world_.topics.contains(topic)) return world_.topics.at(topic);
    return fail(Errc::kNotFound, "topic {} does not exist", topic);
  }

  std::future<Result<std::vector<Offset>>> produce(
      std::vector<kafka::PartitionBatch> batches) override {
    const std::lock_guard lock(world_.mutex);
    std::vector<Offset> bases;
    const auto done = self_.act("produce", [&](bool half) -> Result<void> {
      const size_t count = half ? batches.size() / 2 : batches.size();
      for (size_t i = 0; i < count; ++i) {
        bases.push_back(world_.append_batch(batches[i].tp, batches[i].batch));
      }
      return {};
    });
    std::promise<Result<std::vector<Offset>>> promise;
    if (done) {
      promise.set_value(std::move(bases));
    } else {
      promise.set_value(std::unexpected(done.error()));
    }
    return promise.get_future();
  }

  Result<std::vector<kafka::LogSlice>> read_backwards(const TopicPartition& tp, Offset before,
                                                      size_t bytes_max) override {
    const std::lock_guard lock(world_.mutex);
    const auto& partition = world_.log.at(tp);
    std::vector<kafka::LogSlice> slices;
    size_t bytes = 0;
    for (size_t i = partition.batches.size(); i-- > 0 && bytes < bytes_max;) {
      const kafka::RecordBatchView batch(partition.batches[i]);
      if (before != kNoOffset && batch.next_offset() > before) continue;
      const auto owner = std::make_shared<const std::string>(partition.batches[i]);
      bytes += owner->size();
      slices.push_back({owner, *owner});
    }
    return slices;
  }

 private:
  MemoryWorld& world_;
  Incarnation& self_;
};

}  // namespace freshet::pipeline::testing
