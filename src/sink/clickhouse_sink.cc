#include "sink/clickhouse_sink.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/crash_point.h"
#include "base/crc32c.h"
#include "observe/log.h"
#include "sink/block_history.h"
#include "sink/copy_removal.h"
#include "sink/row_account.h"
#include "sink/row_selection.h"
#include "sink/table_plan.h"
#include "sink/view_screen.h"
#include "warehouse/clickhouse_error.h"
#include "warehouse/deduplication_log.h"
#include "warehouse/native_block.h"

namespace freshet::sink {
namespace {

const Logger logger("sink.clickhouse");

constexpr size_t kProvenanceColumns = 3;
// Parts have their time in whole seconds.
constexpr int64_t kClockSlackSeconds = 2;
constexpr auto kLookEvery = std::chrono::seconds(10);
constexpr int kInsertAttempts = 3;

// Offsets go to the engine as they lie in memory.
static_assert(sizeof(Offset) == sizeof(uint64_t));
std::span<const uint64_t> as_u64(std::span<const Offset> offsets) {
  return {reinterpret_cast<const uint64_t*>(offsets.data()), offsets.size()};
}

std::string origin_condition(const TopicPartition& tp, OffsetRange range) {
  return fmt::format("_topic = {} AND _partition = {} AND _offset BETWEEN {} AND {}",
                     warehouse::quote_string(tp.topic), tp.partition, range.first, range.last);
}

std::string range_text(const TopicPartition& tp, OffsetRange range) {
  return fmt::format("topic {} partition {} range {}", tp.topic, tp.partition, range);
}

std::string rest_token(const std::string& token, std::span<const Offset> offsets) {
  const auto bytes = std::as_bytes(offsets);
  return fmt::format("{}:rest:{}:{:08x}", token, offsets.size(),
                     crc32c({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
}

}  // namespace

std::string range_token(std::string_view pipeline, uint64_t epoch, const TopicId& topic_id,
                        int32_t partition, OffsetRange range) {
  return fmt::format("v1:{}:{}:{}:{}:{}", pipeline, epoch, topic_id.to_string(), partition, range);
}

struct ClickHouseSink::State {
  State(warehouse::ClickHouse& clickhouse, TablePlan plan, const ClickHouseSinkOptions& options)
      : clickhouse(clickhouse), plan(std::move(plan)), options(options) {
    for (const SinkColumn& column : this->plan.columns) column_names.push_back(column.field.name);
    if (this->plan.has_provenance) {
      for (const std::string_view name : {"_topic", "_partition", "_offset"}) {
        column_names.emplace_back(name);
      }
    }
    // A table whose rows can be probed does not need its log; the others have nothing else.
    if (!this->plan.proof.by_provenance) log_directories.push_back(this->plan.table.data_directory);
    for (const warehouse::ViewTarget& view : this->plan.views) {
      log_directories.push_back(view.target.data_directory);
    }
    std::ranges::sort(log_directories);
    const auto repeated = std::ranges::unique(log_directories);
    log_directories.erase(repeated.begin(), repeated.end());
  }

  [[nodiscard]] warehouse::InsertStatement insert_statement() const {
    return {.table = plan.table.name.quoted(),
            .columns = column_names,
            .settings = plan.insert_settings};
  }
  /// With views: through their copies first, so that what is refused has landed nowhere.
  Result<void> screen(const EncodedBlock& block);
  std::shared_ptr<ViewScreen> screen_of(bool anew);
  Result<void> send(const std::string& token, const EncodedBlock& block);
  /// Whether the table is still the one that was opened, as far as this server has been asked.
  Result<void> check_identity();
  /// What cannot be learned now is learned at the next look.
  void count_parts();
  Result<bool> token_may_be_forgotten(int64_t intent_time_ms);
  Result<bool> replicas_may_forget(const warehouse::TableDescription& target,
                                   int64_t intent_time_ms);
  /// Another replica may have taken rows that this one has not fetched yet: makes it fetch them.
  Result<void> catch_up(const warehouse::TableDescription& target);
  /// kUnavailable while an INSERT of the range runs without its sender.
  Result<void> expect_no_insert(const RangeWrite& write);
  /// Whether the whole block, sent under its token, completes what is missing, whatever else is on
  /// its way.
  Result<bool> token_completes(const RangeWrite& write, const ReplayOutcome& found);
  /// The table and every table that its views write to.
  [[nodiscard]] std::vector<const warehouse::TableDescription*> targets() const {
    std::vector<const warehouse::TableDescription*> all = {&plan.table};
    for (const warehouse::ViewTarget& view : plan.views) all.push_back(&view.target);
    return all;
  }
  [[nodiscard]] bool needs_tokens() const { return !log_directories.empty(); }
  [[nodiscard]] bool time_to_look() {
    const std::lock_guard lock(blocks_mutex);
    return std::chrono::steady_clock::now() - looked_at >= kLookEvery;
  }
  /// Learns from the parts of every target which blocks are there now, and when older ones were.
  Result<void> look_at_blocks();
  Result<void> insert_missing(ClickHouseSink& sink, const RangeWrite& write, ColumnBatch batch,
                              std::vector<Offset> offsets, bool whole);
  Result<ReplayOutcome> replay_by_token(ClickHouseSink& sink, const RangeWrite& write,
                                        const ColumnBatch& batch, std::span<const Offset> offsets,
                                        ReplayOutcome outcome);

  warehouse::ClickHouse& clickhouse;
  const TablePlan plan;
  const ClickHouseSinkOptions options;
  std::vector<std::string> column_names;
  std::vector<std::string> log_directories;

  std::mutex screen_mutex;                   // guards what follows
  std::shared_ptr<ViewScreen> views_screen;  // made by the first write; none: cannot be made
  bool screen_made = false;

  struct TargetBlocks {
    BlockHistory history;
    uint64_t newest = 0;
  };
  std::mutex identity_mutex;                      // guards what follows
  std::map<std::string, std::string> identities;  // of the table, by the server that says so
  std::chrono::steady_clock::time_point identified_at;
  PartCounts parts;
  std::optional<uint64_t> first_block;
  std::optional<Error> another_table;  // stands where the one that was opened stood

  std::mutex blocks_mutex;                              // guards what follows
  std::map<warehouse::TableName, TargetBlocks> blocks;  // of the targets
  std::chrono::steady_clock::time_point looked_at;
  // How far its clock is ahead of ours, which intents have their time of.
  int64_t clock_ahead_s = 0;
};

ClickHouseSink::ClickHouseSink(std::unique_ptr<State> state) : state_(std::move(state)) {}
ClickHouseSink::~ClickHouseSink() = default;

Result<std::unique_ptr<ClickHouseSink>> ClickHouseSink::open(warehouse::ClickHouse& clickhouse,
                                                             std::string_view table,
                                                             const ClickHouseSinkOptions& options) {
  FRESHET_ASSIGN(const warehouse::TableName name, warehouse::TableName::parse(table));
  FRESHET_ASSIGN(TablePlan plan, plan_table(clickhouse, name, options));
  if (!plan.proof.by_provenance) {
    logger.warn("rows cannot be proven one by one", kv("reason", plan.proof.reason));
  }
  auto state = std::make_unique<State>(clickhouse, std::move(plan), options);
  if (state->needs_tokens()) FRESHET_TRY(state->look_at_blocks());
  FRESHET_TRY(state->check_identity());
  return std::unique_ptr<ClickHouseSink>(new ClickHouseSink(std::move(state)));
}

const std::vector<SinkColumn>& ClickHouseSink::columns() const { return state_->plan.columns; }
const std::shared_ptr<const Schema>& ClickHouseSink::schema() const { return state_->plan.schema; }
const Proof& ClickHouseSink::proof() const { return state_->plan.proof; }
bool ClickHouseSink::has_views() const { return !state_->plan.views.empty(); }
const warehouse::TableDescription& ClickHouseSink::table() const { return state_->plan.table; }

warehouse::InsertStatement ClickHouseSink::insert_statement() const {
  return state_->insert_statement();
}

EncodedBlock ClickHouseSink::encode(const TopicPartition& tp, const ColumnBatch& batch,
                                    std::span<const Offset> offsets) const {
  const size_t rows = batch.rows();
  FRESHET_CHECK_EQ(offsets.size(), rows);
  FRESHET_CHECK_EQ(batch.column_count(), state_->plan.columns.size());
  EncodedBlock block{.bytes = {}, .rows = rows};
  block.bytes.reserve(warehouse::native_size_estimate(batch) + rows * 13 + tp.topic.size() + 256);
  const bool provenance = state_->plan.has_provenance;
  warehouse::NativeBlockWriter writer(batch.column_count() + (provenance ? kProvenanceColumns : 0),
                                      rows, block.bytes);
  for (size_t i = 0; i < batch.column_count(); ++i) {
    writer.write(batch.schema()[i].name, batch.column(i));
  }
  if (provenance) {
    writer.write_constant_low_cardinality("_topic", tp.topic);
    writer.write_constant_u32("_partition", static_cast<uint32_t>(tp.partition));
    writer.write_u64("_offset", as_u64(offsets));
  }
  return block;
}

std::shared_ptr<ViewScreen> ClickHouseSink::State::screen_of(bool anew) {
  const std::lock_guard lock(screen_mutex);
  if (screen_made && !anew) return views_screen;
  screen_made = true;
  views_screen.reset();
  // Of somebody else's server the copies would be databases that nobody asked for, shared by all
  // who write there.
  if (clickhouse.may_run_on()) return nullptr;
  auto made = ViewScreen::create(clickhouse, plan);
  if (made) {
    views_screen = std::move(*made);
  } else {
    logger.warn(
        "blocks cannot be tried on the views first; a row that a view refuses stops the "
        "pipeline",
        kv("table", plan.table.name.display()), kv("error", made.error().message()));
  }
  return views_screen;
}

Result<void> ClickHouseSink::State::screen(const EncodedBlock& block) {
  if (plan.views.empty()) return {};
  for (bool anew = false;; anew = true) {
    const auto copies = screen_of(anew);
    if (copies == nullptr) return {};
    auto passed = copies->check(insert_statement(), block.bytes);
    if (passed) return {};
    const int code = warehouse::clickhouse_code(passed.error()).value_or(0);
    const bool may_be_the_views =
        warehouse::is_row_error(code) ||
        warehouse::failure_class(code) == warehouse::FailureClass::kRetriable;
    if (may_be_the_views) {
      FRESHET_ASSIGN(const bool stale, copies->is_stale());
      if (!stale) return passed;
    }
    // The copies are not what the views are now. The insert itself says what is wrong if it is not
    // only them.
    if (anew) return may_be_the_views ? passed : Result<void>();
  }
}

Result<void> ClickHouseSink::State::send(const std::string& token, const EncodedBlock& block) {
  if (block.rows == 0) return {};
  FRESHET_TRY(screen(block));
  warehouse::InsertStatement statement = insert_statement();
  statement.settings.push_back({"insert_deduplication_token", token});
  // Two pieces, so that there is a middle in which a test can kill the process.
  const std::string_view bytes = block.bytes;
  const std::array pieces = {bytes.substr(0, bytes.size() / 2), bytes.substr(bytes.size() / 2)};
  FRESHET_TRY(clickhouse.insert(statement, pieces, [] { crash_point("mid_insert"); }));
  for (const std::string& directory : log_directories) {
    FRESHET_TRY(clickhouse.sync_tokens(directory));
  }
  return {};
}

Result<void> ClickHouseSink::State::check_identity() {
  {
    const std::lock_guard lock(identity_mutex);
    if (another_table) return std::unexpected(*another_table);
    const auto now = std::chrono::steady_clock::now();
    if (!identities.empty() && now - identified_at < options.look_every) return {};
    identified_at = now;
  }
  count_parts();
  FRESHET_ASSIGN(
      const warehouse::QueryResult result,
      clickhouse.query(fmt::format("SELECT concat(hostName(), ' ', toString(serverUUID())), "
                                   "toString(uuid) FROM system.tables "
                                   "WHERE database = {} AND name = {}",
                                   warehouse::quote_string(plan.table.name.database),
                                   warehouse::quote_string(plan.table.name.table)),
                       "Native"));
  FRESHET_ASSIGN(const std::vector<warehouse::NativeBlock> blocks,
                 warehouse::decode_native(result.bytes));
  const std::lock_guard lock(identity_mutex);
  for (const warehouse::NativeBlock& block : blocks) {
    for (size_t row = 0; row < block.rows; ++row) {
      const std::string& uuid = block.strings(1)[row];
      const auto [known, added] = identities.emplace(block.strings(0)[row], uuid);
      if (added || known->second == uuid) continue;
      another_table = Error(
          Errc::kRefused,
          fmt::format("table {} was dropped and created again (or exchanged for another) while the "
                      "pipeline ran, so rows that were confirmed before need not be in it. Start "
                      "again to go on with it; `freshet verify` then says which rows it lacks, and "
                      "`freshet repair` writes them again from the log",
                      plan.table.name.display()));
      return std::unexpected(*another_table);
    }
  }
  return {};
}

void ClickHouseSink::State::count_parts() {
  // Every inserted part has a block number of its own; merged ones keep the highest of theirs.
  const auto result = clickhouse.query(
      fmt::format("SELECT toUInt64(countIf(active)), toUInt64(greatest(max(max_block_number), 0)) "
                  "FROM system.parts WHERE database = {} AND table = {}",
                  warehouse::quote_string(plan.table.name.database),
                  warehouse::quote_string(plan.table.name.table)),
      "Native");
  if (!result) return;
  const auto blocks = warehouse::decode_native(result->bytes);
  if (!blocks || blocks->empty() || blocks->front().rows == 0) return;
  const uint64_t newest = blocks->front().u64(1)[0];
  const std::lock_guard lock(identity_mutex);
  parts.active = blocks->front().u64(0)[0];
  if (!first_block) first_block = newest;
  if (!plan.table.is_replicated() && newest > *first_block) {
    parts.made = std::max(parts.made, newest - *first_block);
  }
}

PartCounts ClickHouseSink::parts() const {
  const std::lock_guard lock(state_->identity_mutex);
  return state_->parts;
}

Result<bool> ClickHouseSink::is_empty() {
  const warehouse::TableName& name = state_->plan.table.name;
  FRESHET_ASSIGN(
      const warehouse::QueryResult result,
      state_->clickhouse.query(
          fmt::format("SELECT toUInt64(ifNull(total_rows, 1)) FROM system.tables "
                      "WHERE database = {} AND name = {}",
                      warehouse::quote_string(name.database), warehouse::quote_string(name.table)),
          "Native"));
  FRESHET_ASSIGN(const std::vector<warehouse::NativeBlock> blocks,
                 warehouse::decode_native(result.bytes));
  for (const warehouse::NativeBlock& block : blocks) {
    if (block.rows > 0) return block.u64(0)[0] == 0;
  }
  return false;
}

Result<void> ClickHouseSink::write(const RangeWrite& write, const EncodedBlock& block) {
  FRESHET_TRY_CONTEXT(state_->check_identity(), "{}", range_text(write.tp, write.range));
  FRESHET_TRY_CONTEXT(state_->send(write.token, block), "table {}: {}",
                      state_->plan.table.name.display(), range_text(write.tp, write.range));
  if (state_->needs_tokens() && state_->time_to_look()) {
    // The block has landed, so this must not fail the write: less is known later, that is all.
    if (const auto looked = state_->look_at_blocks(); !looked) {
      logger.debug("parts cannot be listed", kv("error", looked.error().message()));
    }
  }
  return {};
}

Result<OffsetPresence> ClickHouseSink::probe(const TopicPartition& tp, OffsetRange range) {
  if (!state_->plan.proof.by_provenance) {
    return fail(Errc::kUnsupported, "{}", state_->plan.proof.reason);
  }
  if (range.span() > OffsetPresence::kSpanMax) {
    return fail(Errc::kTooLarge, "range {} spans {} offsets; at most {} are probed at once", range,
                range.span(), OffsetPresence::kSpanMax);
  }
  OffsetPresence presence(range);
  const std::string sql =
      fmt::format("SELECT _offset FROM {} WHERE {}", state_->plan.table.name.quoted(),
                  origin_condition(tp, range));
  warehouse::NativeBlockReader reader;
  const auto take = [&](std::string_view chunk) -> Result<void> {
    FRESHET_ASSIGN(const std::vector<warehouse::NativeBlock> blocks, reader.add(chunk));
    for (const warehouse::NativeBlock& block : blocks) {
      for (const uint64_t offset : block.u64(0)) {
        presence.add(Offset(static_cast<int64_t>(offset)));
      }
    }
    return {};
  };
  FRESHET_TRY_CONTEXT(state_->clickhouse.stream(sql, "Native", {}, take), "table {}: {}",
                      state_->plan.table.name.display(), range_text(tp, range));
  FRESHET_TRY(reader.finish());
  return presence;
}

Result<std::vector<RowVerdict>> ClickHouseSink::account(const TopicPartition& tp,
                                                        const ColumnBatch& batch,
                                                        std::span<const Offset> offsets) {
  return judge(tp, batch, offsets, Survivor::kAnyOrigin);
}

Result<std::vector<RowVerdict>> ClickHouseSink::judge(const TopicPartition& tp,
                                                      const ColumnBatch& batch,
                                                      std::span<const Offset> offsets,
                                                      Survivor survivor) {
  FRESHET_CHECK_EQ(offsets.size(), batch.rows());
  std::vector<RowVerdict> verdicts(offsets.size(), RowVerdict::kPresent);
  if (offsets.empty()) return verdicts;
  const auto [first, last] = std::ranges::minmax(offsets);
  const OffsetRange span{.first = first, .last = last};
  FRESHET_ASSIGN(OffsetPresence there, probe(tp, span));
  if (state_->plan.table.is_replicated() &&
      std::ranges::any_of(offsets, [&](Offset offset) { return !there.contains(offset); })) {
    FRESHET_TRY(state_->catch_up(state_->plan.table));
    FRESHET_ASSIGN(there, probe(tp, span));
  }
  std::vector<size_t> absent;
  for (size_t row = 0; row < offsets.size(); ++row) {
    if (there.contains(offsets[row])) continue;
    verdicts[row] = RowVerdict::kMissing;
    absent.push_back(row);
  }
  if (absent.empty() || !state_->plan.table.is_replacing()) return verdicts;
  const std::vector<Offset> absent_offsets = select_offsets(offsets, absent);
  const EncodedBlock block = encode(tp, select_rows(batch, absent), absent_offsets);
  FRESHET_ASSIGN_CONTEXT(
      const std::vector<uint64_t> replaced,
      find_replaced(state_->clickhouse, state_->plan, block.bytes, state_->column_names, survivor),
      "table {}: looking for the rows that replaced {} absent ones",
      state_->plan.table.name.display(), absent.size());
  OffsetPresence replaced_offsets({.first = first, .last = last});
  for (const uint64_t offset : replaced) replaced_offsets.add(Offset(static_cast<int64_t>(offset)));
  for (const size_t row : absent) {
    if (replaced_offsets.contains(offsets[row])) verdicts[row] = RowVerdict::kReplaced;
  }
  return verdicts;
}

Result<std::vector<OriginSummary>> ClickHouseSink::origins() {
  if (!state_->plan.proof.by_provenance) {
    return fail(Errc::kUnsupported, "{}", state_->plan.proof.reason);
  }
  FRESHET_TRY(state_->catch_up(state_->plan.table));
  FRESHET_ASSIGN(
      const warehouse::QueryResult result,
      state_->clickhouse.query(
          fmt::format(
              "SELECT CAST(_topic, 'String'), _partition, count(), min(_offset), max(_offset) "
              "FROM {} GROUP BY _topic, _partition ORDER BY _topic, _partition",
              state_->plan.table.name.quoted()),
          "Native"));
  FRESHET_ASSIGN(const std::vector<warehouse::NativeBlock> blocks,
                 warehouse::decode_native(result.bytes));
  std::vector<OriginSummary> origins;
  for (const warehouse::NativeBlock& block : blocks) {
    for (size_t row = 0; row < block.rows; ++row) {
      const auto partition = std::get<std::vector<uint32_t>>(block.columns[1].values)[row];
      origins.push_back(
          {.tp = {.topic = block.strings(0)[row], .partition = static_cast<int32_t>(partition)},
           .rows = block.u64(2)[row],
           .first = Offset(static_cast<int64_t>(block.u64(3)[row])),
           .last = Offset(static_cast<int64_t>(block.u64(4)[row]))});
    }
  }
  return origins;
}

Result<size_t> ClickHouseSink::remove_copies(const TopicPartition& tp,
                                             std::span<const Offset> offsets) {
  if (!state_->plan.proof.by_provenance) {
    return fail(Errc::kUnsupported, "{}", state_->plan.proof.reason);
  }
  return sink::remove_copies(state_->clickhouse, state_->plan.table.name, tp, offsets);
}

Result<void> ClickHouseSink::State::look_at_blocks() {
  const std::lock_guard lock(blocks_mutex);
  looked_at = std::chrono::steady_clock::now();
  for (const warehouse::TableDescription* target : targets()) {
    if (target->is_replicated()) continue;  // see replicas_may_forget()
    FRESHET_ASSIGN(
        const warehouse::QueryResult result,
        clickhouse.query(fmt::format("SELECT toUInt64(toUnixTimestamp(now())), "
                                     "toUInt64(toUnixTimestamp(modification_time)), "
                                     "toUInt64(greatest(max_block_number, 0)) FROM system.parts "
                                     "WHERE active AND database = {} AND table = {}",
                                     warehouse::quote_string(target->name.database),
                                     warehouse::quote_string(target->name.table)),
                         "Native"));
    FRESHET_ASSIGN(const std::vector<warehouse::NativeBlock> parts,
                   warehouse::decode_native(result.bytes));
    TargetBlocks& seen = blocks[target->name];
    seen.newest = 0;
    int64_t now = 0;
    for (const warehouse::NativeBlock& block : parts) {
      for (size_t row = 0; row < block.rows; ++row) {
        now = static_cast<int64_t>(block.u64(0)[row]);
        seen.history.saw(static_cast<int64_t>(block.u64(1)[row]), block.u64(2)[row]);
        seen.newest = std::max(seen.newest, block.u64(2)[row]);
      }
    }
    seen.history.saw(now, seen.newest);
    if (now == 0) continue;
    const int64_t ahead = now - std::chrono::duration_cast<std::chrono::seconds>(
                                    std::chrono::system_clock::now().time_since_epoch())
                                    .count();
    clock_ahead_s = std::abs(ahead) < kClockSlackSeconds ? 0 : ahead;
  }
  return {};
}

Result<bool> ClickHouseSink::State::token_may_be_forgotten(int64_t intent_time_ms) {
  if (intent_time_ms == 0) return false;
  FRESHET_TRY(look_at_blocks());
  for (const warehouse::TableDescription* target : targets()) {
    if (target->is_replicated()) {
      FRESHET_ASSIGN(const bool forgotten, replicas_may_forget(*target, intent_time_ms));
      if (forgotten) return true;
      continue;
    }
    const std::lock_guard lock(blocks_mutex);
    const TargetBlocks& seen = blocks[target->name];
    const uint64_t landed = seen.history.landed_since(
        intent_time_ms / 1000 + clock_ahead_s - kClockSlackSeconds, seen.newest);
    if (landed >= target->safety.deduplication_window) return true;
  }
  return false;
}

// Every block that has landed since lies in a part that is as young, with what was merged with it:
// at least so many blocks as landed, whatever partition they are numbered in. Ages instead of
// times, because the clocks are not the same.
Result<bool> ClickHouseSink::State::replicas_may_forget(const warehouse::TableDescription& target,
                                                        int64_t intent_time_ms) {
  const int64_t now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
  const int64_t age = std::max<int64_t>(0, (now_ms - intent_time_ms) / 1000) + kClockSlackSeconds;
  if (std::cmp_greater_equal(age, target.safety.deduplication_seconds)) return true;
  FRESHET_TRY(catch_up(target));
  FRESHET_ASSIGN(const warehouse::QueryResult result,
                 clickhouse.query(
                     fmt::format("SELECT toUInt64(sum(max_block_number - min_block_number + 1)) "
                                 "FROM system.parts WHERE active AND database = {} AND table = {} "
                                 "AND modification_time >= now() - INTERVAL {} SECOND",
                                 warehouse::quote_string(target.name.database),
                                 warehouse::quote_string(target.name.table), age),
                     "Native"));
  FRESHET_ASSIGN(const std::vector<warehouse::NativeBlock> blocks,
                 warehouse::decode_native(result.bytes));
  uint64_t landed = 0;
  for (const warehouse::NativeBlock& block : blocks) {
    if (block.rows > 0) landed += block.u64(0)[0];
  }
  return landed >= target.safety.deduplication_window;
}

Result<void> ClickHouseSink::State::catch_up(const warehouse::TableDescription& target) {
  if (!target.is_replicated()) return {};
  FRESHET_TRY_CONTEXT(
      clickhouse.query(fmt::format("SYSTEM SYNC REPLICA {} LIGHTWEIGHT", target.name.quoted())),
      "table {}", target.name.display());
  return {};
}

Result<void> ClickHouseSink::State::expect_no_insert(const RangeWrite& write) {
  if (!clickhouse.may_run_on()) return {};
  FRESHET_ASSIGN(const bool inserting, clickhouse.is_inserting(write.token));
  if (!inserting) return {};
  return fail(Errc::kUnavailable,
              "an INSERT of the range still runs there; what became of it is looked at when it has "
              "ended");
}

Result<bool> ClickHouseSink::State::token_completes(const RangeWrite& write,
                                                    const ReplayOutcome& found) {
  // Without a landed row nothing can be doubled now, and nothing later: the token is set anew.
  if (found.present == 0 && found.replaced == 0) return true;
  if (!clickhouse.may_run_on() || found.replaced > 0 || write.intent_time_ms == 0) return false;
  FRESHET_ASSIGN(const bool forgotten, token_may_be_forgotten(write.intent_time_ms));
  return !forgotten;
}

Result<ReplayOutcome> ClickHouseSink::State::replay_by_token(ClickHouseSink& sink,
                                                             const RangeWrite& write,
                                                             const ColumnBatch& batch,
                                                             std::span<const Offset> offsets,
                                                             ReplayOutcome outcome) {
  FRESHET_ASSIGN(const bool forgotten, token_may_be_forgotten(write.intent_time_ms));
  if (forgotten) {
    return fail(Errc::kRefused,
                "the range may have landed, and its token may have left a deduplication window "
                "since: writing it again could double rows of {}, not writing it could lose them. "
                "Compare the range by hand, then skip or resend it; larger windows "
                "(non_replicated_deduplication_window) avoid this",
                plan.views.empty() ? "the table" : "a materialized view's target");
  }
  FRESHET_TRY(send(write.token, sink.encode(write.tp, batch, offsets)));
  outcome.whole_block_resent = true;
  if (!plan.proof.by_provenance) {
    outcome.inserted = outcome.rows;
    return outcome;
  }
  FRESHET_ASSIGN(const std::vector<RowVerdict> after, sink.account(write.tp, batch, offsets));
  const auto missing = static_cast<size_t>(std::ranges::count(after, RowVerdict::kMissing));
  if (missing > 0) {
    return fail(Errc::kRefused,
                "{} of {} rows are not in the table although the engine remembers their insert: "
                "somebody deleted them",
                missing, outcome.rows);
  }
  outcome.inserted = outcome.rows - outcome.present - outcome.replaced;
  return outcome;
}

Result<void> ClickHouseSink::State::insert_missing(ClickHouseSink& sink, const RangeWrite& write,
                                                   ColumnBatch batch, std::vector<Offset> offsets,
                                                   bool whole) {
  // The table is probed after each attempt, so a token that is remembered without its rows (they
  // were deleted, say) costs one attempt and no row.
  std::string token = whole ? write.token : rest_token(write.token, offsets);
  for (int attempt = 1; attempt <= kInsertAttempts; ++attempt) {
    FRESHET_TRY(send(token, sink.encode(write.tp, batch, offsets)));
    FRESHET_ASSIGN(const std::vector<RowVerdict> after, sink.account(write.tp, batch, offsets));
    std::vector<size_t> missing;
    for (size_t row = 0; row < after.size(); ++row) {
      if (after[row] == RowVerdict::kMissing) missing.push_back(row);
    }
    if (missing.empty()) return {};
    // It may be landing just now: remembered already, and not yet to be seen.
    FRESHET_TRY(expect_no_insert(write));
    batch = select_rows(batch, missing);
    offsets = select_offsets(offsets, missing);
    token = fmt::format("{}:{}", rest_token(write.token, offsets), attempt);
  }
  return fail(Errc::kInternal, "{} rows were accepted {} times but are not in the table",
              offsets.size(), kInsertAttempts);
}

Result<ReplayOutcome> ClickHouseSink::replay(const RangeWrite& write, const ColumnBatch& batch,
                                             std::span<const Offset> offsets) {
  const std::string context =
      fmt::format("table {}: replay of {}", state_->plan.table.name.display(),
                  range_text(write.tp, write.range));
  ReplayOutcome outcome{.rows = offsets.size()};
  if (offsets.empty()) return outcome;
  FRESHET_TRY_CONTEXT(state_->expect_no_insert(write), "{}", context);
  if (!state_->plan.proof.by_provenance) {
    FRESHET_ASSIGN_CONTEXT(outcome, state_->replay_by_token(*this, write, batch, offsets, outcome),
                           "{}", context);
    return outcome;
  }
  FRESHET_ASSIGN_CONTEXT(const std::vector<RowVerdict> before,
                         judge(write.tp, batch, offsets, Survivor::kSameOrigin), "{}", context);
  std::vector<size_t> missing;
  for (size_t row = 0; row < before.size(); ++row) {
    outcome.present += before[row] == RowVerdict::kPresent ? 1 : 0;
    outcome.replaced += before[row] == RowVerdict::kReplaced ? 1 : 0;
    if (before[row] == RowVerdict::kMissing) missing.push_back(row);
  }
  if (!state_->plan.views.empty()) {
    FRESHET_ASSIGN_CONTEXT(outcome, state_->replay_by_token(*this, write, batch, offsets, outcome),
                           "{}", context);
  } else if (!missing.empty()) {
    FRESHET_ASSIGN_CONTEXT(const bool whole, state_->token_completes(write, outcome), "{}",
                           context);
    FRESHET_TRY_CONTEXT(
        whole ? state_->insert_missing(*this, write, batch,
                                       std::vector<Offset>(offsets.begin(), offsets.end()), true)
              : state_->insert_missing(*this, write, select_rows(batch, missing),
                                       select_offsets(offsets, missing), false),
        "{}", context);
    outcome.whole_block_resent = whole;
    outcome.inserted = missing.size();
  }
  logger.info("in-doubt range settled", kv("table", state_->plan.table.name.display()),
              kv("range", write.range), kv("partition", write.tp), kv("rows", outcome.rows),
              kv("present", outcome.present), kv("replaced", outcome.replaced),
              kv("inserted", outcome.inserted));
  return outcome;
}

}  // namespace freshet::sink
