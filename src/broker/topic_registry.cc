#include "broker/topic_registry.h"

#include <algorithm>
#include <utility>

#include "broker/byte_fields.h"
#include "observe/log.h"

namespace freshet::broker {

namespace {

const Logger logger("broker.topics");

constexpr std::string_view kTopicKeyPrefix = "topic/";
constexpr std::string_view kClusterIdKey = "cluster_id";
constexpr int16_t kTopicRecordVersion = 1;
constexpr size_t kTopicNameMax = 249;

// i16 version = 1, 16 bytes id, i32 partitions, i32 configs, then name and value of each
std::string encode_topic(const Topic& topic, int32_t partitions) {
  FieldWriter out;
  out.put(kTopicRecordVersion)
      .put_raw({reinterpret_cast<const char*>(topic.id.bytes.data()), topic.id.bytes.size()})
      .put(partitions)
      .put(static_cast<int32_t>(topic.configs.size()));
  for (const auto& [name, value] : topic.configs) out.put_string(name).put_string(value);
  return out.take();
}

struct TopicRecord {
  TopicId id;
  int32_t partitions = 0;
  TopicConfigMap configs;
};

Result<TopicRecord> decode_topic(std::string_view bytes) {
  FieldReader in(bytes);
  if (const auto version = in.get<int16_t>(); version != kTopicRecordVersion) {
    return fail(Errc::kCorrupt, "topic record has version {}, expected {}", version,
                kTopicRecordVersion);
  }
  TopicRecord record;
  const std::string_view id = in.get_raw(record.id.bytes.size());
  std::ranges::copy(id, record.id.bytes.begin());
  record.partitions = in.get<int32_t>();
  for (auto left = in.get<int32_t>(); left > 0 && in.ok(); --left) {
    std::string name = in.get_string();
    record.configs.insert_or_assign(std::move(name), in.get_string());
  }
  if (!in.ok()) return fail(Errc::kCorrupt, "topic record of {} bytes ends early", bytes.size());
  return record;
}

std::vector<PartitionSpec> partition_specs(const Topic& topic, int32_t count) {
  std::vector<PartitionSpec> specs;
  specs.reserve(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) {
    specs.push_back({{topic.name, i}, topic.id, topic.settings.partition});
  }
  return specs;
}

bool is_internal(std::string_view name) { return name == kMetaTopic || name == kOffsetsTopic; }

}  // namespace

Result<void> check_topic_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (name.empty()) return fail(Errc::kInvalidArgument, "a topic name may not be empty");
  if (name.size() > kTopicNameMax) {
    return fail(Errc::kInvalidArgument, "a topic name has at most {} characters, this one {}",
                kTopicNameMax, name.size());
  }
  if (name == "." || name == "..") {
    return fail(Errc::kInvalidArgument, "a topic may not be called \"{}\"", name);
  }
  if (!std::ranges::all_of(name, allowed)) {
    return fail(Errc::kInvalidArgument,
                "a topic name has letters, digits, '.', '_' and '-' only, and this one others");
  }
  return {};
}

Result<PartitionLogPtr> TopicRegistry::ensure_internal(LogStore& store, std::string_view name) {
  const TopicPartition tp{std::string(name), 0};
  if (PartitionLogPtr found = store.find(tp)) return found;
  std::vector<PartitionSpec> specs;
  specs.push_back({tp, TopicId::random(), PartitionConfig{}});
  FRESHET_ASSIGN(auto made, store.create_partitions(std::move(specs)));
  return made.front();
}

TopicRegistry::TopicRegistry(LogStore& store, KeyedLog& meta, TopicLimits limits)
    : store_(store), meta_(meta), limits_(limits) {}

Result<std::unique_ptr<TopicRegistry>> TopicRegistry::open(LogStore& store, KeyedLog& meta,
                                                           TopicLimits limits) {
  std::unique_ptr<TopicRegistry> registry(new TopicRegistry(store, meta, limits));
  FRESHET_TRY_CONTEXT(registry->load(), "topic registry");
  return registry;
}

Result<void> TopicRegistry::load() {
  if (auto id = meta_.get(kClusterIdKey)) {
    cluster_id_ = std::move(*id);
  } else {
    cluster_id_ = TopicId::random().to_string();
    std::vector<KeyedChange> changes;
    changes.push_back({std::string(kClusterIdKey), cluster_id_});
    FRESHET_TRY(meta_.write(std::move(changes)));
  }
  std::map<std::string, std::string> records;
  meta_.visit([&](std::string_view key, std::string_view value) {
    if (!key.starts_with(kTopicKeyPrefix)) return;
    records.emplace(key.substr(kTopicKeyPrefix.size()), value);
  });
  std::set<TopicId> known;
  for (const auto& [name, record] : records) {
    FRESHET_TRY_CONTEXT(load_topic(name, record, known), "topic {}", name);
  }
  FRESHET_TRY(delete_leftovers(known));
  if (PartitionLogPtr offsets = store_.find({std::string(kOffsetsTopic), 0})) {
    auto topic = std::make_shared<Topic>();
    topic->name = kOffsetsTopic;
    topic->id = offsets->topic_id();
    topic->partitions.push_back(std::move(offsets));
    topic->internal = true;
    topic->configs["cleanup.policy"] = "compact";
    publish(topic);
  }
  return {};
}

