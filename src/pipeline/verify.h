// Proves a pipeline by provenance, never by count(): for every offset that the group has confirmed,
// the record in the log is in the table exactly once, or was collapsed by the table's own key while
// the surviving row of that key is there, or stands in the dead-letter topic. A letter that was
// replayed counts as a record like any other. Everything else is named.
//
// May run while the pipeline runs: only [start, committed) is judged, read before the table is.
// `start` is the first offset the group ever read (commit metadata). Offsets that retention has
// deleted from the log cannot be compared and are reported as unjudged.
//
// Memory: bounded by the window (1 Mi offsets: bitmaps, and the records among them that are not in
// the table) and one bit per offset around dead letters; 100 M rows need about 40 MB.
// Thread: blocks; one call at a time per consumer is enough, several are allowed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/platform.h"
#include "kafka/group_consumer.h"
#include "kafka/record_producer.h"
#include "model/offset.h"
#include "pipeline/range_sink.h"

namespace freshet::pipeline {

/// Offsets of one kind: how many, and the first of them as ranges.
struct OffsetFindings {
  static constexpr size_t kRangesMax = 10;  // per partition
  uint64_t count = 0;
  std::vector<OffsetRange> ranges;
  /// In ascending order.
  void add(Offset offset);
};

struct PartitionVerdict {
  TopicPartition tp;
  OffsetRange judged{Offset(0), Offset(0)};  // meaningful if anything was judged
  bool any_judged = false;
  uint64_t records = 0;   // in the log, within `judged`
  uint64_t in_table = 0;  // of them, in the table (once or more)
  uint64_t replaced = 0;
  uint64_t rejected = 0;
  OffsetFindings missing;
  OffsetFindings doubled;         // more than once in the table, or in the table and rejected
  OffsetFindings foreign;         // rows whose offset holds no record in the log
  uint64_t replayed = 0;          // of in_table: were dead letters once
  uint64_t unjudged_deleted = 0;  // offsets below the log start: retention was faster
  uint64_t unconfirmed = 0;       // records from the committed offset on
};

struct PipelineVerdict {
  std::string pipeline;
  std::string topic;  // of several: comma-separated
  uint64_t records = 0;
  uint64_t in_table = 0;
  uint64_t replaced = 0;
  uint64_t rejected = 0;
  uint64_t replayed = 0;  // of in_table
  uint64_t missing = 0;
  uint64_t doubled = 0;
  uint64_t foreign = 0;
  uint64_t unjudged_deleted = 0;
  uint64_t unconfirmed = 0;
  std::vector<PartitionVerdict> partitions;

  /// records == in_table + replaced + rejected, and nothing missing, doubled or foreign.
  [[nodiscard]] bool exact() const {
    return missing == 0 && doubled == 0 && foreign == 0 &&
           records == in_table + replaced + rejected;
  }
};

/// interface.md §3: {"pipeline","topic","records","in_table","replaced","rejected","missing",
/// "doubled","foreign","exact"} and, after them, "unconfirmed", "unjudged_deleted", "replayed"
/// and "findings" (the first offsets of each kind). One line.
[[nodiscard]] std::string to_json(const PipelineVerdict& verdict);

/// For people: one line per kind and partition that is not exact, such as
/// "missing in events-3: 4711-4713, 4800 (4 offsets)"; and what was not judged, and why.
[[nodiscard]] std::vector<std::string> findings_text(const PipelineVerdict& verdict);

/// One offset that is not as it should be.
enum class Finding {
  kMissing,
  kDoubled,       // more than one row
  kRowAndLetter,  // a row, and a dead letter that no replay accounts for
  kForeign,
};

struct VerifyInput {
  config::PipelineSettings settings;
  std::string dead_letter_topic;
  kafka::GroupConsumer& consumer;   // of the pipeline's group; need not have joined it
  kafka::RecordProducer& producer;  // reads the dead-letter topic
  RangeSink& sink;
  /// Told of every one, in ascending order within each kind and partition.
  std::function<void(Finding, const TopicPartition&, Offset)> on_finding = {};
};

/// kUnsupported for a table without provenance columns: nothing can be proven there.
Result<PipelineVerdict> verify(const VerifyInput& input);

}  // namespace freshet::pipeline
