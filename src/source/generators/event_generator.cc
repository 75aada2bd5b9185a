#include "source/generators/event_generator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "source/fingerprint.h"
#include "source/generators/counter_random.h"
#include "source/generators/json_writer.h"

namespace freshet::source {
namespace {

// A change of what a kind makes changes this number, and with it the fingerprint.
constexpr int kGeneratorVersion = 1;
constexpr int64_t kStartMsMax = 250'000'000'000'000;  // in the year 9892

/// When event `index` happened: evenly spaced, each late by up to the disorder.
int64_t event_time_ms(const GeneratorSettings& settings, uint64_t index, CounterRandom& random) {
  const auto rate = static_cast<uint64_t>(settings.events_per_second);
  const uint64_t since_start = index / rate * 1000 + index % rate * 1000 / rate;
  const auto late = random.below(uint64_t{settings.disorder_max_ms} + 1);
  return settings.start_ms + static_cast<int64_t>(since_start % uint64_t{kStartMsMax}) -
         static_cast<int64_t>(late);
}

/// User events of reference platform 1, keyed by user.
class UserEvents final : public EventGenerator {
 public:
  explicit UserEvents(const GeneratorSettings& settings) : settings_(settings) {}

  void make(uint64_t index, std::string& key, std::string& value) const override {
    static constexpr Weighted kTypes[] = {{"view", 50},        {"search", 15}, {"login", 12},
                                          {"add_to_cart", 10}, {"logout", 8},  {"purchase", 5}};
    static constexpr Weighted kDevices[] = {{"mobile", 55}, {"desktop", 35}, {"tablet", 10}};
    CounterRandom random(settings_.seed, index);
    key.assign("user_");
    append_integer(key, random.below(settings_.users));
    value.assign(R"({"user_id":")").append(key);
    value.append(R"(","event_type":")").append(kTypes[pick(kTypes, random)].name);
    value.append(R"(","timestamp":")");
    append_time(value, event_time_ms(settings_, index, random) / 1000);
    // One session per event, named by its index: a key by which a loss or a repeat shows.
    value.append(R"(","session_id":"sess_)");
    append_integer(value, index);
    value.append(R"(","device":")").append(kDevices[pick(kDevices, random)].name).append("\"}");
  }

 private:
  const GeneratorSettings settings_;
};

/// Player events of reference platform 5 with its weights (high 12, medium 4, low 1), keyed by
/// user.
class Clickstream final : public EventGenerator {
 public:
  explicit Clickstream(const GeneratorSettings& settings) : settings_(settings) {}

  void make(uint64_t index, std::string& key, std::string& value) const override {
    // The id of an event type is its place in this list, from 1.
    static constexpr Weighted kTypes[] = {
        {"track_playback", 12},     {"pause_track", 4},         {"resume_track", 4},
        {"skipping_track_next", 4}, {"skipping_track_prev", 1}, {"adding_track_to_playlist", 1},
        {"track_like", 4},          {"track_unlike", 1}};
    static constexpr Weighted kPlatforms[] = {{"android", 45}, {"ios", 30}, {"web", 25}};
    CounterRandom random(settings_.seed, index);
    key.clear();
    append_integer(key, 1 + random.below(settings_.users));
    // The smaller of two draws: a few tracks are played far more often than most.
    const uint64_t track =
        1 + std::min(random.below(settings_.tracks), random.below(settings_.tracks));
    const size_t type = pick(kTypes, random);
    value.assign(R"({"event_params":{"user_id":)").append(key);
    value.append(R"(,"track_id":)");
    append_integer(value, track);
    value.append(R"(,"event_type_id":)");
    append_integer(value, type + 1);
    value.append(R"(,"event_type":")").append(kTypes[type].name);
    value.append(R"(","platform":")").append(kPlatforms[pick(kPlatforms, random)].name);
    value.append(R"("},"event_timestamp_ms":)");
    append_integer(value, static_cast<uint64_t>(event_time_ms(settings_, index, random)));
    value.push_back('}');
  }

 private:
  const GeneratorSettings settings_;
};

/// The simple producer of reference platform 5 (its topic my_topic), keyed by uuid.
class People final : public EventGenerator {
 public:
  explicit People(const GeneratorSettings& settings) : settings_(settings) {}