Result<void> TopicRegistry::load_topic(std::string_view name, std::string_view bytes,
                                       std::set<TopicId>& known) {
  FRESHET_ASSIGN(TopicRecord record, decode_topic(bytes));
  auto topic = std::make_shared<Topic>();
  topic->name = name;
  topic->id = record.id;
  topic->configs = std::move(record.configs);
  FRESHET_ASSIGN(topic->settings, parse_topic_configs(topic->configs));
  known.insert(topic->id);
  for (int32_t i = 0; i < record.partitions; ++i) {
    PartitionLogPtr partition = store_.find({topic->name, i});
    if (!partition || partition->topic_id() != topic->id) {
      return fail(Errc::kCorrupt,
                  "partition {} is not in the log directory; restore the directory from a backup, "
                  "or delete the topic's remains to start anew",
                  i);
    }
    partition->set_config(topic->settings.partition);
    topic->partitions.push_back(std::move(partition));
  }
  publish(topic);
  return {};
}

Result<void> TopicRegistry::delete_leftovers(const std::set<TopicId>& known) {
  std::vector<TopicPartition> leftovers;
  for (const PartitionLogPtr& partition : store_.partitions()) {
    if (is_internal(partition->tp().topic) || known.contains(partition->topic_id())) continue;
    logger.info("a topic whose creation or deletion was interrupted is removed",
                kv("partition", partition->tp()));
    leftovers.push_back(partition->tp());
  }
  if (leftovers.empty()) return {};
  return store_.delete_partitions(std::move(leftovers));
}

// ---- looking

TopicPtr TopicRegistry::find(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto it = topics_.find(name);
  return it == topics_.end() ? nullptr : it->second;
}

TopicPtr TopicRegistry::find(const TopicId& id) const {
  const std::shared_lock lock(mutex_);
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : it->second;
}

std::vector<TopicPtr> TopicRegistry::list() const {
  std::vector<TopicPtr> all;
  {
    const std::shared_lock lock(mutex_);
    all.reserve(topics_.size());
    for (const auto& [name, topic] : topics_) all.push_back(topic);
  }
  std::ranges::sort(all, {},
                    [](const TopicPtr& topic) -> const std::string& { return topic->name; });
  return all;
}

void TopicRegistry::publish(const TopicPtr& topic) {
  const std::unique_lock lock(mutex_);
  topics_.insert_or_assign(topic->name, topic);
  by_id_.insert_or_assign(topic->id, topic);
  partition_count_ += topic->partitions.size();
}

// ---- changing

Result<void> TopicRegistry::check(const TopicSpec& spec) const {
  FRESHET_TRY(check_topic_name(spec.name));
  if (is_internal(spec.name)) {
    return fail(Errc::kAlreadyExists, "topic {} belongs to the broker", spec.name);
  }
  const int32_t partitions = spec.partitions == -1 ? limits_.default_partitions : spec.partitions;
  if (partitions < 1) {
    return fail(Errc::kInvalidArgument, "topic {}: {} partitions, expected at least 1", spec.name,
                partitions);
  }
  if (spec.replication_factor != -1 && spec.replication_factor < 1) {
    return fail(Errc::kInvalidArgument, "topic {}: replication factor {}, expected 1", spec.name,
                spec.replication_factor);
  }
  if (spec.replication_factor > 1 && !limits_.clamp_replication_factor) {
    return fail(Errc::kRefused, "topic {}: replication factor {}, but there is one broker",
                spec.name, spec.replication_factor);
  }
  FRESHET_TRY_CONTEXT(parse_topic_configs(spec.configs), "topic {}", spec.name);
  const std::shared_lock lock(mutex_);
  if (topics_.contains(spec.name) || creating_.contains(spec.name) ||
      deleting_.contains(spec.name)) {
    return fail(Errc::kAlreadyExists, "topic {} already exists", spec.name);
  }
  if (topics_.size() + creating_.size() >= limits_.topics_max ||
      partition_count_ + static_cast<size_t>(partitions) > limits_.partitions_max) {
    return fail(Errc::kTooLarge,
                "topic {} with {} partitions would pass the limit of {} topics or {} partitions",
                spec.name, partitions, limits_.topics_max, limits_.partitions_max);
  }
  return {};
}

