// Made-up events, each a pure function of (settings, index): the same bytes on every run, machine
// and restart, and any index at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "source/event_source.h"

namespace freshet::source {

struct GeneratorSettings {
  std::string kind = "events";  // see generator_kinds()
  uint64_t seed = 42;
  uint32_t users = 100'000;  // distinct user ids
  uint32_t tracks = 50'000;  // distinct track ids (clickstream)
  /// Event time of index 0, milliseconds since the epoch: 2025-09-18T10:30:00Z.
  int64_t start_ms = 1'758'191'400'000;
  uint32_t events_per_second = 1000;  // of event time: index i happens i / this seconds after start
  uint32_t disorder_max_ms = 2000;    // each event is up to this late, evenly spread
  std::optional<uint64_t> count;      // of the bounded sequence; not part of the fingerprint
};

struct GeneratorKind {
  std::string_view name;
  std::string_view description;
};

/// events, clickstream, people.
[[nodiscard]] const std::vector<GeneratorKind>& generator_kinds();

/// Real users: one class per kind. Safe from any thread: it has no state.
class EventGenerator {
 public:
  virtual ~EventGenerator() = default;
  /// Replaces `key` and `value` with those of event `index`; no memory is taken once they have
  /// grown to the size of an event.
  virtual void make(uint64_t index, std::string& key, std::string& value) const = 0;
};

/// kInvalidArgument names the setting: unknown kind (with the kinds there are), a zero.
Result<std::unique_ptr<const EventGenerator>> make_generator(const GeneratorSettings& settings);

/// The generator as a sequence that the runner can publish.
class GeneratorSource final : public EventSource {
 public:
  static Result<std::unique_ptr<GeneratorSource>> create(const GeneratorSettings& settings);

  [[nodiscard]] std::string fingerprint() const override { return fingerprint_; }
  Result<void> seek(const SourcePosition& to) override;
  Result<ReadStatus> read(SourceEvent& event) override;
  void unread() override { --next_; }
  [[nodiscard]] SourcePosition position() const override { return {.next = next_, .cursor = {}}; }
  [[nodiscard]] std::optional<uint64_t> total() const override { return count_; }

 private:
  GeneratorSource(const GeneratorSettings& settings,
                  std::unique_ptr<const EventGenerator> generator);
  std::unique_ptr<const EventGenerator> generator_;
  std::string fingerprint_;
  std::optional<uint64_t> count_;
  uint64_t next_ = 0;
  std::string key_;
  std::string value_;
};

}  // namespace freshet::source
