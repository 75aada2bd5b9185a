#include "broker/broker_config.h"

#include <algorithm>
#include <vector>

namespace freshet::broker {

namespace {

constexpr TopicConfigInfo kWithoutEffect[] = {
    {"background.threads", ConfigType::kInt, "10", "Without effect."},
    {"log.cleaner.backoff.ms", ConfigType::kLong, "15000", "Without effect."},
    {"log.cleaner.dedupe.buffer.size", ConfigType::kLong, "134217728", "Without effect."},
    {"log.cleaner.io.buffer.load.factor", ConfigType::kDouble, "0.9", "Without effect."},
    {"log.cleaner.io.buffer.size", ConfigType::kInt, "524288", "Without effect."},
    {"log.cleaner.io.max.bytes.per.second", ConfigType::kDouble, "1.7976931348623157E308",
     "Without effect."},
    {"log.cleaner.threads", ConfigType::kInt, "1", "Without effect: one thread compacts."},
    {"num.io.threads", ConfigType::kInt, "8", "Without effect."},
    {"num.network.threads", ConfigType::kInt, "3", "Without effect."},
    {"num.recovery.threads.per.data.dir", ConfigType::kInt, "2", "Without effect."},
    {"num.replica.fetchers", ConfigType::kInt, "1", "Without effect on one node."},
};

std::vector<TopicConfigInfo> make_list() {
  std::vector<TopicConfigInfo> all(std::begin(kWithoutEffect), std::end(kWithoutEffect));
  for (const TopicConfigInfo& info : topic_config_infos()) {
    if (info.broker_name.empty()) continue;
    all.push_back({info.broker_name, info.type, info.default_value, info.documentation});
  }
  std::ranges::sort(all, {}, &TopicConfigInfo::name);
  return all;
}

}  // namespace

std::span<const TopicConfigInfo> dynamic_broker_configs() {
  static const std::vector<TopicConfigInfo> all = make_list();
  return all;
}

const TopicConfigInfo* find_dynamic_broker_config(std::string_view name) {
  const auto all = dynamic_broker_configs();
  const auto found = std::ranges::find(all, name, &TopicConfigInfo::name);
  return found == all.end() ? nullptr : &*found;
}

Result<void> check_broker_configs(const TopicConfigMap& configs) {
  TopicConfigMap defaults;
  for (const auto& [name, value] : configs) {
    if (find_dynamic_broker_config(name) == nullptr) {
      return fail(Errc::kInvalidArgument,
                  "broker config {} cannot be changed while the broker runs", name);
    }
    for (const TopicConfigInfo& info : topic_config_infos()) {
      if (info.broker_name == name) defaults.insert_or_assign(std::string(info.name), value);
    }
  }
  FRESHET_TRY(parse_topic_configs(defaults));
  return {};
}

}  // namespace freshet::broker