void TopicRegistry::create(TopicSpec spec, CreateDone done) {
  if (auto checked = check(spec); !checked) {
    if (checked.error().code() == Errc::kTooLarge) {
      logger.warn("a topic was refused", kv("error", checked.error()));
    }
    return done(std::unexpected(std::move(checked).error()));
  }
  bool taken = false;
  {
    const std::unique_lock lock(mutex_);
    taken = topics_.contains(spec.name) || deleting_.contains(spec.name) ||
            !creating_.try_emplace(spec.name).second;
  }
  if (taken) return done(fail(Errc::kAlreadyExists, "topic {} already exists", spec.name));

  auto topic = std::make_shared<Topic>();
  topic->name = std::move(spec.name);
  topic->id = TopicId::random();
  topic->configs = std::move(spec.configs);
  topic->settings = *parse_topic_configs(topic->configs);
  const int32_t count = spec.partitions == -1 ? limits_.default_partitions : spec.partitions;
  store_.create_partitions(
      partition_specs(*topic, count),
      [this, topic, done = std::move(done)](Result<std::vector<PartitionLogPtr>> made) mutable {
        created(topic, std::move(done), std::move(made));
      });
}

void TopicRegistry::created(const std::shared_ptr<Topic>& topic, CreateDone done,
                            Result<std::vector<PartitionLogPtr>> partitions) {
  if (!partitions) {
    return finish(
        topic->name,
        std::unexpected(
            std::move(partitions).error().with_context(fmt::format("topic {}", topic->name))),
        std::move(done));
  }
  topic->partitions = std::move(*partitions);
  std::vector<KeyedChange> changes;
  changes.push_back({std::string(kTopicKeyPrefix) + topic->name,
                     encode_topic(*topic, static_cast<int32_t>(topic->partitions.size()))});
  meta_.write(
      std::move(changes), [this, topic, done = std::move(done)](Result<void> written) mutable {
        if (!written) {
          // Its partitions are leftovers now; the next start deletes them.
          return finish(topic->name, std::unexpected(std::move(written).error()), std::move(done));
        }
        publish(topic);
        logger.info("topic created", kv("topic", topic->name),
                    kv("partitions", topic->partitions.size()));
        finish(topic->name, TopicPtr(topic), std::move(done));
      });
}

void TopicRegistry::finish(const std::string& name, const Result<TopicPtr>& outcome,
                           CreateDone done) {
  std::vector<CreateDone> waiting;
  {
    const std::unique_lock lock(mutex_);
    auto node = creating_.extract(name);
    if (!node.empty()) waiting = std::move(node.mapped());
  }
  done(outcome);
  for (CreateDone& other : waiting) other(outcome);
}

void TopicRegistry::ensure(TopicSpec spec, CreateDone done) {
  TopicPtr found;
  {
    const std::unique_lock lock(mutex_);
    if (const auto it = topics_.find(spec.name); it != topics_.end()) {
      found = it->second;
    } else if (const auto waiting = creating_.find(spec.name); waiting != creating_.end()) {
      waiting->second.push_back(std::move(done));
      return;
    }
  }
  if (found) return done(found);
  create(std::move(spec), std::move(done));
}

void TopicRegistry::remove(const std::string& name, DeleteDone done) {
  TopicPtr topic;
  {
    const std::unique_lock lock(mutex_);
    if (const auto it = topics_.find(name); it != topics_.end() && !it->second->internal) {
      topic = it->second;
      topics_.erase(it);
      by_id_.erase(topic->id);
      partition_count_ -= topic->partitions.size();
      deleting_.insert(name);
    }
  }
  if (!topic) {
    if (is_internal(name)) {
      return done(fail(Errc::kRefused, "topic {} belongs to the broker", name));
    }
    return done(fail(Errc::kNotFound, "topic {} does not exist", name));
  }
  std::vector<KeyedChange> changes;
  changes.push_back({std::string(kTopicKeyPrefix) + name, std::nullopt});
  meta_.write(
      std::move(changes), [this, topic, done = std::move(done)](Result<void> written) mutable {
        if (!written) {
          publish(topic);
          const std::unique_lock lock(mutex_);
          deleting_.erase(topic->name);
        }
        if (!written) return done(std::move(written));
        std::vector<TopicPartition> tps;
        for (const PartitionLogPtr& partition : topic->partitions) tps.push_back(partition->tp());
        store_.delete_partitions(
            std::move(tps), [this, topic, done = std::move(done)](Result<void> deleted) mutable {
              {
                const std::unique_lock lock(mutex_);
                deleting_.erase(topic->name);
              }
              if (deleted) logger.info("topic deleted", kv("topic", topic->name));
              done(std::move(deleted));
            });
      });
}

}  // namespace freshet::broker
