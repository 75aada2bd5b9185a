// A log, a group coordinator and a table in memory, for the crash model: what stands in a
// MemoryWorld survives the "processes" (Incarnation) that use it, through MemoryConsumer,
// MemoryProducer and MemorySink.
//
// The model decides every interleaving itself, on one thread; for tests of real threads each call
// holds MemoryWorld::mutex.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kafka/record_batch.h"
#include "kafka/record_batch_builder.h"
#include "model/offset.h"
#include "model/topic_id.h"
#include "pipeline/range_sink.h"

namespace freshet::pipeline::testing {

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
  /// A materialized view with a target of its own, which lands after the table: a half-landed write
  /// is then in the table and not in the target.
  bool has_view = false;
  std::vector<Row> view_rows;
  std::set<std::string> view_tokens;
  std::set<uint64_t> refused_by_view;
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

}  // namespace freshet::pipeline::testing
