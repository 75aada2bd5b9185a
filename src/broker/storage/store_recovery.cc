#include "broker/storage/store_recovery.h"

#include <algorithm>
#include <map>

#include "base/crash_point.h"
#include "broker/storage/partition_recovery.h"
#include "broker/storage/wal_replay.h"
#include "observe/log.h"

namespace freshet::broker {
namespace {

const Logger logger("broker.storage");

constexpr size_t kRecoveryPointBytesMax = size_t{1} << 30;
constexpr size_t kMetadataBytesMax = 4096;
constexpr std::string_view kDeletedSuffix = "-delete";

class StoreRecovery {
 public:
  StoreRecovery(Disk& disk, WalFiles& wal, const StoreRecoveryInput& input)
      : disk_(disk), wal_(wal), input_(input) {}

  Result<RecoveredStore> run() {
    FRESHET_TRY(load_point());
    FRESHET_ASSIGN(const auto found, wal_.scan());
    std::optional<WalReplay> replay;
    if (!store_.point.clean_shutdown) {
      FRESHET_ASSIGN(replay, WalReplay::open(found, store_.point.wal_sequence));
      survey_ = replay->survey();
    }
    FRESHET_TRY(open_partitions());
    std::set<std::filesystem::path> in_use;
    if (replay) {
      FRESHET_TRY(create_missing());
      FRESHET_TRY(
          replay->replay([this](const PartitionKey& key) { return find(key); }, input_.now_ms));
      store_.wal_end = replay->end();
      in_use = replay->files_in_use();
    }
    for (const auto& file : found) {
      if (in_use.contains(file.path)) {
        // After a SIGKILL the last group may be in the page cache only.
        FRESHET_ASSIGN(const auto opened, disk_.open(file.path, io::OpenMode::kReadWrite));
        FRESHET_TRY(opened->sync());
      }
      FRESHET_TRY(wal_.adopt(file, in_use.contains(file.path)));
    }
    report_missing();
    for (auto& [key, partition] : partitions_) store_.partitions.push_back(std::move(partition));
    return std::move(store_);
  }

 private:
  Result<void> load_point() {
    const auto path = input_.directory / RecoveryPoint::kFileName;
    auto bytes = io::read_file(path, kRecoveryPointBytesMax);
    if (!bytes) {
      if (bytes.error().code() == Errc::kNotFound) return {};
      return std::unexpected(std::move(bytes).error());
    }
    auto point = RecoveryPoint::decode(*bytes);
    if (!point) {
      logger.error("recovery point is not usable; every segment is read instead",
                   kv("file", path.native()), kv("error", point.error()));
      return {};
    }
    store_.point = std::move(*point);
    have_point_ = true;
    for (const auto& partition : store_.point.partitions) points_[partition.tp] = &partition;
    return {};
  }

  Result<void> open_partitions() {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(input_.directory, error)) {
      const auto name = entry.path().filename().native();
      if (name.ends_with(kDeletedSuffix)) {
        FRESHET_TRY(disk_.remove(entry.path()));
        continue;
      }
      const auto tp = parse_partition_directory_name(name);
      if (!tp) continue;
      FRESHET_TRY_CONTEXT(open_partition(*tp, entry.path()), "partition {}", *tp);
    }
    if (error) {
      return std::unexpected(
          errno_error(fmt::format("list {}", input_.directory.native()), error.value()));
    }
    return {};
  }

