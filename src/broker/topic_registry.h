// Which topics there are: names, ids, partitions and configs, durable in the __freshet_meta log.
//
// The meta log is the truth; partitions in the log store that it does not name are leftovers of a
// creation or deletion that a crash cut short, and are deleted at the next start. A topic is
// created partitions first, record second, and deleted record first, partitions second.
//
// Threads: any. Changes are asynchronous and durable before their callback, which runs on the
// commit thread of the log or on the calling thread. A name that is being created or deleted is
// taken until that has ended.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "broker/broker.h"
#include "broker/storage/keyed_log.h"
#include "broker/storage/log_store.h"
#include "broker/topic_config.h"
#include "model/topic_id.h"

namespace freshet::broker {

inline constexpr std::string_view kMetaTopic = "__freshet_meta";
inline constexpr std::string_view kOffsetsTopic = "__consumer_offsets";

/// Immutable; a changed topic is a new object.
struct Topic {
  std::string name;
  TopicId id;
  std::vector<PartitionLogPtr> partitions;
  TopicConfigMap configs;
  TopicSettings settings;
  bool internal = false;  // clients may read it, not write it

  [[nodiscard]] PartitionLogPtr partition(int32_t index) const {
    const auto i = static_cast<size_t>(index);
    return index >= 0 && i < partitions.size() ? partitions[i] : nullptr;
  }
};
using TopicPtr = std::shared_ptr<const Topic>;

/// Letters, digits, '.', '_' and '-', at most 249 of them, not "." or "..".
Result<void> check_topic_name(std::string_view name);

struct TopicLimits {
  int32_t default_partitions = 1;
  bool clamp_replication_factor = true;
  size_t topics_max = 20'000;
  size_t partitions_max = 100'000;
};

class TopicRegistry {
 public:
  using CreateDone = std::move_only_function<void(Result<TopicPtr>)>;
  using DeleteDone = std::move_only_function<void(Result<void>)>;

  /// Reads the meta log and opens what it names. `store` and `meta` outlive the registry.
  static Result<std::unique_ptr<TopicRegistry>> open(LogStore& store, KeyedLog& meta,
                                                     TopicLimits limits);

  [[nodiscard]] TopicPtr find(std::string_view name) const;
  [[nodiscard]] TopicPtr find(const TopicId& id) const;
  /// In order of name.
  [[nodiscard]] std::vector<TopicPtr> list() const;
  [[nodiscard]] const std::string& cluster_id() const { return cluster_id_; }

  /// Looks at the spec as create() does, and changes nothing.
  Result<void> check(const TopicSpec& spec) const;
  /// kAlreadyExists, kInvalidArgument, kUnsupported (a config), kTooLarge (limits), storage errors.
  void create(TopicSpec spec, CreateDone done);
  /// The existing topic if there is one, also when somebody else is creating it just now.
  void ensure(TopicSpec spec, CreateDone done);
  void remove(const std::string& name, DeleteDone done);

  /// Internal topics of the broker, made before the registry lists them.
  static Result<PartitionLogPtr> ensure_internal(LogStore& store, std::string_view name);

 private:
  TopicRegistry(LogStore& store, KeyedLog& meta, TopicLimits limits);
  Result<void> load();
  Result<void> load_topic(std::string_view name, std::string_view record, std::set<TopicId>& known);
  Result<void> delete_leftovers(const std::set<TopicId>& known);
  void created(const std::shared_ptr<Topic>& topic, CreateDone done,
               Result<std::vector<PartitionLogPtr>> partitions);
  void publish(const TopicPtr& topic);
  void finish(const std::string& name, const Result<TopicPtr>& outcome, CreateDone done);

  LogStore& store_;
  KeyedLog& meta_;
  const TopicLimits limits_;
  std::string cluster_id_;

  struct NameHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  struct IdHash {
    size_t operator()(const TopicId& id) const {
      return std::hash<std::string_view>()(
          {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
    }
  };
  mutable std::shared_mutex mutex_;
  // Guarded by mutex_.
  std::unordered_map<std::string, TopicPtr, NameHash, std::equal_to<>> topics_;
  std::unordered_map<TopicId, TopicPtr, IdHash> by_id_;
  size_t partition_count_ = 0;
  std::map<std::string, std::vector<CreateDone>> creating_;  // with those who wait for the same
  std::set<std::string> deleting_;
};

}  // namespace freshet::broker
