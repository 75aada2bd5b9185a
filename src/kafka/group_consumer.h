// How a pipeline reads, shares the work and commits: the one small interface between pipeline code
// and a Kafka-protocol log. Real users: broker/local_consumer.h (in process, batches straight from
// the log) and kafka/remote/remote_consumer.h (a Kafka that runs elsewhere). Pipeline code does not
// know which it has.
//
// Life: construct -> poll() ... -> leave(). poll() is called from one thread, regularly (it is the
// heartbeat); fetch(), bounds() and commit() from any thread.
//
// Ownership: poll() returns Assigned for partitions this member now owns, with what the group last
// committed for them. It returns Revoked before they are taken away: the caller finishes or
// abandons work on them, commits what it wants to commit, and calls poll() again, which completes
// the hand-over. Lost means another member already owns them; nothing may be committed for them any
// more.
//
// Fencing: commit() is refused with Errc::kFenced when this member's generation is no longer the
// group's. Whoever is fenced must not start any write.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/offset.h"
#include "model/topic_id.h"

namespace freshet::kafka {

struct AssignedPartition {
  TopicPartition tp;
  TopicId topic_id;
  Offset committed = kNoOffset;  // kNoOffset: the group has never committed here
  std::string metadata;          // of that commit
};

struct Assigned {
  std::vector<AssignedPartition> partitions;
};
struct Revoked {
  std::vector<TopicPartition> partitions;
};
struct Lost {
  std::vector<TopicPartition> partitions;
};
using GroupEvent = std::variant<std::monostate, Assigned, Revoked, Lost>;

/// Whole record batches (v2) as they lie in the log. `bytes` stays valid as long as `owner` lives.
struct LogSlice {
  std::shared_ptr<const void> owner;
  std::string_view bytes;  // one or more complete batches, back to back, in offset order
  friend bool operator==(const LogSlice& a, const LogSlice& b) { return a.bytes == b.bytes; }
};

struct FetchedBatches {
  std::vector<LogSlice> slices;  // the first batch may begin before the offset asked for
  Offset log_start;
  Offset high_watermark;  // one past the last readable offset
  [[nodiscard]] size_t byte_size() const {
    size_t sum = 0;
    for (const auto& slice : slices) sum += slice.bytes.size();
    return sum;
  }
};

struct PartitionBounds {
  Offset log_start;
  Offset high_watermark;
};

struct OffsetCommit {
  TopicPartition tp;
  Offset offset;         // first offset not yet done
  std::string metadata;  // <= 4096 bytes
};

class GroupConsumer {
 public:
  virtual ~GroupConsumer() = default;

  /// Waits up to `wait` for a change of ownership; monostate if there was none. Joins the group at
  /// the first call and rejoins when the coordinator asks for it.
  virtual Result<GroupEvent> poll(std::chrono::milliseconds wait) = 0;

  /// Batches from the one that holds `from` on, about `bytes_max` in all but at least one batch if
  /// any is there. Waits up to `wait` for the first. Empty slices: nothing new.
  /// kOutOfRange if `from` is below the log start or above the high watermark.
  virtual Result<FetchedBatches> fetch(const TopicPartition& tp, Offset from, size_t bytes_max,
                                       std::chrono::milliseconds wait) = 0;

  virtual Result<PartitionBounds> bounds(const TopicPartition& tp) = 0;

  /// When the first of the readable records from `from` on came to the log. It may have waited for
  /// the disk since then. nullopt: not known, as of a log that runs elsewhere. Never later than
  /// that records can be read, by the clock of this process; never blocks.
  [[nodiscard]] virtual std::optional<SteadyTime> arrived_since(const TopicPartition& /*tp*/,
                                                                Offset /*from*/) {
    return std::nullopt;
  }

  /// The first record whose time is `since_epoch` or later; the high watermark if there is none.
  virtual Result<Offset> offset_at(const TopicPartition& tp,
                                   std::chrono::milliseconds since_epoch) = 0;

  /// Commits all or none of `commits`; durable when it returns. kFenced: see above.
  virtual Result<void> commit(std::span<const OffsetCommit> commits) = 0;

  /// What the group last committed, by whomever.
  virtual Result<std::vector<AssignedPartition>> committed(std::span<const TopicPartition> tps) = 0;

  /// Gives all partitions back at once, so that others need not wait for a session time-out.
  virtual Result<void> leave() = 0;

  /// For messages and `pipeline describe`.
  [[nodiscard]] virtual std::string group() const = 0;
  [[nodiscard]] virtual std::string member_id() const = 0;
  [[nodiscard]] virtual int32_t generation() const = 0;
};

}  // namespace freshet::kafka