  Result<void> open_partition(const TopicPartition& tp, const std::filesystem::path& directory) {
    const auto known = points_.find(tp);
    const PartitionPoint* point = known == points_.end() ? nullptr : known->second;
    TopicId id;
    if (point != nullptr && !survey_.deleted.contains({point->topic_id, tp.partition})) {
      id = point->topic_id;
      FRESHET_TRY(mend_metadata(directory, id));
    } else {
      point = nullptr;
      const auto read = read_topic_id(directory);
      const bool in_wal = read ? survey_.created.contains({*read, tp.partition}) : was_created(tp);
      if (!in_wal && (have_point_ || !read) && !holds_records(directory)) {
        // Made for a creation that was cut off before it was durable.
        return disk_.remove(directory);
      }
      if (!read && in_wal) {
        // A power cut has kept the directory but not its content, which is all in the write-ahead
        // log: create_missing() begins again.
        return disk_.remove(directory);
      }
      if (!read) {
        logger.error("directory belongs to no known topic and is left alone",
                     kv("directory", directory.native()));
        return {};
      }
      id = *read;
    }
    if (survey_.deleted.contains({id, tp.partition})) return disk_.remove(directory);
    const auto moved = survey_.log_starts.find({id, tp.partition});
    const PartitionRecoveryInput input{
        .tp = tp,
        .topic_id = id,
        .directory = directory,
        .point = point,
        .log_start = moved == survey_.log_starts.end() ? Offset(0) : moved->second,
        .tail_in_wal = survey_.created.contains({id, tp.partition}),
        .config = input_.default_config,
        .now_ms = input_.now_ms};
    FRESHET_ASSIGN(auto partition, recover_partition(disk_, input));
    partitions_[{id, tp.partition}] = std::move(partition);
    if (have_point_ && !store_.point.clean_shutdown) crash_point("mid_recovery");
    return {};
  }

  /// A power cut may have kept the directory of a new partition and the recovery point that names
  /// it, but not the file; checkpoints sync that file, and without a point it alone tells the
  /// topic.
  Result<void> mend_metadata(const std::filesystem::path& directory, const TopicId& id) {
    if (store_.point.clean_shutdown || read_topic_id(directory) == id) return {};
    return disk_.replace_file(directory / "partition.metadata", partition_metadata_text(id));
  }

  static std::optional<TopicId> read_topic_id(const std::filesystem::path& directory) {
    const auto text = io::read_file(directory / "partition.metadata", kMetadataBytesMax);
    if (!text) return std::nullopt;
    const auto id = parse_partition_metadata(*text);
    return id ? std::optional(*id) : std::nullopt;
  }

  [[nodiscard]] bool was_created(const TopicPartition& tp) const {
    return std::ranges::any_of(survey_.created, [&tp](const auto& entry) {
      return entry.second == tp.topic && entry.first.second == tp.partition;
    });
  }

  static bool holds_records(const std::filesystem::path& directory) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
      if (entry.path().extension() == ".log" && entry.file_size(error) > 0) return true;
    }
    return static_cast<bool>(error);
  }

  Result<void> create_missing() {
    for (const auto& [key, topic] : survey_.created) {
      if (survey_.deleted.contains(key) || partitions_.contains(key)) continue;
      const TopicPartition tp{.topic = topic, .partition = key.second};
      const auto directory = input_.directory / partition_directory_name(tp);
      if (std::filesystem::exists(directory)) continue;
      FRESHET_TRY(disk_.make_directory(directory));
      FRESHET_TRY(
          disk_.replace_file(directory / "partition.metadata", partition_metadata_text(key.first)));
      FRESHET_TRY_CONTEXT(open_partition(tp, directory), "partition {}", tp);
    }
    return {};
  }

  PartitionState* find(const PartitionKey& key) {
    const auto found = partitions_.find(key);
    return found == partitions_.end() ? nullptr : found->second.get();
  }

  void report_missing() {
    std::erase_if(store_.point.partitions, [this](const PartitionPoint& point) {
      const PartitionKey key{point.topic_id, point.tp.partition};
      if (partitions_.contains(key)) return false;
      if (!survey_.deleted.contains(key)) {
        logger.error("directory of a partition is missing; its records are lost",
                     kv("partition", point.tp), kv("next_offset", point.offset));
      }
      return true;
    });
  }

  Disk& disk_;
  WalFiles& wal_;
  const StoreRecoveryInput& input_;
  RecoveredStore store_;
  bool have_point_ = false;
  std::map<TopicPartition, const PartitionPoint*> points_;
  WalReplay::Survey survey_;
  std::map<PartitionKey, std::unique_ptr<PartitionState>> partitions_;
};

}  // namespace

Result<RecoveredStore> recover_store(Disk& disk, WalFiles& wal, const StoreRecoveryInput& input) {
  return StoreRecovery(disk, wal, input).run();
}

}  // namespace freshet::broker
