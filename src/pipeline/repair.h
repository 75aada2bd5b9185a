// `repair`: mends what `verify` finds, and verifies again.
//
//   found                     done
//   record without row        put back from the log, through row_mender.h, so that a repair that is
//                             killed and run again lands it once; if it does not fit, its letter is
//                             written
//   more rows than one        all but one are deleted by their place in the table; views and their
//                             targets do not see it
//   row and dead letter       a mark says that the letter's record is in the table
//   row without record        left alone: compaction, or an older topic; nobody can know
//   deleted by retention      reported by verify, never guessed
//
// Targets of materialized views hold no origins: rows that are put back go through the views as any
// insert, rows that are deleted do not leave the targets. The report says so.
//
// Thread: blocks; one replay or repair of a pipeline at a time. May run while the pipeline runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "pipeline/verify.h"

namespace freshet::pipeline {

/// What is to be done, or was done, in one partition.
struct PartitionRepair {
  TopicPartition tp;
  OffsetFindings put_back;
  OffsetFindings deleted;   // offsets whose further rows are deleted
  OffsetFindings accepted;  // rows that stand although a letter says that they were rejected
  OffsetFindings left;      // rows without a record

  [[nodiscard]] bool nothing() const {
    return put_back.count + deleted.count + accepted.count == 0;
  }
};

struct RepairReport {
  bool dry_run = false;
  PipelineVerdict before;
  std::vector<PartitionRepair> partitions;  // those with anything in them
  uint64_t finished = 0;                    // rows of repairs that had died half-way
  uint64_t rows_deleted = 0;
  uint64_t letters_written = 0;  // records to be put back that do not fit
  bool has_views = false;
  std::optional<PipelineVerdict> after;  // none for a dry run

  /// Nothing is wrong now, or, for a dry run, nothing was.
  [[nodiscard]] bool exact() const { return after ? after->exact() : before.exact(); }
};

/// {"pipeline","dry_run","before":{verdict},"repairs":[{"topic","partition","put_back","deleted",
/// "accepted","left", and "…_ranges" of each}],"finished","rows_deleted","letters_written",
/// "after":{verdict} or null,"exact"}. One line.
[[nodiscard]] std::string to_json(const RepairReport& report);

/// For people: one line per kind and partition.
[[nodiscard]] std::vector<std::string> repair_text(const RepairReport& report);

Result<RepairReport> repair(const VerifyInput& input, bool dry_run, const Clock& clock);

}  // namespace freshet::pipeline
