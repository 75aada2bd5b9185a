// The table of a MemoryWorld as a pipeline writes and proves it.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "model/offset.h"
#include "pipeline/range_sink.h"
#include "pipeline/testing/incarnation.h"
#include "pipeline/testing/memory_world.h"
#include "warehouse/clickhouse_error.h"

namespace freshet::pipeline::testing {

/// Rows of one column, id UInt64. Knows which offsets it holds, and remembers tokens.
class MemorySink final : public RangeSink {
 public:
  MemorySink(MemoryWorld& world, Incarnation& self) : world_(world), self_(self) {
    const ColumnType type = parse_clickhouse_type("UInt64").value();
    columns_.push_back({.field = {"id", type},
                        .when_missing = sink::WhenMissing::kConstant,
                        .has_default = false,
                        .constant = Column(type)});
    columns_.back().constant.append_default();
    schema_ = std::make_shared<const Schema>(Schema{{"id", type}});
    proof_.by_provenance = true;
  }

  void set_proof(sink::Proof proof) { proof_ = std::move(proof); }
  [[nodiscard]] const std::vector<sink::SinkColumn>& columns() const override { return columns_; }
  [[nodiscard]] const std::shared_ptr<const Schema>& schema() const override { return schema_; }
  [[nodiscard]] const sink::Proof& proof() const override { return proof_; }
  [[nodiscard]] std::string display() const override { return "table memory"; }

  /// "offset:id," for every row.
  [[nodiscard]] sink::EncodedBlock encode(const TopicPartition&, const ColumnBatch& batch,
                                          std::span<const Offset> offsets) const override {
    sink::EncodedBlock block{.bytes = "", .rows = offsets.size()};
    const auto ids = batch.column(0).fixed<uint64_t>();
    for (size_t i = 0; i < offsets.size(); ++i) {
      block.bytes += fmt::format("{}:{},", offsets[i], ids[i]);
    }
    return block;
  }

  Result<void> write(const sink::RangeWrite& write, const sink::EncodedBlock& block) override {
    FRESHET_TRY(obstacle());
    const std::lock_guard lock(world_.mutex);
    return self_.act("write", [&](bool half) { return land(write, rows_of(write, block), half); });
  }

  Result<sink::ReplayOutcome> replay(const sink::RangeWrite& write, const ColumnBatch& batch,
                                     std::span<const Offset> offsets) override {
    FRESHET_TRY(obstacle());
    const std::lock_guard lock(world_.mutex);
    world_.table.replays.push_back(write);
    sink::ReplayOutcome outcome{.rows = offsets.size()};
    std::vector<MemoryTable::Row> missing;
    const auto ids = batch.column(0).fixed<uint64_t>();
    if (world_.table.has_view) {
      for (size_t i = 0; i < offsets.size(); ++i) missing.push_back({write.tp, offsets[i], ids[i]});
      FRESHET_TRY(self_.act("replay", [&](bool half) { return land(write, missing, half); }));
      outcome.whole_block_resent = true;
      return outcome;
    }
    for (size_t i = 0; i < offsets.size(); ++i) {
      const bool there = std::ranges::any_of(world_.table.rows, [&](const auto& row) {
        return row.tp == write.tp && row.offset == offsets[i];
      });
      if (there) {
        ++outcome.present;
      } else {
        missing.push_back({write.tp, offsets[i], ids[i]});
      }
    }
    outcome.inserted = missing.size();
    if (missing.empty()) return outcome;
    outcome.whole_block_resent = outcome.present == 0;
    auto name = write;
    // Part of a range has a name of its own: the whole range's would be swallowed.
    if (!outcome.whole_block_resent || world_.table.tokens.contains(name.token)) {
      name.token += fmt::format("/missing from {} ({})", missing.front().offset, missing.size());
    }
    FRESHET_TRY(self_.act("replay", [&](bool half) { return land(name, missing, half); }));
    return outcome;
  }

  Result<sink::OffsetPresence> probe(const TopicPartition& tp, OffsetRange range) override {
    const std::lock_guard lock(world_.mutex);
    sink::OffsetPresence presence(range);
    for (const auto& row : world_.table.rows) {
      if (row.tp == tp) presence.add(row.offset);
    }
    return presence;
  }

  Result<std::vector<sink::RowVerdict>> account(const TopicPartition& tp, const ColumnBatch& batch,
                                                std::span<const Offset> offsets) override {
    const std::lock_guard lock(world_.mutex);
    std::vector<sink::RowVerdict> verdicts;
    const auto ids = batch.column(0).fixed<uint64_t>();
    for (size_t i = 0; i < offsets.size(); ++i) {
      auto verdict = sink::RowVerdict::kMissing;
      for (const auto& row : world_.table.rows) {
        if (row.id != ids[i]) continue;
        const bool itself = row.tp == tp && row.offset == offsets[i];
        if (verdict == sink::RowVerdict::kMissing) verdict = sink::RowVerdict::kReplaced;
        if (itself) verdict = sink::RowVerdict::kPresent;
      }
      verdicts.push_back(verdict);
    }
    return verdicts;
  }

