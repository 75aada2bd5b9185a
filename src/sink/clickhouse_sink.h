// Writes ranges of a log into one ClickHouse table, so that doing it twice changes nothing.
//
// One range = one block = one INSERT with a token derived from the range. Rows carry their origin
// in the provenance columns _topic, _partition, _offset if the table has them.
//
// Thread: all methods may be called from any thread at the same time; encode() is pure CPU, the
// others block on the ClickHouse. It outlives the sink.
//
// Durability: when write() returns, the rows are in the table and in all its materialized views'
// targets, fsynced (open() refuses tables that do not fsync). What the table remembers of tokens is
// durable too where ClickHouse is this process's own. A server writes it before the part and does
// not fsync it: a server that is killed, or loses power, in that moment remembers a token without
// its rows, or rows without their token. The probe finds out for the table itself; for the target
// of a materialized view, and for a table without provenance columns, nothing does.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/column_batch.h"
#include "model/offset.h"
#include "model/topic_id.h"
#include "sink/offset_presence.h"
#include "warehouse/clickhouse.h"
#include "warehouse/table.h"

namespace freshet::sink {

enum class Survivor;  // sink/row_account.h

/// What stands in a column for a record that has no such field.
enum class WhenMissing {
  kConstant,    // SinkColumn::constant: the column's DEFAULT, evaluated once, or the type's zero
  kNull,        // Nullable without a DEFAULT
  kRecordTime,  // DEFAULT now(), now64(), today(): the record's own timestamp, so that a replay
                // writes the same row
};

struct SinkColumn {
  Field field;
  WhenMissing when_missing = WhenMissing::kConstant;
  bool has_default = false;  // the table declares a DEFAULT (else zero or null stands in)
  Column constant;           // exactly one row if kConstant, else empty
};

struct ClickHouseSinkOptions {
  bool require_provenance = false;  // refuse a table without provenance columns
  /// How often write() looks whether the table is still the same, and how many parts it has.
  std::chrono::milliseconds look_every{10'000};
};

/// Why a table can or cannot be proven complete, row by row.
struct Proof {
  bool by_provenance = false;  // else ranges rest on intent and token alone
  std::string reason;          // one sentence for people
};

/// One range, ready to be sent. Made by encode().
struct EncodedBlock {
  std::string bytes;  // Native
  size_t rows = 0;
};

/// Where a block comes from and the name under which it is written.
struct RangeWrite {
  TopicPartition tp;
  TopicId topic_id;
  OffsetRange range;
  std::string token;  // derived from the range alone: range_token()
  /// When the range was first about to be written (Unix milliseconds; from its intent). replay()
  /// tells with it whether the token can still be in the deduplication windows. 0: not known, the
  /// token is trusted.
  int64_t intent_time_ms = 0;
};

/// "v1:<pipeline>:<epoch>:<topic id>:<partition>:<first>-<last>"
[[nodiscard]] std::string range_token(std::string_view pipeline, uint64_t epoch,
                                      const TopicId& topic_id, int32_t partition,
                                      OffsetRange range);

/// What became of one row of an in-doubt range or of a verification.
enum class RowVerdict : uint8_t {
  kPresent,
  kReplaced,  // collapsed by the table's own key; the surviving row of that key was seen
  kMissing,
};

/// What replay() found and did.
struct ReplayOutcome {
  size_t rows = 0;                  // of the range
  size_t present = 0;               // were there already
  size_t replaced = 0;              // were there and have been collapsed by the table's key
  size_t inserted = 0;              // are there now because of this call
  bool whole_block_resent = false;  // under the original token
};

/// Rows per (topic, partition) in the table; verify finds rows of foreign origin with it.
struct OriginSummary {
  TopicPartition tp;
  uint64_t rows = 0;
  Offset first;
  Offset last;
};

/// Of the table itself, whoever wrote; targets of views are not counted.
struct PartCounts {
  uint64_t active = 0;
  uint64_t made = 0;  // since open(), by inserts; 0 for a replicated table, which numbers otherwise
};

class ClickHouseSink {
 public:
  /// Describes the table and checks everything that would break exactly-once. kRefused: ONE message
  /// that lists every problem with the statement that mends it: table missing, no deduplication
  /// window or no fsync on the table or on a materialized view's target, Distributed or other
  /// engine that cannot deduplicate, async inserts forced by the table, a column type that cannot
  /// be written.
  static Result<std::unique_ptr<ClickHouseSink>> open(warehouse::ClickHouse& clickhouse,
                                                      std::string_view table,
                                                      const ClickHouseSinkOptions& options = {});
  ~ClickHouseSink();

