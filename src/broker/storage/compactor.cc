#include "broker/storage/compactor.h"

#include <charconv>
#include <optional>

#include "io/file.h"
#include "observe/log.h"

namespace freshet::broker {
namespace {

const Logger logger("broker.storage");

constexpr size_t kFileBytesMax = size_t{64} << 20;
/// After a failure the partition is left alone for so long.
constexpr int64_t kRetryAfterMs = 600'000;

int64_t wall_ms(const Clock& clock) { return clock.wall().time_since_epoch().count(); }

// Takes what is before `end` off `text`, and `end`.
std::optional<std::string_view> take_until(std::string_view& text, char end) {
  const auto at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const auto field = text.substr(0, at);
  text.remove_prefix(at + 1);
  return field;
}

template <class T>
std::optional<T> number(std::optional<std::string_view> field) {
  T value{};
  if (!field) return std::nullopt;
  const char* const end = field->data() + field->size();
  const auto parsed = std::from_chars(field->data(), end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end || value < 0) return std::nullopt;
  return value;
}

}  // namespace

std::string Compactor::encode(const CleanOffsets& offsets) {
  std::string text = fmt::format("0\n{}\n", offsets.size());
  for (const auto& [key, offset] : offsets) {
    text += fmt::format("{} {} {}\n", key.first.to_string(), key.second, offset);
  }
  return text;
}

Result<Compactor::CleanOffsets> Compactor::decode(std::string_view text) {
  const auto version = number<int32_t>(take_until(text, '\n'));
  const auto count = number<size_t>(take_until(text, '\n'));
  if (version != 0 || !count) {
    return fail(Errc::kCorrupt, "it does not begin with version 0 and a count");
  }
  CleanOffsets offsets;
  for (size_t line = 0; line < *count; ++line) {
    const auto id = take_until(text, ' ');
    const auto partition = number<int32_t>(take_until(text, ' '));
    const auto offset = number<int64_t>(take_until(text, '\n'));
    auto topic = id ? TopicId::parse(*id) : Result<TopicId>(fail(Errc::kCorrupt, "no id"));
    if (!topic || !partition || !offset) {
      return fail(Errc::kCorrupt, "entry {} of {} is not \"<topic id> <partition> <offset>\"",
                  line + 1, *count);
    }
    offsets[{*topic, *partition}] = Offset(*offset);
  }
  if (!text.empty()) return fail(Errc::kCorrupt, "{} bytes follow the last entry", text.size());
  return offsets;
}

void Compactor::load(const std::vector<PartitionLogPtr>& partitions) const {
  const auto text = io::read_file(path_, kFileBytesMax);
  if (!text && text.error().code() == Errc::kNotFound) return;
  const auto offsets = text ? decode(*text) : Result<CleanOffsets>(std::unexpected(text.error()));
  if (!offsets) {
    logger.warn("what was compacted is not known and is looked through again",
                kv("file", path_.native()), kv("error", offsets.error()));
    return;
  }
  for (const auto& log : partitions) {
    const auto found = offsets->find({log->topic_id(), log->tp().partition});
    if (found == offsets->end()) continue;
    auto& state = log->state();
    const std::lock_guard lock(state.mutex);
    state.clean_to = std::min(found->second, state.segments->back()->base_offset());
  }
}

void Compactor::save(const std::vector<PartitionLogPtr>& partitions) const {
  CleanOffsets offsets;
  for (const auto& log : partitions) {
    auto& state = log->state();
    const std::lock_guard lock(state.mutex);
    if (state.clean_to > Offset(0))
      offsets[{log->topic_id(), log->tp().partition}] = state.clean_to;
  }
  if (auto written = disk_.replace_file(path_, encode(offsets)); !written) {
    logger.warn("what was compacted was not written down; the next start looks again",
                kv("error", written.error()));
  }
}

void Compactor::run(const Hooks& hooks, const std::function<bool()>& cancelled) {
  const std::lock_guard lock(mutex_);
  auto due = find_due(hooks.partitions());
  if (due.empty()) return;
  // Then nobody writes to closed segments any more, and the recovery point lies behind them.
  const auto synced = hooks.checkpoint();
  for (auto& [log, plan] : due) {
    const auto outcome = [&]() -> Result<CompactionOutcome> {
      if (!synced) return std::unexpected(synced.error());
      return compact(*log, std::move(plan), cancelled);
    }();
    finish(*log, outcome);
    hooks.trim(log);
  }
  save(hooks.partitions());
}

// Pins them: from here on their lists of closed segments only grow.
std::vector<Compactor::Due> Compactor::find_due(std::vector<PartitionLogPtr> partitions) const {
  const int64_t now_ms = wall_ms(clock_);
  std::vector<Due> due;
  for (auto& log : partitions) {
    auto& state = log->state();
    if (!plan_compaction(state, now_ms)) continue;
    const auto pin = [&state](bool pinned) {
      const std::lock_guard lock(state.mutex);
      state.pinned = pinned;
    };
    pin(true);
    if (auto plan = plan_compaction(state, now_ms)) {
      due.push_back({.log = std::move(log), .plan = std::move(*plan)});
    } else {
      pin(false);
    }
  }
  return due;
}

Result<CompactionOutcome> Compactor::compact(PartitionLog& log, CompactionPlan plan,
                                             const std::function<bool()>& cancelled) const {
  auto& state = log.state();
  const Offset first = plan.segments.front()->base_offset();
  FRESHET_ASSIGN(auto aborted, log.aborted_transactions(first, plan.end));
  Compaction compaction(
      state, std::move(plan),
      {.now_ms = wall_ms(clock_), .map_bytes_max = map_bytes_max_, .cancelled = cancelled},
      std::move(aborted));
  auto outcome = compaction.run();
  if (compaction.swap_broken()) state.compaction_not_before_ms = INT64_MAX;
  return outcome;
}

void Compactor::finish(PartitionLog& log, const Result<CompactionOutcome>& outcome) const {
  auto& state = log.state();
  {
    const std::lock_guard lock(state.mutex);
    state.pinned = false;
    if (outcome) state.clean_to = outcome->clean_to;
  }
  if (outcome) {
    logger.debug("partition compacted", kv("partition", log.tp()),
                 kv("clean_to", outcome->clean_to), kv("bytes_before", outcome->bytes_before),
                 kv("bytes_after", outcome->bytes_after));
  } else if (outcome.error().code() != Errc::kCancelled) {
    state.compaction_not_before_ms =
        std::max(state.compaction_not_before_ms.load(), wall_ms(clock_) + kRetryAfterMs);
    logger.error("partition was not compacted", kv("partition", log.tp()),
                 kv("error", outcome.error()));
  }
}

}  // namespace freshet::broker
