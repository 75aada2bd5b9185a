// Walks the tokens of one record into columns: fast along the keys' usual order, or carefully with
// the reason for whatever does not fit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "decode/fault.h"
#include "decode/json_layout.h"
#include "decode/json_plan.h"
#include "decode/json_skip.h"
#include "decode/json_value.h"
#include "decode/key_order.h"
#include "decode/value_tree.h"
#include "model/column_batch.h"
#include "model/reject.h"

namespace freshet::decode {

/// Why a record was refused, before it is tied to its offset.
struct Finding {
  RejectReason reason = RejectReason::kMalformed;
  std::string path = {};
  std::string detail = {};
};

/// Thread: one at a time. Both walks append to path columns only, and may leave some of them one
/// row longer when they fail: the caller takes that back.
class JsonWalk {
 public:
  /// `plan` and `layout` outlive the walk.
  JsonWalk(const JsonPlan& plan, const JsonLayout& layout);

  /// Says where rows go until the next call.
  void attach(ColumnBatch& out);
  [[nodiscard]] std::vector<ColumnSlot>& slots() { return slots_; }

  /// Returns the token behind the record that begins at `token` if the record is an object, fits,
  /// and has its keys in the order learned, else null; the caller checks that it ended inside its
  /// bounds. Columns that are absent are not filled: written() tells how many are there.
  const uint32_t* fast(const char* text, const uint32_t* token);
  [[nodiscard]] size_t written() const { return written_; }

  /// Walks a record that stands alone in its run: `text` ends at `size`. Learns the order of keys
  /// if `learn`.
  std::optional<Finding> careful(const char* text, size_t size, const uint32_t* token, bool learn);

 private:
  // Tokens go in and come out by value, and null means that the record left the fast walk: through
  // a reference every token would be read from memory again after each byte written to a column.
  const uint32_t* fast_object(uint32_t node, const uint32_t* token, uint32_t depth);
  const uint32_t* fast_value(KeyTarget target, const uint32_t* token, uint32_t depth);
  /// The value for all columns of the target, one after another.
  const uint32_t* fast_shared(uint32_t target, const uint32_t* token, uint32_t depth);
  Fault append_tree(uint32_t tree, const uint32_t*& token, uint32_t depth) {
    const Fault fault = trees_[tree].append(text_, token, depth);
    if (fault == Fault::kNone) written_ += trees_[tree].column_count();
    return fault;
  }

  Fault careful_object(uint32_t node, const uint32_t*& token, uint32_t depth);
  Fault careful_value(KeyTarget target, const uint32_t*& token, uint32_t depth);
  Fault careful_column(uint32_t index, const uint32_t*& token, uint32_t depth);
  Fault careful_tree(uint32_t tree, const uint32_t*& token, uint32_t depth);
  Fault null_object(const ObjectNode& node);
  Finding finding(Fault fault, const uint32_t* token, size_t size) const;
  std::string misfit_text(Fault fault, std::string_view found) const;

  const JsonPlan& plan_;
  const JsonLayout& layout_;
  JsonSkip skip_;
  std::vector<ColumnSlot> slots_;
  std::vector<ValueTree> trees_;  // as JsonLayout::trees
  std::vector<KeyOrder> orders_;  // per node
  const char* text_ = nullptr;
  size_t written_ = 0;

  // Of the careful walk under way.
  std::vector<std::vector<KeyOrder::Seen>> seen_;  // per node
  std::vector<std::string> path_;
  std::optional<uint32_t> failed_column_;
  const ColumnSlot* expected_ = nullptr;  // of that column, or inside it
};

}  // namespace freshet::decode