  /// The columns that a batch must have, in this order, without the provenance columns. Columns
  /// that the table computes (MATERIALIZED, ALIAS, or a DEFAULT over other columns or a generator
  /// such as generateUUIDv4()) are not among them.
  [[nodiscard]] const std::vector<SinkColumn>& columns() const;
  /// The same as a Schema, shared by all batches for this table.
  [[nodiscard]] const std::shared_ptr<const Schema>& schema() const;
  [[nodiscard]] const Proof& proof() const;
  [[nodiscard]] const warehouse::TableDescription& table() const;
  /// Whether rows also go through materialized views.
  [[nodiscard]] bool has_views() const;

  /// `offsets[i]` is the offset of row i of `batch`. Rows of one topic partition.
  [[nodiscard]] EncodedBlock encode(const TopicPartition& tp, const ColumnBatch& batch,
                                    std::span<const Offset> offsets) const;

  /// The INSERT that write() sends, without a token: for measuring what the engine alone can do.
  [[nodiscard]] warehouse::InsertStatement insert_statement() const;

  /// Sends the block as one INSERT. Every `look_every` it looks first whether the table is still
  /// the one that was opened: kRefused if it was dropped and created again, or exchanged.
  /// Any error leaves the range in doubt: replay() it before going
  /// on. An empty block is done at once.
  Result<void> write(const RangeWrite& write, const EncodedBlock& block);

  /// Which offsets of the range are in the table, and which more than once. kUnsupported for a
  /// table without provenance columns.
  Result<OffsetPresence> probe(const TopicPartition& tp, OffsetRange range);

  /// One verdict per row of `batch`.
  Result<std::vector<RowVerdict>> account(const TopicPartition& tp, const ColumnBatch& batch,
                                          std::span<const Offset> offsets);

  /// Brings a range that may have landed wholly, partly or not at all to "landed exactly once".
  /// Safe to repeat, also after a crash in the middle of it; replay the ranges of a topic partition
  /// in order. What it does:
  ///
  ///   provenance  views  rows there          done
  ///   yes         no     all, or replaced    nothing
  ///   yes         no     none                the block, under its token; then probed
  ///   yes         no     some                the missing rows only, as one block under a token of
  ///                                          their own: the probe is exact, whatever the window
  ///                                          (but see below)
  ///   yes         yes    any                 the block, under its token: the table and every
  ///   view's
  ///                                          target complete what they lack, partition by
  ///                                          partition, and skip what they have; then probed
  ///   no          any    unknown             the same, not probed
  ///
  /// Where an INSERT may run on without its sender (a server), it may still land while this looks:
  ///   - an INSERT of the range that is seen to run is waited for: kUnavailable, to be repeated
  ///   - "some" means that it may be landing part by part: the whole block is sent under its token
  ///     first, which completes what is missing and makes the table refuse whatever comes late;
  ///     unless the token may be forgotten, or rows of it were collapsed
  ///   - before rows go under a token of their own it is looked again that none runs
  ///
  /// A row that a ReplacingMergeTree collapsed counts as there and is not written again over the
  /// newer row.
  /// kRefused: a view or a missing provenance leaves only the token, and more part-blocks than the
  /// window holds may have landed since `intent_time_ms`, so that both writing and not writing
  /// could be wrong; or the token is remembered but rows are gone (deleted by a mutation).
  Result<ReplayOutcome> replay(const RangeWrite& write, const ColumnBatch& batch,
                               std::span<const Offset> offsets);

  /// As seen by the last look that a write took.
  [[nodiscard]] PartCounts parts() const;

  Result<std::vector<OriginSummary>> origins();
  /// Whether the table has no row at all; costs nothing, however large it is.
  Result<bool> is_empty();

  /// Deletes all rows but one of each of these offsets (copy_removal.h); views do not see it.
  Result<size_t> remove_copies(const TopicPartition& tp, std::span<const Offset> offsets);

 private:
  struct State;
  explicit ClickHouseSink(std::unique_ptr<State> state);
  Result<std::vector<RowVerdict>> judge(const TopicPartition& tp, const ColumnBatch& batch,
                                        std::span<const Offset> offsets, Survivor survivor);
  std::unique_ptr<State> state_;
};

}  // namespace freshet::sink
