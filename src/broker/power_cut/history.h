// What clients asked of a node and what it answered, with the place of both among the changes of
// the disk: a power cut after `cut` changes must leave what was answered by then, and may leave
// what was asked by then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/offset.h"
#include "model/topic_id.h"

namespace freshet::broker::power_cut {

/// Both in changes of the disk made so far.
struct Moment {
  size_t asked = SIZE_MAX;
  size_t answered = SIZE_MAX;
  [[nodiscard]] bool possible(size_t cut) const { return asked < cut; }
  [[nodiscard]] bool certain(size_t cut) const { return answered <= cut; }
};

struct SentBatch {
  size_t producer = 0;  // of History::producers
  size_t topic = 0;     // of History::topics
  int32_t partition = 0;
  int32_t first_sequence = 0;
  std::vector<std::string> keys;
  std::vector<std::string> values;  // each unique in the history
  std::optional<size_t> transaction;
  Moment moment;
  int64_t offset = -1;  // of the first record, if answered
  std::string bytes{};
};

struct Producer {
  int64_t id = -1;
  int16_t epoch = -1;
  std::string transactional_id;  // empty: only idempotent
  Moment made;
};

/// Of topic 0, partition 0; of the group "plain-<group>" when outside transactions.
struct SentCommit {
  int64_t offset = 0;
  Moment moment;
};

struct SentTransaction {
  size_t producer = 0;
  Moment begun;  // AddPartitionsToTxn
  std::vector<size_t> batches;
  std::vector<SentCommit> offsets;  // for the group of its transactional id; the last one counts
  bool commit = false;
  bool taken_over = false;  // ended by InitProducerId
  Moment end;               // not asked: it is open
};

struct TopicLife {
  std::string name;
  TopicId id;
  bool compacted = false;
  Moment created;
  Moment deleted;
  struct Size {
    int32_t partitions;
    Moment moment;
  };
  std::vector<Size> sizes;
  struct Setting {
    std::string value;  // of max.message.bytes
    Moment moment;
  };
  std::vector<Setting> settings;
};

struct LogStartMove {
  size_t topic = 0;
  int32_t partition = 0;
  int64_t reached = 0;
  bool promised = false;  // DeleteRecords; retention only may
  Moment moment;
};

inline constexpr size_t kGroups = 3;

struct History {
  std::vector<TopicLife> topics;
  std::vector<Producer> producers;
  std::vector<SentBatch> batches;
  std::vector<SentTransaction> transactions;
  std::vector<SentCommit> commits[kGroups];
  std::vector<LogStartMove> log_starts;
};

}  // namespace freshet::broker::power_cut
