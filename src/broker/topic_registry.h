// Which topics there are: names, ids, partitions and configs, durable in the __freshet_meta log.
//
// The meta log is the truth; partitions in the log store that it does not name are leftovers of a
// creation or deletion that a crash cut short, and are deleted at the next start. A topic is
// created partitions first, record second, and deleted record first, partitions second.
//
// A topic gets more partitions in three durable steps: its record says how many there will be, the
// partitions are made, its record says how many there are. The next start completes what a crash
// cut short after the first step; readers and writers see the new partitions after the third.
//
// Changes of one topic that exists (its configs, more partitions, its deletion) take turns.
//
// Threads: any. Changes are asynchronous and durable before their callback, which runs on the
// commit thread of the log or on the calling thread. A name that is being created or deleted is
// taken until that has ended.
#pragma once

#include <cstdint>
#include <deque>
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
inline constexpr std::string_view kTransactionsTopic = "__transaction_state";

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

/// Defaults of topic configs, under the broker's names for them, and broker configs without effect.
struct BrokerConfigs {
  TopicConfigMap for_all;   // of every broker of the cluster: resource ""
  TopicConfigMap for_node;  // of this one; they win
};

struct TopicLimits {
  int32_t default_partitions = 1;
  bool clamp_replication_factor = true;
  size_t topics_max = 20'000;
  size_t partitions_max = 100'000;
};

class TopicRegistry {
 public:
  using CreateDone = std::move_only_function<void(Result<TopicPtr>)>;
  using ChangeDone = std::move_only_function<void(Result<void>)>;
  /// Gives what shall be set instead of what is; called once, at any time before the change is
  /// done, maybe on another thread.
  using ConfigEdit = std::move_only_function<Result<TopicConfigMap>(const TopicConfigMap&)>;
  using DeleteDone = ChangeDone;

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
  /// Replaces the configs that are set. In force at the next append or read when `done` is called.
  /// kNotFound, kRefused (the topic is the broker's), what `edit` and parse_topic_configs() say.
  void alter_configs(const std::string& name, ConfigEdit edit, bool validate_only, ChangeDone done);
  /// Adds partitions until there are `count`. kNotFound, kRefused (the topic is the broker's),
  /// kInvalidArgument (not more than there are), kTooLarge (limits), storage errors.
  void add_partitions(const std::string& name, int32_t count, bool validate_only, ChangeDone done);

  [[nodiscard]] std::shared_ptr<const BrokerConfigs> broker_configs() const;
  /// As alter_configs(), for what topics without a config of their own go by.
  void alter_broker_configs(bool for_node, ConfigEdit edit, bool validate_only, ChangeDone done);

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
  Result<void> load_broker_configs();
  Result<int32_t> complete_growth(const Topic& topic, int32_t from, int32_t to);
  /// `configs` over the broker's defaults.
  [[nodiscard]] Result<TopicSettings> settings_for(const TopicConfigMap& configs) const;
  [[nodiscard]] Result<TopicPtr> find_changeable(const std::string& name) const;
  Result<int32_t> check_growth(const std::string& name, int32_t count) const;
  void write_topic(const Topic& topic, int32_t partitions, int32_t planned,
                   KeyedLog::WriteDone done);
  void grow(const TopicPtr& topic, int32_t count, ChangeDone done);
  void grown(const TopicPtr& topic, std::vector<PartitionLogPtr> added, ChangeDone done);
  void remove_now(const std::string& name, DeleteDone done);
  void apply_broker_configs(std::shared_ptr<const BrokerConfigs> configs);
  /// Runs `turn` when no other change of `name` is on its way; leave() ends it.
  void enter(const std::string& name, std::move_only_function<void(Result<void>)> turn);
  void leave(const std::string& name);
  [[nodiscard]] ChangeDone leaving(std::string name, ChangeDone done);
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
  std::shared_ptr<const BrokerConfigs> broker_configs_ = std::make_shared<BrokerConfigs>();
  // Names with a change on its way, and who is next.
  std::map<std::string, std::deque<std::move_only_function<void(Result<void>)>>> busy_;
};

}  // namespace freshet::broker
