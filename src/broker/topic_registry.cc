#include "broker/topic_registry.h"

#include <algorithm>
#include <utility>

#include "base/crash_point.h"
#include "broker/byte_fields.h"
#include "observe/log.h"

namespace freshet::broker {

namespace {

const Logger logger("broker.topics");

constexpr std::string_view kTopicKeyPrefix = "topic/";
constexpr std::string_view kClusterIdKey = "cluster_id";
constexpr std::string_view kBrokerConfigsKey = "broker_configs";
constexpr std::string_view kNodeConfigsKey = "broker_configs/node";
/// Version 1 has no planned partitions.
constexpr int16_t kTopicRecordVersion = 2;
constexpr int16_t kBrokerConfigsVersion = 1;
/// Changes of one topic that wait for their turn; more clients than that are told to come again.
constexpr size_t kTurnsMax = 64;
constexpr size_t kTopicNameMax = 249;

void put_configs(FieldWriter& out, const TopicConfigMap& configs) {
  out.put(static_cast<int32_t>(configs.size()));
  for (const auto& [name, value] : configs) out.put_string(name).put_string(value);
}

TopicConfigMap get_configs(FieldReader& in) {
  TopicConfigMap configs;
  for (auto left = in.get<int32_t>(); left > 0 && in.ok(); --left) {
    std::string name = in.get_string();
    configs.insert_or_assign(std::move(name), in.get_string());
  }
  return configs;
}

// i16 version = 2, 16 bytes id, i32 partitions, i32 configs, then name and value of each, i32
// planned partitions: more than there are while they are being made
std::string encode_topic(const Topic& topic, int32_t partitions, int32_t planned) {
  FieldWriter out;
  out.put(kTopicRecordVersion)
      .put_raw({reinterpret_cast<const char*>(topic.id.bytes.data()), topic.id.bytes.size()})
      .put(partitions);
  put_configs(out, topic.configs);
  out.put(planned);
  return out.take();
}

struct TopicRecord {
  TopicId id;
  int32_t partitions = 0;
  int32_t planned = 0;
  TopicConfigMap configs;
};

Result<TopicRecord> decode_topic(std::string_view bytes) {
  FieldReader in(bytes);
  const auto version = in.get<int16_t>();
  if (version < 1 || version > kTopicRecordVersion) {
    return fail(Errc::kCorrupt, "topic record has version {}, expected 1 to {}", version,
                kTopicRecordVersion);
  }
  TopicRecord record;
  const std::string_view id = in.get_raw(record.id.bytes.size());
  std::ranges::copy(id, record.id.bytes.begin());
  record.partitions = in.get<int32_t>();
  record.configs = get_configs(in);
  record.planned = version >= 2 ? in.get<int32_t>() : record.partitions;
  if (!in.ok()) return fail(Errc::kCorrupt, "topic record of {} bytes ends early", bytes.size());
  return record;
}

Result<TopicConfigMap> decode_broker_configs(std::string_view bytes) {
  FieldReader in(bytes);
  const auto version = in.get<int16_t>();
  auto configs = get_configs(in);
  if (version != kBrokerConfigsVersion || !in.ok()) {
    return fail(Errc::kCorrupt, "record of broker configs has version {} and {} bytes, expected {}",
                version, bytes.size(), kBrokerConfigsVersion);
  }
  return configs;
}

std::vector<PartitionSpec> partition_specs(const Topic& topic, int32_t from, int32_t to) {
  std::vector<PartitionSpec> specs;
  specs.reserve(static_cast<size_t>(to - from));
  for (int32_t i = from; i < to; ++i) {
    specs.push_back({{topic.name, i}, topic.id, topic.settings.partition});
  }
  return specs;
}

Error limit_error(const std::string& name, int32_t partitions, const TopicLimits& limits) {
  return Error(Errc::kTooLarge,
               fmt::format("topic {} with {} partitions would pass the limit of {} topics or {} "
                           "partitions",
                           name, partitions, limits.topics_max, limits.partitions_max));
}

// What a topic goes by: its own configs, else this broker's, else those of all brokers.
TopicConfigMap with_defaults(const BrokerConfigs& broker, const TopicConfigMap& configs) {
  TopicConfigMap all = configs;
  for (const TopicConfigInfo& info : topic_config_infos()) {
    const std::string broker_name(info.broker_name);
    if (broker_name.empty()) continue;
    for (const auto* const defaults : {&broker.for_node, &broker.for_all}) {
      const auto set = defaults->find(broker_name);
      if (set != defaults->end()) all.try_emplace(std::string(info.name), set->second);
    }
  }
  return all;
}

bool is_internal(std::string_view name) {
  return name == kMetaTopic || name == kOffsetsTopic || name == kTransactionsTopic;
}

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
  FRESHET_TRY(load_broker_configs());
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
  for (const std::string_view name : {kOffsetsTopic, kTransactionsTopic}) {
    PartitionLogPtr partition = store_.find({std::string(name), 0});
    if (!partition) continue;
    auto topic = std::make_shared<Topic>();
    topic->name = name;
    topic->id = partition->topic_id();
    topic->partitions.push_back(std::move(partition));
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
  if (auto settings = settings_for(topic->configs)) {
    topic->settings = *settings;
  } else {
    // Its own were checked when they were set.
    logger.warn("broker configs do not go with those of a topic, which goes by its own alone",
                kv("topic", name), kv("error", settings.error()));
    FRESHET_ASSIGN(topic->settings, parse_topic_configs(topic->configs));
  }
  known.insert(topic->id);
  if (record.planned > record.partitions) {
    FRESHET_ASSIGN(record.partitions, complete_growth(*topic, record.partitions, record.planned));
  }
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

Result<int32_t> TopicRegistry::complete_growth(const Topic& topic, int32_t from, int32_t to) {
  logger.info("partitions of a topic whose creation was interrupted are made now",
              kv("topic", topic.name), kv("first", from), kv("last", to - 1));
  auto specs = partition_specs(topic, from, to);
  std::erase_if(specs, [this](const PartitionSpec& spec) { return store_.find(spec.tp); });
  if (!specs.empty()) FRESHET_TRY(store_.create_partitions(std::move(specs)));
  std::vector<KeyedChange> changes;
  changes.push_back({std::string(kTopicKeyPrefix) + topic.name, encode_topic(topic, to, to)});
  FRESHET_TRY(meta_.write(std::move(changes)));
  return to;
}

Result<void> TopicRegistry::load_broker_configs() {
  auto configs = std::make_shared<BrokerConfigs>();
  if (const auto record = meta_.get(kBrokerConfigsKey)) {
    FRESHET_ASSIGN(configs->for_all, decode_broker_configs(*record));
  }
  if (const auto record = meta_.get(kNodeConfigsKey)) {
    FRESHET_ASSIGN(configs->for_node, decode_broker_configs(*record));
  }
  broker_configs_ = std::move(configs);
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
  if (const auto before = topics_.find(topic->name); before != topics_.end()) {
    partition_count_ -= before->second->partitions.size();
  }
  topics_.insert_or_assign(topic->name, topic);
  by_id_.insert_or_assign(topic->id, topic);
  partition_count_ += topic->partitions.size();
}

std::shared_ptr<const BrokerConfigs> TopicRegistry::broker_configs() const {
  const std::shared_lock lock(mutex_);
  return broker_configs_;
}

Result<TopicSettings> TopicRegistry::settings_for(const TopicConfigMap& configs) const {
  return parse_topic_configs(with_defaults(*broker_configs(), configs));
}

Result<TopicPtr> TopicRegistry::find_changeable(const std::string& name) const {
  if (is_internal(name)) return fail(Errc::kRefused, "topic {} belongs to the broker", name);
  TopicPtr topic = find(name);
  if (!topic) return fail(Errc::kNotFound, "topic {} does not exist", name);
  return topic;
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
  FRESHET_TRY_CONTEXT(settings_for(spec.configs), "topic {}", spec.name);
  const std::shared_lock lock(mutex_);
  if (topics_.contains(spec.name) || creating_.contains(spec.name) ||
      deleting_.contains(spec.name)) {
    return fail(Errc::kAlreadyExists, "topic {} already exists", spec.name);
  }
  if (topics_.size() + creating_.size() >= limits_.topics_max ||
      partition_count_ + static_cast<size_t>(partitions) > limits_.partitions_max) {
    return std::unexpected(limit_error(spec.name, partitions, limits_));
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
  auto settings = settings_for(topic->configs);
  if (!settings) {
    return finish(topic->name, std::unexpected(std::move(settings).error()), std::move(done));
  }
  topic->settings = *settings;
  const int32_t count = spec.partitions == -1 ? limits_.default_partitions : spec.partitions;
  store_.create_partitions(
      partition_specs(*topic, 0, count),
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
  const auto count = static_cast<int32_t>(topic->partitions.size());
  write_topic(
      *topic, count, count, [this, topic, done = std::move(done)](Result<void> written) mutable {
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

void TopicRegistry::write_topic(const Topic& topic, int32_t partitions, int32_t planned,
                                KeyedLog::WriteDone done) {
  std::vector<KeyedChange> changes;
  changes.push_back(
      {std::string(kTopicKeyPrefix) + topic.name, encode_topic(topic, partitions, planned)});
  meta_.write(std::move(changes), std::move(done));
}

// ---- turns

void TopicRegistry::enter(const std::string& name,
                          std::move_only_function<void(Result<void>)> turn) {
  bool full = false;
  {
    const std::unique_lock lock(mutex_);
    const auto [at, free] = busy_.try_emplace(name);
    full = at->second.size() >= kTurnsMax;
    if (!free && !full) {
      at->second.push_back(std::move(turn));
      return;
    }
  }
  if (full) {
    return turn(
        fail(Errc::kUnavailable, "{} changes of \"{}\" wait already; try again", kTurnsMax, name));
  }
  turn({});
}

void TopicRegistry::leave(const std::string& name) {
  std::move_only_function<void(Result<void>)> next;
  {
    const std::unique_lock lock(mutex_);
    const auto at = busy_.find(name);
    if (at->second.empty()) {
      busy_.erase(at);
      return;
    }
    next = std::move(at->second.front());
    at->second.pop_front();
  }
  next({});
}

TopicRegistry::ChangeDone TopicRegistry::leaving(std::string name, ChangeDone done) {
  return [this, name = std::move(name), done = std::move(done)](Result<void> outcome) mutable {
    leave(name);
    done(std::move(outcome));
  };
}

void TopicRegistry::remove(const std::string& name, DeleteDone done) {
  enter(name, [this, name, done = std::move(done)](Result<void> turn) mutable {
    if (!turn) return done(std::move(turn));
    remove_now(name, leaving(name, std::move(done)));
  });
}

void TopicRegistry::alter_configs(const std::string& name, ConfigEdit edit, bool validate_only,
                                  ChangeDone done) {
  enter(name, [this, name, edit = std::move(edit), validate_only,
               done = std::move(done)](Result<void> turn) mutable {
    if (!turn) return done(std::move(turn));
    done = leaving(name, std::move(done));
    const auto topic = find_changeable(name);
    if (!topic) return done(std::unexpected(topic.error()));
    auto changed = std::make_shared<Topic>(**topic);
    auto configs = edit(changed->configs);
    if (!configs) return done(std::unexpected(std::move(configs).error()));
    changed->configs = std::move(*configs);
    auto settings = settings_for(changed->configs);
    if (!settings) return done(std::unexpected(std::move(settings).error()));
    changed->settings = *settings;
    if (validate_only) return done({});
    const auto count = static_cast<int32_t>(changed->partitions.size());
    write_topic(*changed, count, count,
                [this, changed, done = std::move(done)](Result<void> written) mutable {
                  if (written) {
                    // The broker's defaults may have changed meanwhile.
                    if (auto now = settings_for(changed->configs)) changed->settings = *now;
                    for (const auto& partition : changed->partitions) {
                      partition->set_config(changed->settings.partition);
                    }
                    publish(changed);
                    logger.info("configs of a topic changed", kv("topic", changed->name));
                  }
                  done(std::move(written));
                });
  });
}

void TopicRegistry::alter_broker_configs(bool for_node, ConfigEdit edit, bool validate_only,
                                         ChangeDone done) {
  enter("", [this, for_node, edit = std::move(edit), validate_only,
             done = std::move(done)](Result<void> turn) mutable {
    if (!turn) return done(std::move(turn));
    done = leaving("", std::move(done));
    auto changed = std::make_shared<BrokerConfigs>(*broker_configs());
    auto& part = for_node ? changed->for_node : changed->for_all;
    auto edited = edit(part);
    if (!edited) return done(std::unexpected(std::move(edited).error()));
    part = std::move(*edited);
    if (auto valid = parse_topic_configs(with_defaults(*changed, {})); !valid) {
      return done(std::unexpected(std::move(valid).error()));
    }
    if (validate_only) return done({});
    FieldWriter record;
    record.put(kBrokerConfigsVersion);
    put_configs(record, part);
    std::vector<KeyedChange> changes;
    changes.push_back({std::string(for_node ? kNodeConfigsKey : kBrokerConfigsKey), record.take()});
    meta_.write(std::move(changes),
                [this, changed, done = std::move(done)](Result<void> written) mutable {
                  if (written) apply_broker_configs(changed);
                  done(std::move(written));
                });
  });
}

void TopicRegistry::apply_broker_configs(std::shared_ptr<const BrokerConfigs> configs) {
  const std::unique_lock lock(mutex_);
  broker_configs_ = std::move(configs);
  for (auto& [name, topic] : topics_) {
    if (topic->internal) continue;
    auto settings = parse_topic_configs(with_defaults(*broker_configs_, topic->configs));
    if (!settings) {
      logger.warn("broker configs do not go with those of a topic, which stays as it is",
                  kv("topic", name), kv("error", settings.error()));
      continue;
    }
    auto changed = std::make_shared<Topic>(*topic);
    changed->settings = *settings;
    for (const auto& partition : changed->partitions) {
      partition->set_config(changed->settings.partition);
    }
    by_id_.insert_or_assign(changed->id, changed);
    topic = std::move(changed);
  }
  logger.info("configs of the broker changed");
}

// ---- more partitions

Result<int32_t> TopicRegistry::check_growth(const std::string& name, int32_t count) const {
  FRESHET_ASSIGN(const TopicPtr topic, find_changeable(name));
  const auto there = static_cast<int32_t>(topic->partitions.size());
  if (count <= there) {
    return fail(Errc::kInvalidArgument, "topic {} has {} partitions, expected more than that: {}",
                name, there, count);
  }
  const std::shared_lock lock(mutex_);
  if (partition_count_ + static_cast<size_t>(count - there) > limits_.partitions_max) {
    return std::unexpected(limit_error(name, count, limits_));
  }
  return there;
}

void TopicRegistry::add_partitions(const std::string& name, int32_t count, bool validate_only,
                                   ChangeDone done) {
  enter(name,
        [this, name, count, validate_only, done = std::move(done)](Result<void> turn) mutable {
          if (!turn) return done(std::move(turn));
          done = leaving(name, std::move(done));
          const auto there = check_growth(name, count);
          if (!there) return done(std::unexpected(there.error()));
          if (validate_only) return done({});
          const TopicPtr topic = find(name);
          write_topic(*topic, *there, count,
                      [this, topic, count, done = std::move(done)](Result<void> planned) mutable {
                        if (!planned) return done(std::move(planned));
                        crash_point("mid_growth");
                        grow(topic, count, std::move(done));
                      });
        });
}

void TopicRegistry::grow(const TopicPtr& topic, int32_t count, ChangeDone done) {
  const auto there = static_cast<int32_t>(topic->partitions.size());
  store_.create_partitions(
      partition_specs(*topic, there, count),
      [this, topic, there,
       done = std::move(done)](Result<std::vector<PartitionLogPtr>> made) mutable {
        if (made) return grown(topic, std::move(*made), std::move(done));
        // None was made, and the next start shall not make them either.
        write_topic(*topic, there, there,
                    [error = std::move(made).error(), done = std::move(done)](
                        const Result<void>&) mutable { done(std::unexpected(std::move(error))); });
      });
}

void TopicRegistry::grown(const TopicPtr& topic, std::vector<PartitionLogPtr> added,
                          ChangeDone done) {
  crash_point("mid_growth");
  // The broker's defaults may have changed meanwhile: begin with the topic as it is listed.
  const TopicPtr listed = find(topic->name);
  auto larger = std::make_shared<Topic>(*(listed ? listed : topic));
  for (auto& partition : added) {
    partition->set_config(larger->settings.partition);
    larger->partitions.push_back(std::move(partition));
  }
  const auto count = static_cast<int32_t>(larger->partitions.size());
  write_topic(*larger, count, count,
              [this, larger, done = std::move(done)](Result<void> written) mutable {
                if (written) {
                  publish(larger);
                  logger.info("topic has more partitions", kv("topic", larger->name),
                              kv("partitions", larger->partitions.size()));
                }
                done(std::move(written));
              });
}

void TopicRegistry::remove_now(const std::string& name, DeleteDone done) {
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
