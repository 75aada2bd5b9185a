// A JsonPlan made ready for walking: the tree of keys that columns look at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "decode/json_plan.h"

namespace freshet::decode {

/// Lets maps of strings be asked with views.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <class Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

/// What stands behind one key of an object.
struct KeyTarget {
  enum class Kind : uint8_t {
    kUnknown,  // no column looks there
    kColumn,   // `index` into the plan's columns
    kColumns,  // `index` into JsonLayout::shared: several columns take the same value
    kTree,     // `index` into JsonLayout::trees
    kObject,   // `index` into JsonLayout::nodes
  };
  Kind kind = Kind::kUnknown;
  uint32_t index = 0;
  friend bool operator==(const KeyTarget&, const KeyTarget&) = default;
};

/// One object that holds columns, at whatever depth. Node 0 is the record.
struct ObjectNode {
  TextMap<KeyTarget> keys;
  std::vector<uint32_t> columns;  // all below it, for a null in its place
};

/// A value that a ValueTree reads: for one column, or for all of a Nested.
struct TreeColumns {
  std::vector<uint32_t> columns;
  bool nested = false;
};

struct JsonLayout {
  static constexpr uint32_t kNoTree = UINT32_MAX;

  std::vector<ObjectNode> nodes;
  std::vector<std::vector<uint32_t>> shared;
  std::vector<TreeColumns> trees;
  std::vector<uint32_t> tree_of;           // per column of the plan: its tree, or kNoTree
  std::vector<uint32_t> path_columns;      // those that a document fills
  std::vector<uint32_t> metadata_columns;  // the others

  /// kInvalidArgument names the column whose path cannot be.
  static Result<JsonLayout> compile(const JsonPlan& plan);
};

}  // namespace freshet::decode
