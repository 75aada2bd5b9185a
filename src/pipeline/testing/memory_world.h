// A log, a group coordinator and a table in memory, for the crash model: what stands in a
// MemoryWorld survives the "processes" (Incarnation) that use it, and every call of a process that
// changes the world can be made to fail, to half-succeed, to kill the process before or after its
// effect, or to be overtaken by another process first.
//
// The model decides every interleaving itself, on one thread; for tests of real threads each call
// holds MemoryWorld::mutex.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "kafka/group_consumer.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_producer.h"
#include "model/offset.h"
#include "model/topic_id.h"
#include "pipeline/range_sink.h"

namespace freshet::pipeline::testing {

/// What happens to one call that changes the world.
enum class Fate {
  kOk,
  kFailBefore,   // an error, nothing happened
  kFailAfter,    // an error, although it happened: a lost acknowledgement
  kHalf,         // an error, after half of the rows landed (writes; others as kFailAfter)
  kCrashBefore,  // the process is dead, nothing happened
  kCrashAfter,   // the process is dead, it happened
  kCrashHalf,
  kOvertaken,  // another process takes over and finishes, then the call goes on: a zombie
};

/// One process. All its calls go through act(), which numbers them.
struct Incarnation {
  std::function<Fate(int call, std::string_view what)> decide = [](int, std::string_view) {
    return Fate::kOk;
  };
  std::function<void()> overtake = [] {};
  int calls = 0;
  std::atomic<bool> dead = false;

  /// `effect(half)` changes the world.
  Result<void> act(std::string_view what, const std::function<Result<void>(bool half)>& effect) {
    if (dead) return fail(Errc::kCancelled, "the process is dead");
    const Fate fate = decide(++calls, what);
    switch (fate) {
      case Fate::kOk:
        return effect(false);
      case Fate::kFailBefore:
        return fail(Errc::kUnavailable, "{} failed", what);
      case Fate::kFailAfter:
      case Fate::kHalf:
        if (auto done = effect(fate == Fate::kHalf); !done) return done;
        return fail(Errc::kTimeout, "{}: acknowledgement lost", what);
      case Fate::kCrashBefore:
        dead = true;
        break;
      case Fate::kCrashAfter:
      case Fate::kCrashHalf:
        (void)effect(fate == Fate::kCrashHalf);
        dead = true;
        break;
      case Fate::kOvertaken:
        overtake();
        return effect(false);
    }
    return fail(Errc::kCancelled, "the process is dead");
  }
};

struct MemoryPartition {
  std::vector<std::string> batches;  // whole, with their base offsets
  std::vector<Offset> firsts;
  Offset start{0};
  Offset end{0};
};

struct MemoryTable {
  struct Row {
    TopicPartition tp;
    Offset offset;
    uint64_t id = 0;
  };
  std::vector<Row> rows;
  std::set<std::string> tokens;  // the deduplication window
  std::set<uint64_t> refused_ids;
  std::vector<sink::RangeWrite> replays;  // as they were asked for
  /// As a merge of a ReplacingMergeTree does: rows of one id, all but the last.
  void collapse() {
    std::set<uint64_t> seen;
    std::vector<Row> kept;
    for (auto it = rows.rbegin(); it != rows.rend(); ++it) {
      if (seen.insert(it->id).second) kept.push_back(*it);
    }
    rows.assign(kept.rbegin(), kept.rend());
  }
};

struct MemoryWorld {
  std::recursive_mutex mutex;
  std::map<TopicPartition, MemoryPartition> log;
  std::map<std::string, TopicId> topic_ids;
  std::map<std::string, int32_t> topics;  // partitions
  MemoryTable table;
  int32_t generation = 0;
  std::map<TopicPartition, std::pair<Offset, std::string>> committed;

  void create_topic(const std::string& name, int32_t partitions) {
    topics[name] = partitions;
    TopicId& id = topic_ids[name];
    id.bytes[0] = static_cast<uint8_t>(topic_ids.size());
    id.bytes[1] = static_cast<uint8_t>(name.size());
    for (int32_t p = 0; p < partitions; ++p) log[{name, p}] = {};
  }

