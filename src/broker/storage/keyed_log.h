// A small durable map on a partition of the log store: the state log of groups, topics, ids.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "broker/storage/partition_log.h"

namespace freshet::broker {

struct KeyedChange {
  std::string key;
  std::optional<std::string> value;  // nullopt: erase, written as a tombstone
};

/// Keeps key -> value durable as ordinary Kafka records (value null = erased), so any Kafka tool
/// can read the partition. The live map is also held in memory.
///
/// Size is bounded: when the active segment is full the whole map is written once more into a new
/// segment, and the older segments are deleted after that snapshot is durable. Any thread may call
/// any method.
class KeyedLog {
 public:
  using WriteDone = std::move_only_function<void(Result<void>)>;
  using Visitor = std::function<void(std::string_view key, std::string_view value)>;

  struct Options {
    uint64_t segment_bytes = uint64_t{16} << 20;
  };

  /// Reads the partition from its start and builds the map. `partition` must outlive this object
  /// and have no other writer.
  static Result<std::unique_ptr<KeyedLog>> open(PartitionLogPtr partition, Options options);
  static Result<std::unique_ptr<KeyedLog>> open(PartitionLogPtr partition) {
    return open(std::move(partition), Options{});
  }
  /// Waits for writes that are on their way.
  ~KeyedLog();

  /// Writes all changes as one batch, all or none, durable before `done` (on the commit thread).
  /// get() and visit() see them from then on.
  void write(std::vector<KeyedChange> changes, WriteDone done);
  /// What write() would append, for LogStore::append_together(): hand `append` over on this thread,
  /// then let `entered` go. nullopt while the log is rolled: come again with when_rolled().
  struct Staged {
    PartitionAppend append;
    std::shared_ptr<const void> entered;
  };
  std::optional<Staged> stage(std::vector<KeyedChange> changes, WriteDone done);
  /// Calls `ready` once stage() need not be refused; at once when it need not now.
  void when_rolled(std::move_only_function<void()> ready);
  /// As above; blocks.
  Result<void> write(std::vector<KeyedChange> changes);

  [[nodiscard]] std::optional<std::string> get(std::string_view key) const;
  [[nodiscard]] size_t size() const;
  /// Every live pair once, in no order; keep `visit` brief, writes wait meanwhile.
  void visit(const Visitor& visit) const;

 private:
  struct State;
  explicit KeyedLog(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace freshet::broker