  Result<std::vector<sink::OriginSummary>> origins() override {
    const std::lock_guard lock(world_.mutex);
    std::map<TopicPartition, sink::OriginSummary> by_tp;
    for (const auto& row : world_.table.rows) {
      auto [it, fresh] = by_tp.try_emplace(
          row.tp, sink::OriginSummary{.tp = row.tp, .first = row.offset, .last = row.offset});
      ++it->second.rows;
      it->second.first = std::min(it->second.first, row.offset);
      it->second.last = std::max(it->second.last, row.offset);
    }
    std::vector<sink::OriginSummary> all;
    for (auto& [tp, summary] : by_tp) all.push_back(summary);
    return all;
  }

  Result<bool> is_empty() override {
    const std::lock_guard lock(world_.mutex);
    return world_.table.rows.empty();
  }

  Result<size_t> remove_copies(const TopicPartition& tp, std::span<const Offset> offsets) override {
    const std::lock_guard lock(world_.mutex);
    size_t removed = 0;
    FRESHET_TRY(self_.act("remove", [&](bool) -> Result<void> {
      std::set<Offset> seen;
      removed = std::erase_if(world_.table.rows, [&](const auto& row) {
        const bool asked = row.tp == tp && std::ranges::find(offsets, row.offset) != offsets.end();
        return asked && !seen.insert(row.offset).second;
      });
      return {};
    }));
    return removed;
  }
  [[nodiscard]] bool has_views() const override { return world_.table.has_view; }

  [[nodiscard]] WriteFailure classify(const Error& error) const override {
    if (warehouse::clickhouse_code(error)) return classifier_.classify(error);
    if (error.code() == Errc::kInvalidArgument) return WriteFailure::kRefused;
    return is_retriable(error.code()) || error.code() == Errc::kCancelled ? WriteFailure::kRetriable
                                                                          : WriteFailure::kFatal;
  }

  Result<void> check_divisible(const TopicPartition& tp, std::span<const Offset> offsets) override {
    if (!world_.table.has_view) return {};
    const std::lock_guard lock(world_.mutex);
    const auto there = std::ranges::count_if(world_.table.rows, [&](const auto& row) {
      return row.tp == tp && std::ranges::find(offsets, row.offset) != offsets.end();
    });
    if (there == 0 || !asks_before_dividing) return {};
    return fail(Errc::kRefused, "{} of its rows are in the table already", there);
  }
  [[nodiscard]] RejectReason refusal(const Error& error) const override {
    return error.message().find("while pushing to view") != std::string::npos
               ? RejectReason::kRefusedByView
               : RejectReason::kRefusedByTable;
  }

  [[nodiscard]] Trouble trouble(const Error& error) const override {
    return classifier_.trouble(error);
  }

  bool asks_before_dividing = true;  // off: for the model to see the harm
  /// Called by every write and replay before anything else: the destination in trouble, which fails
  /// or hangs as long as this does.
  std::function<Result<void>()> obstacle = [] { return Result<void>(); };

 private:
  static std::vector<MemoryTable::Row> rows_of(const sink::RangeWrite& write,
                                               const sink::EncodedBlock& block) {
    std::vector<MemoryTable::Row> rows;
    for (size_t at = 0; at < block.bytes.size();) {
      char* end = nullptr;
      const int64_t offset = std::strtoll(block.bytes.c_str() + at, &end, 10);
      const uint64_t id = std::strtoull(end + 1, &end, 10);
      rows.push_back({write.tp, Offset(offset), id});
      at = static_cast<size_t>(end - block.bytes.c_str()) + 1;
    }
    return rows;
  }

  /// As the engine does: all rows pass the table's constraints and the view before anything lands.
  Result<void> land(const sink::RangeWrite& write, const std::vector<MemoryTable::Row>& rows,
                    bool half) {
    auto& table = world_.table;
    for (const auto& row : rows) {
      if (table.refused_ids.contains(row.id)) {
        return fail(Errc::kInvalidArgument, "constraint: id {} is refused", row.id);
      }
      if (table.has_view && table.refused_by_view.contains(row.id)) {
        return fail(Errc::kInvalidArgument, "id {} is refused while pushing to view v", row.id);
      }
    }
    if (table.has_view) {
      if (table.tokens.insert(write.token).second) {
        table.rows.insert(table.rows.end(), rows.begin(), rows.end());
      }
      if (!half && table.view_tokens.insert(write.token).second) {
        table.view_rows.insert(table.view_rows.end(), rows.begin(), rows.end());
      }
      return {};
    }
    if (world_.table.tokens.contains(write.token)) return {};
    const size_t count = half ? rows.size() / 2 : rows.size();
    world_.table.rows.insert(world_.table.rows.end(), rows.begin(),
                             rows.begin() + static_cast<std::ptrdiff_t>(count));
    if (!half) world_.table.tokens.insert(write.token);
    return {};
  }

  MemoryWorld& world_;
  Incarnation& self_;
  std::vector<sink::SinkColumn> columns_;
  std::shared_ptr<const Schema> schema_;
  sink::Proof proof_;
  const ClickHouseRangeSink classifier_{nullptr};  // of errors with a ClickHouse code
};

}  // namespace freshet::pipeline::testing