  Offset append_batch(const TopicPartition& tp, std::string batch) {
    auto& partition = log.at(tp);
    const Offset base = partition.end;
    kafka::set_base_offset(batch.data(), base);
    partition.end = kafka::RecordBatchView(batch).next_offset();
    partition.firsts.push_back(base);
    partition.batches.push_back(std::move(batch));
    return base;
  }

  void append(const TopicPartition& tp, const std::vector<std::string>& values,
              int64_t timestamp_ms = 1) {
    kafka::RecordBatchBuilder builder;
    for (const auto& value : values) builder.append(timestamp_ms, std::nullopt, value);
    append_batch(tp, builder.build());
  }

  /// Retention: offsets below `start` are gone.
  void trim(const TopicPartition& tp, Offset start) {
    auto& partition = log.at(tp);
    partition.start = start;
    while (!partition.batches.empty() &&
           kafka::RecordBatchView(partition.batches.front()).next_offset() <= start) {
      partition.batches.erase(partition.batches.begin());
      partition.firsts.erase(partition.firsts.begin());
    }
  }
};

/// Joining takes the group over at once: whoever was in it before is fenced.
class MemoryConsumer final : public kafka::GroupConsumer {
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

/// Rows of one column, id UInt64. Knows which offsets it holds, and remembers tokens.
class MemorySink final : public RangeSink {
 public:
  MemorySink(MemoryWorld& world, Incarnation& self) : world_(world), self_(self) {
    const ColumnType type = parse_clickhouse_type("UInt64").value();
    columns_.push_back({.field = {"id", type},
                        .when_missing = sink::WhenMissing::kConstant,
                        .has_default = false,
                        .constant = Column(type)});
    columns_.back().constant.append_default();
    schema_ = std::make_shared<const Schema>(Schema{{"id", type}});
    proof_.by_provenance = true;
  }

  void set_proof(sink::Proof proof) { proof_ = std::move(proof); }
  [[nodiscard]] const std::vector<sink::SinkColumn>& columns() const override { return columns_; }
  [[nodiscard]] const std::shared_ptr<const Schema>& schema() const override { return schema_; }
  [[nodiscard]] const sink::Proof& proof() const override { return proof_; }
  [[nodiscard]] std::string display() const override { return "table memory"; }

  /// "offset:id," for every row.
  [[nodiscard]] sink::EncodedBlock encode(const TopicPartition&, const ColumnBatch& batch,
                                          std::span<const Offset> offsets) const override {
    sink::EncodedBlock block{.bytes = "", .rows = offsets.size()};
    const auto ids = batch.column(0).fixed<uint64_t>();
    for (size_t i = 0; i < offsets.size(); ++i) {
      block.bytes += fmt::format("{}:{},", offsets[i], ids[i]);
    }
    return block;
  }

  Result<void> write(const sink::RangeWrite& write, const sink::EncodedBlock& block) override {
    const std::lock_guard lock(world_.mutex);
    return self_.act("write", [&](bool half) { return land(write, rows_of(write, block), half); });
  }

  Result<sink::ReplayOutcome> replay(const sink::RangeWrite& write, const ColumnBatch& batch,
                                     std::span<const Offset> offsets) override {
    const std::lock_guard lock(world_.mutex);
    world_.table.replays.push_back(write);
    sink::ReplayOutcome outcome{.rows = offsets.size()};
    std::vector<MemoryTable::Row> missing;
    const auto ids = batch.column(0).fixed<uint64_t>();
    for (size_t i = 0; i < offsets.size(); ++i) {
      const bool there = std::ranges::any_of(world_.table.rows, [&](const auto& row) {
        return row.tp == write.tp && row.offset == offsets[i];
      });
      if (there) {
        ++outcome.present;
      } else {
        missing.push_back({write.tp, offsets[i], ids[i]});
      }
    }
    outcome.inserted = missing.size();
    if (missing.empty()) return outcome;
    outcome.whole_block_resent = outcome.present == 0;
    auto name = write;
    // Part of a range has a name of its own: the whole range's would be swallowed.
    if (!outcome.whole_block_resent || world_.table.tokens.contains(name.token)) {
      name.token += fmt::format("/missing from {} ({})", missing.front().offset, missing.size());
    }
    FRESHET_TRY(self_.act("replay", [&](bool half) { return land(name, missing, half); }));
    return outcome;
  }