  void make(uint64_t index, std::string& key, std::string& value) const override {
    static constexpr Weighted kFirst[] = {{"Anna", 1},  {"Boris", 1}, {"Clara", 1}, {"David", 1},
                                          {"Elena", 1}, {"Farid", 1}, {"Greta", 1}, {"Hugo", 1}};
    static constexpr Weighted kMiddle[] = {{"Lee", 1}, {"Marie", 1}, {"Ivanovich", 1}, {"Ray", 1}};
    static constexpr Weighted kLast[] = {{"Adams", 1},  {"Berg", 1},   {"Costa", 1},
                                         {"Diaz", 1},   {"Egorov", 1}, {"Fischer", 1},
                                         {"Garcia", 1}, {"Haddad", 1}};
    CounterRandom random(settings_.seed, index);
    const uint64_t high = (random.next() & ~uint64_t{0xF000}) | 0x4000;  // UUID version 4
    const uint64_t low = (random.next() & ~(uint64_t{3} << 62)) | uint64_t{1} << 63;
    key.clear();
    fmt::format_to(std::back_inserter(key), "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32,
                   high >> 16 & 0xFFFF, high & 0xFFFF, low >> 48, low & 0xFFFF'FFFF'FFFF);
    value.assign(R"({"uuid":")").append(key);
    value.append(R"(","first_name":")").append(kFirst[pick(kFirst, random)].name);
    value.append(R"(","last_name":")").append(kLast[pick(kLast, random)].name);
    value.append(R"(","middle_name":")").append(kMiddle[pick(kMiddle, random)].name);
    value.append(R"(","timestamp":")");
    append_time(value, event_time_ms(settings_, index, random) / 1000);
    value.append("\"}");
  }

 private:
  const GeneratorSettings settings_;
};

Result<void> check(const GeneratorSettings& settings) {
  const auto positive = [](std::string_view name, uint64_t value) -> Result<void> {
    if (value > 0) return {};
    return fail(Errc::kInvalidArgument, "generator: {} is 0; expected at least 1", name);
  };
  FRESHET_TRY(positive("users", settings.users));
  FRESHET_TRY(positive("tracks", settings.tracks));
  FRESHET_TRY(positive("events_per_second", settings.events_per_second));
  if (settings.start_ms < settings.disorder_max_ms || settings.start_ms > kStartMsMax) {
    return fail(Errc::kInvalidArgument,
                "generator: the first event happens {} ms after 1970; expected {} to {}",
                settings.start_ms, settings.disorder_max_ms, kStartMsMax);
  }
  return {};
}

}  // namespace

const std::vector<GeneratorKind>& generator_kinds() {
  static const std::vector<GeneratorKind> kKinds = {
      {"events", "user events: login, purchase, view, …; keyed by user"},
      {"clickstream", "music player events with weights, nested JSON; keyed by user"},
      {"people", "uuid and names, one person a record; keyed by uuid"},
  };
  return kKinds;
}

Result<std::unique_ptr<const EventGenerator>> make_generator(const GeneratorSettings& settings) {
  FRESHET_TRY(check(settings));
  if (settings.kind == "events") return std::make_unique<UserEvents>(settings);
  if (settings.kind == "clickstream") return std::make_unique<Clickstream>(settings);
  if (settings.kind == "people") return std::make_unique<People>(settings);
  std::vector<std::string_view> names;
  for (const auto& kind : generator_kinds()) names.push_back(kind.name);
  return fail(Errc::kInvalidArgument, "generator kind \"{}\" is unknown; there are {}",
              settings.kind, fmt::join(names, ", "));
}

GeneratorSource::GeneratorSource(const GeneratorSettings& settings,
                                 std::unique_ptr<const EventGenerator> generator)
    : generator_(std::move(generator)),
      fingerprint_(fingerprint_of(
          fmt::format("generate {} {} {} {} {} {} {} {}", kGeneratorVersion, settings.kind,
                      settings.seed, settings.users, settings.tracks, settings.start_ms,
                      settings.events_per_second, settings.disorder_max_ms))),
      count_(settings.count) {}

Result<std::unique_ptr<GeneratorSource>> GeneratorSource::create(
    const GeneratorSettings& settings) {
  FRESHET_ASSIGN(auto generator, make_generator(settings));
  return std::unique_ptr<GeneratorSource>(new GeneratorSource(settings, std::move(generator)));
}

Result<void> GeneratorSource::seek(const SourcePosition& to) {
  next_ = to.next;
  return {};
}

Result<ReadStatus> GeneratorSource::read(SourceEvent& event) {
  if (count_ && next_ >= *count_) return ReadStatus::kEnd;
  generator_->make(next_, key_, value_);
  ++next_;
  event = {.key = key_, .value = value_};
  return ReadStatus::kEvent;
}

}  // namespace freshet::source
