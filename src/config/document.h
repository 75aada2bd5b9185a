// A YAML document as a plain tree with a position at every node; the only place that knows
// yaml-cpp.
//
// Read under limits, because a platform file may come from anywhere: size, depth, number of nodes
// (which also bounds what aliases unfold to), valid UTF-8. Duplicate keys are errors. `${NAME}` and
// `${NAME:-default}` are replaced in values (not in keys); "$${" stands for a literal "${".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/problems.h"
#include "config/source_position.h"

namespace freshet::config {

/// Value of an environment variable, none if it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

struct Node {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  struct Entry;

  Kind kind = Kind::kNull;
  SourcePosition at;
  std::string text;       // scalar: its value, variables replaced
  std::string written;    // scalar: as in the file; what messages show, so no secret gets there
  bool plain = false;     // scalar without quotes
  bool unusable = false;  // scalar with a variable that has no value: reported already
  std::vector<Node> items;
  std::vector<Entry> entries;  // in the order of the file

  /// The value of a map's key, null if it is not there.
  [[nodiscard]] const Node* find(std::string_view key) const;
  [[nodiscard]] bool is_scalar() const { return kind == Kind::kScalar; }
  [[nodiscard]] bool is_map() const { return kind == Kind::kMap; }
  [[nodiscard]] bool is_sequence() const { return kind == Kind::kSequence; }
  /// "a map", "a list", "nothing", or the scalar as written, shortened.
  [[nodiscard]] std::string describe() const;
};

struct Node::Entry {
  std::string key;
  SourcePosition key_at;
  Node value;
};

inline constexpr size_t kDocumentBytesMax = 4 * 1024 * 1024;
inline constexpr size_t kDocumentNodesMax = 200'000;
inline constexpr int kDocumentDepthMax = 32;

/// The document's root; none when the text is no YAML (the problem says where), so that nothing
/// else can be said about it. Other mistakes go to `problems` and the tree is returned.
std::optional<Node> parse_document(std::string_view text, const Environment& environment,
                                   Problems& problems);

}  // namespace freshet::config