  Result<sink::OffsetPresence> probe(const TopicPartition& tp, OffsetRange range) override {
    const std::lock_guard lock(world_.mutex);
    sink::OffsetPresence presence(range);
    for (const auto& row : world_.table.rows) {
      if (row.tp == tp) presence.add(row.offset);
    }
    return presence;
  }

  Result<std::vector<sink::RowVerdict>> account(const TopicPartition& tp, const ColumnBatch& batch,
                                                std::span<const Offset> offsets) override {
    const std::lock_guard lock(world_.mutex);
    std::vector<sink::RowVerdict> verdicts;
    const auto ids = batch.column(0).fixed<uint64_t>();
    for (size_t i = 0; i < offsets.size(); ++i) {
      auto verdict = sink::RowVerdict::kMissing;
      for (const auto& row : world_.table.rows) {
        if (row.id != ids[i]) continue;
        const bool itself = row.tp == tp && row.offset == offsets[i];
        if (verdict == sink::RowVerdict::kMissing) verdict = sink::RowVerdict::kReplaced;
        if (itself) verdict = sink::RowVerdict::kPresent;
      }
      verdicts.push_back(verdict);
    }
    return verdicts;
  }

  Result<std::vector<sink::OriginSummary>> origins() override {
    const std::lock_guard lock(world_.mutex);
    std::map<TopicPartition, sink::OriginSummary> by_tp;
    for (const auto& row : world_.table.rows) {
      auto [it, fresh] = by_tp.try_emplace(
          row.tp, sink::OriginSummary{.tp = row.tp, .first = row.offset, .last = row.offset});
      ++it->second.rows;
      it->second.first = std::min(it->second.first, row.offset);
      it->second.last = std::max(it->second.last, row.offset);
    }
    std::vector<sink::OriginSummary> all;
    for (auto& [tp, summary] : by_tp) all.push_back(summary);
    return all;
  }

  [[nodiscard]] WriteFailure classify(const Error& error) const override {
    if (error.code() == Errc::kInvalidArgument) return WriteFailure::kRefused;
    return is_retriable(error.code()) || error.code() == Errc::kCancelled ? WriteFailure::kRetriable
                                                                          : WriteFailure::kFatal;
  }

 private:
  static std::vector<MemoryTable::Row> rows_of(const sink::RangeWrite& write,
                                               const sink::EncodedBlock& block) {
    std::vector<MemoryTable::Row> rows;
    for (size_t at = 0; at < block.bytes.size();) {
      char* end = nullptr;
      const int64_t offset = std::strtoll(block.bytes.c_str() + at, &end, 10);
      const uint64_t id = std::strtoull(end + 1, &end, 10);
      rows.push_back({write.tp, Offset(offset), id});
      at = static_cast<size_t>(end - block.bytes.c_str()) + 1;
    }
    return rows;
  }

  Result<void> land(const sink::RangeWrite& write, const std::vector<MemoryTable::Row>& rows,
                    bool half) {
    for (const auto& row : rows) {
      if (world_.table.refused_ids.contains(row.id)) {
        return fail(Errc::kInvalidArgument, "constraint: id {} is refused", row.id);
      }
    }
    if (world_.table.tokens.contains(write.token)) return {};
    const size_t count = half ? rows.size() / 2 : rows.size();
    world_.table.rows.insert(world_.table.rows.end(), rows.begin(),
                             rows.begin() + static_cast<std::ptrdiff_t>(count));
    if (!half) world_.table.tokens.insert(write.token);
    return {};
  }

  MemoryWorld& world_;
  Incarnation& self_;
  std::vector<sink::SinkColumn> columns_;
  std::shared_ptr<const Schema> schema_;
  sink::Proof proof_;
};

}  // namespace freshet::pipeline::testing
