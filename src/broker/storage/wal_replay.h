// Puts back what the write-ahead log holds and the segments do not.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "broker/storage/mapped_file.h"
#include "broker/storage/partition_state.h"
#include "broker/storage/wal_files.h"
#include "broker/storage/wal_reader.h"

namespace freshet::broker {

using PartitionKey = std::pair<TopicId, int32_t>;

/// Reads the files with entries from sequence `first` on, in order. Two walks: survey() learns
/// which partitions were created and deleted, which has to be known before directories are opened;
/// replay() applies.
class WalReplay {
 public:
  struct Survey {
    std::map<PartitionKey, std::string> created;  // -> topic
    std::set<PartitionKey> deleted;
    std::map<PartitionKey, Offset> log_starts;
  };
  using Find = std::function<PartitionState*(const PartitionKey&)>;

  /// Maps the files; `found` may hold older ones and ones without entries.
  static Result<WalReplay> open(const std::vector<WalFiles::Found>& found, uint64_t first);

  [[nodiscard]] Survey survey() const;
  /// Applies every entry that continues its partition. `find` gives nullptr for deleted ones.
  Result<void> replay(const Find& find, int64_t now_ms);
  /// Where the last file with entries ends, valid after replay().
  [[nodiscard]] std::optional<WalLink> end() const { return end_; }
  /// Paths of files whose entries may still be needed.
  [[nodiscard]] std::set<std::filesystem::path> files_in_use() const;

 private:
  struct File {
    std::filesystem::path path;
    std::shared_ptr<const MappedFile> mapping;
    uint64_t size = 0;
    WalReader reader;
  };
  Result<void> replay_file(const File& file, const std::optional<WalLink>& proper_end,
                           const Find& find, int64_t now_ms);
  Result<bool> apply(const WalEntry& entry, const Find& find, int64_t now_ms);

  std::vector<File> files_;  // with entries, by sequence
  std::optional<WalLink> end_;
  std::set<PartitionKey> with_gap_;  // reported already
  uint64_t batches_applied_ = 0;
};

}  // namespace freshet::broker
