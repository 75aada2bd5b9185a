// Arrays and objects into the columns that are made of columns.
//
//   Array(T)            [T, …]
//   Tuple(T, …)         [T, …] of exactly as many values
//   Tuple(name T, …)    {"name": T, …}; what is missing and what is too much follows the rules
//   Map(K, V)           {"key": V, …}; a key is a text of K: as it is for texts, times, addresses
//                       and names, in decimal for numbers, "true" or "false" for Bool. No key
//                       twice, whatever its spelling ("7" and "07.0" would be two of a Decimal)
//   JSON                an object, kept as the text that stands there. No key twice in any object,
//                       integers of 64 bits, other numbers within Float64
//   columns of a Nested [{"name": T, …}, …]: the members of all objects become an Array a column
//
// Inside, values are held to the rules of json_decoder.h, and to the same limit of depth.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decode/fault.h"
#include "decode/json_layout.h"
#include "decode/json_plan.h"
#include "decode/json_skip.h"
#include "decode/json_value.h"
#include "decode/key_set.h"
#include "model/column_batch.h"

namespace freshet::decode {

/// Thread: one at a time.
class ValueTree {
 public:
  struct Rules {
    UnknownFieldPolicy unknown_fields = UnknownFieldPolicy::kIgnore;
    bool elements_needed = false;  // else they get their type's default
    uint32_t depth_max = 64;
    size_t default_bytes_max = 64 << 20;  // of one value
    uint8_t epoch_digits = 0;
  };

  /// Whether values of such a column are read by a tree.
  static bool reads(ColumnKind kind) { return is_composite(kind) || kind == ColumnKind::kJson; }

  ValueTree(const ColumnType& type, const Rules& rules);
  /// The columns of a Nested: their members' names and the types of the columns, Array(T) each.
  ValueTree(const Schema& members, const Rules& rules);

  /// Says where rows go until the next call: one column, or those of the Nested in their order.
  void attach(std::span<Column* const> columns);
  [[nodiscard]] size_t column_count() const { return columns_.size(); }

  /// Appends one row of the value that begins at `token` to each column, and moves `token` behind
  /// it. A fault leaves `token` where it was found and the columns half-written: Column::truncate()
  /// takes that back.
  Fault append(const char* text, const uint32_t*& token, uint32_t depth);

  // About the last append() that was a fault.

  /// Keys and positions from the value down to what was wrong, the last first.
  [[nodiscard]] const std::vector<std::string>& path_upwards() const { return path_upwards_; }
  /// What was expected there.
  [[nodiscard]] const ColumnSlot& expected() const { return *expected_; }

 private:
  /// A column with what its values are made of.
  struct Node {
    Node(const ColumnType& type, uint8_t epoch_digits);
    ColumnSlot slot;
    std::vector<Node> parts;
    TextMap<uint32_t> by_name;  // of a Tuple with names
    size_t default_bytes;       // that a default takes
    uint64_t object = 0;        // the last one (by objects_) that had this member
  };

  static void attach(Node& node, Column& column);
  Fault append_to(Node& node, const uint32_t*& token, uint32_t depth);
  Fault append_by_kind(Node& node, const uint32_t*& token, uint32_t depth);
  Fault append_json(Node& node, const uint32_t*& token, uint32_t depth);
  Fault append_array(Node& node, const uint32_t*& token, uint32_t depth);
  Fault append_tuple(Node& node, const uint32_t*& token, uint32_t depth);
  Fault append_map(Node& node, const uint32_t*& token, uint32_t depth);
  Fault append_key(ColumnSlot& key, const uint32_t* token);
  Fault append_nested(const uint32_t*& token, uint32_t depth);
  Fault append_members(Node& node, const uint32_t*& token, uint32_t depth);
  Fault append_missing(Node& node, uint64_t object);
  Fault append_unknown(std::optional<KeySet>& seen, std::string_view key, const uint32_t*& token,
                       uint32_t depth);
  Fault count_default(const Node& node);
  Fault misfit_at(const uint32_t* token) const;
  [[nodiscard]] bool opens(const uint32_t* token, char bracket) const {
    return text_[*token] == bracket;
  }

  Rules rules_;
  JsonSkip skip_;
  JsonSkip skip_kept_;
  Node root_;  // of a Nested: an Array of Tuple
  bool nested_ = false;
  std::vector<Column*> columns_;
  uint64_t objects_ = 0;  // read so far, good or bad

  // Of the append() under way.
  const char* text_ = nullptr;
  size_t default_bytes_ = 0;
  std::vector<std::string> path_upwards_;
  const ColumnSlot* expected_ = nullptr;
};

}  // namespace freshet::decode
