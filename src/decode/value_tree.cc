#include "decode/value_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/check.h"

namespace freshet::decode {
namespace {

constexpr size_t kNoPart = SIZE_MAX;

ColumnType list_of(const Schema& members) {
  ColumnType tuple{.kind = ColumnKind::kTuple};
  for (const auto& [name, type] : members) {
    FRESHET_CHECK(type.kind == ColumnKind::kArray, "{}", to_clickhouse_type(type));
    tuple.part_names.push_back(name);
    tuple.parts.push_back(type.parts[0]);
  }
  ColumnType list{.kind = ColumnKind::kArray};
  list.parts.push_back(std::move(tuple));
  return list;
}

/// Position of the part that a key means, given the one that is likely; kNoPart also for a key with
/// a bad escape.
size_t find_part(const TextMap<uint32_t>& by_name, const std::vector<std::string>& names,
                 std::string_view key, size_t likely) {
  std::string meaning;
  if (has_backslash(key.data(), key.size())) [[unlikely]] {
    if (unescape(key, meaning) != Fault::kNone) return kNoPart;
    key = meaning;
  }
  if (likely < names.size() && names[likely] == key) return likely;
  const auto found = by_name.find(key);
  return found == by_name.end() ? kNoPart : found->second;
}

/// A key for people; as it was written if it means nothing.
std::string shown_key(std::string_view raw) {
  std::string meaning;
  return unescape(raw, meaning) == Fault::kNone ? meaning : std::string(raw);
}

/// Bytes of columns that a default takes, with everything inside.
size_t default_size(const ColumnType& type) {
  if (type.kind != ColumnKind::kTuple) return std::max(fixed_width(type), sizeof(int32_t));
  size_t sum = 0;
  for (const ColumnType& part : type.parts) sum += default_size(part);
  return sum;
}

/// Kinds of which no two texts are the same value.
bool is_text(ColumnKind kind) {
  return kind == ColumnKind::kString || kind == ColumnKind::kLowCardinalityString;
}

/// The bytes of the last row of a column of fixed width.
std::string last_value(const Column& column) {
  const auto value = column.values().last(fixed_width(column.type()));
  return {reinterpret_cast<const char*>(value.data()), value.size()};
}

}  // namespace

ValueTree::Node::Node(const ColumnType& type, uint8_t epoch_digits)
    : slot(type, epoch_digits), default_bytes(default_size(type)) {
  parts.reserve(type.parts.size());
  for (const ColumnType& part : type.parts) parts.emplace_back(part, epoch_digits);
  for (size_t i = 0; i < type.part_names.size(); ++i) {
    by_name.emplace(type.part_names[i], static_cast<uint32_t>(i));
  }
}

ValueTree::ValueTree(const ColumnType& type, const Rules& rules)
    : rules_(rules),
      skip_(rules.depth_max, JsonSkip::What::kIgnored),
      skip_kept_(rules.depth_max, JsonSkip::What::kKept),
      root_(type, rules.epoch_digits),
      columns_(1) {}

ValueTree::ValueTree(const Schema& members, const Rules& rules)
    : rules_(rules),
      skip_(rules.depth_max, JsonSkip::What::kIgnored),
      skip_kept_(rules.depth_max, JsonSkip::What::kKept),
      root_(list_of(members), rules.epoch_digits),
      nested_(true),
      columns_(members.size()) {}

void ValueTree::attach(Node& node, Column& column) {
  node.slot.column = &column;
  // The entries of a map are tuples, whose parts are the map's own.
  Column& around = column.type().kind == ColumnKind::kMap ? column.child() : column;
  for (size_t i = 0; i < node.parts.size(); ++i) attach(node.parts[i], around.child(i));
}

void ValueTree::attach(std::span<Column* const> columns) {
  FRESHET_CHECK_EQ(columns.size(), columns_.size());
  columns_.assign(columns.begin(), columns.end());
  if (!nested_) return attach(root_, *columns_[0]);
  auto& members = root_.parts[0].parts;
  for (size_t i = 0; i < columns_.size(); ++i) attach(members[i], columns_[i]->child());
}

Fault ValueTree::append(const char* text, const uint32_t*& token, uint32_t depth) {
  text_ = text;
  path_upwards_.clear();
  expected_ = nullptr;
  default_bytes_ = 0;
  const Fault fault = nested_ ? append_nested(token, depth) : append_to(root_, token, depth);
  if (fault != Fault::kNone && expected_ == nullptr) expected_ = &root_.slot;
  return fault;
}

Fault ValueTree::append_to(Node& node, const uint32_t*& token, uint32_t depth) {
  const Fault fault = append_by_kind(node, token, depth);
  if (fault != Fault::kNone && expected_ == nullptr) expected_ = &node.slot;
  return fault;
}

Fault ValueTree::append_by_kind(Node& node, const uint32_t*& token, uint32_t depth) {
  switch (node.slot.type.kind) {
    case ColumnKind::kJson:
      return append_json(node, token, depth);
    case ColumnKind::kArray:
      return append_array(node, token, depth);
    case ColumnKind::kTuple:
      return append_tuple(node, token, depth);
    case ColumnKind::kMap:
      return append_map(node, token, depth);
    default: {
      const Fault fault = append_value(node.slot, text_ + token[0], text_ + token[1]);
      if (fault != Fault::kNone) return fault;
      const bool null = opens(token++, 'n');
      return null ? count_default(node) : Fault::kNone;
    }
  }
}

Fault ValueTree::count_default(const Node& node) {
  default_bytes_ += node.default_bytes;
  return default_bytes_ > rules_.default_bytes_max ? Fault::kTooLarge : Fault::kNone;
}

Fault ValueTree::misfit_at(const uint32_t* token) const {
  const char* const value = text_ + token[0];
  const char* const next = text_ + token[1];
  if (*value == 'n' && scalar_text(value, next) == "null") return Fault::kNullNotAllowed;
  return misfit(value, next);
}

Fault ValueTree::append_json(Node& node, const uint32_t*& token, uint32_t depth) {
  if (!opens(token, '{')) {
    const Fault fault = misfit_at(token);
    if (fault != Fault::kNullNotAllowed || !node.slot.type.nullable) return fault;
    node.slot.column->append_null();
    ++token;
    return Fault::kNone;
  }
  const uint32_t begin = *token;
  if (const Fault fault = skip_kept_.value(text_, token, depth); fault != Fault::kNone) {
    return fault;
  }
  const uint32_t end = token[-1] + 1;  // behind the closing brace
  node.slot.column->append_string({text_ + begin, end - begin});
  return Fault::kNone;
}

Fault ValueTree::append_array(Node& node, const uint32_t*& token, uint32_t depth) {
  if (!opens(token, '[')) return misfit_at(token);
  if (depth >= rules_.depth_max) return Fault::kTooDeep;
  ++token;
  if (opens(token, ']')) {
    ++token;
    node.slot.column->finish_list();
    return Fault::kNone;
  }
  for (size_t i = 0;; ++i) {
    if (const Fault fault = append_to(node.parts[0], token, depth + 1); fault != Fault::kNone) {
      path_upwards_.push_back(fmt::to_string(i));
      return fault;
    }
    const char after = text_[*token];
    if (after != ',' && after != ']') return Fault::kMalformed;
    ++token;
    if (after == ']') break;
  }
  node.slot.column->finish_list();
  return Fault::kNone;
}

Fault ValueTree::append_tuple(Node& node, const uint32_t*& token, uint32_t depth) {
  if (!node.slot.type.part_names.empty()) {
    if (!opens(token, '{')) return misfit_at(token);
    const Fault fault = append_members(node, token, depth);
    if (fault == Fault::kNone) node.slot.column->finish_tuple();
    return fault;
  }
  if (!opens(token, '[')) return misfit_at(token);
  if (depth >= rules_.depth_max) return Fault::kTooDeep;
  const uint32_t* const begin = token++;
  for (size_t i = 0; i < node.parts.size(); ++i) {
    if (opens(token, ']')) {  // too few
      token = begin;
      return Fault::kWrongType;
    }
    if (const Fault fault = append_to(node.parts[i], token, depth + 1); fault != Fault::kNone) {
      path_upwards_.push_back(fmt::to_string(i));
      return fault;
    }
    const bool last = i + 1 == node.parts.size();
    const char after = text_[*token];
    if (after != ',' && after != ']') return Fault::kMalformed;
    if (last != (after == ']')) {  // too many, or too few
      token = begin;
      return Fault::kWrongType;
    }
    ++token;
  }
  node.slot.column->finish_tuple();
  return Fault::kNone;
}

/// `token` is the key.
Fault ValueTree::append_key(ColumnSlot& key, const uint32_t* token) {
  Fault fault = append_value(key, text_ + token[0], text_ + token[1]);
  if (fault == Fault::kWrongType) {
    const auto body = string_body(text_ + token[0], text_ + token[1]);
    if (key.type.kind == ColumnKind::kBool && (body == "true" || body == "false")) {
      key.column->append_fixed(static_cast<uint8_t>(body == "true"));
      return Fault::kNone;
    }
    fault = append_number(key, body);
    if (fault == Fault::kMalformed) fault = Fault::kWrongType;
  }
  if (fault != Fault::kNone) expected_ = &key;
  return fault;
}

Fault ValueTree::append_map(Node& node, const uint32_t*& token, uint32_t depth) {
  if (!opens(token, '{')) return misfit_at(token);
  if (depth >= rules_.depth_max) return Fault::kTooDeep;
  ColumnSlot& key = node.parts[0].slot;
  Column& entries = node.slot.column->child();
  KeySet keys;
  std::unordered_set<std::string> values;  // of keys that are no texts
  ++token;
  if (opens(token, '}')) {
    ++token;
    node.slot.column->finish_list();
    return Fault::kNone;
  }
  while (true) {
    if (!opens(token, '"')) return Fault::kMalformed;
    if (text_[token[1]] != ':') {
      ++token;
      return Fault::kMalformed;
    }
    const auto raw = string_body(text_ + token[0], text_ + token[1]);
    Fault fault = keys.insert(raw);
    if (fault == Fault::kNone) fault = append_key(key, token);
    if (fault == Fault::kNone && !is_text(key.type.kind) &&
        !values.insert(last_value(*key.column)).second) {
      fault = Fault::kDuplicateKey;
    }
    if (fault == Fault::kNone) {
      token += 2;
      fault = append_to(node.parts[1], token, depth + 1);
    }
    if (fault != Fault::kNone) {
      path_upwards_.push_back(shown_key(raw));
      return fault;
    }
    entries.finish_tuple();
    const char after = text_[*token];
    if (after != ',' && after != '}') return Fault::kMalformed;
    ++token;
    if (after == '}') break;
  }
  node.slot.column->finish_list();
  return Fault::kNone;
}

Fault ValueTree::append_nested(const uint32_t*& token, uint32_t depth) {
  if (!opens(token, '[')) return misfit_at(token);
  if (depth >= rules_.depth_max) return Fault::kTooDeep;
  Node& object = root_.parts[0];
  ++token;
  bool more = !opens(token, ']');
  if (!more) ++token;
  for (size_t i = 0; more; ++i) {
    const Fault fault =
        opens(token, '{') ? append_members(object, token, depth + 1) : misfit_at(token);
    if (fault != Fault::kNone) {
      if (expected_ == nullptr) expected_ = &object.slot;
      path_upwards_.push_back(fmt::to_string(i));
      return fault;
    }
    const char after = text_[*token];
    if (after != ',' && after != ']') return Fault::kMalformed;
    ++token;
    more = after == ',';
  }
  for (Column* const column : columns_) column->finish_list();
  return Fault::kNone;
}

/// The members of an object become one row of each part.
Fault ValueTree::append_members(Node& node, const uint32_t*& token, uint32_t depth) {
  if (depth >= rules_.depth_max) return Fault::kTooDeep;
  const auto& names = node.slot.type.part_names;
  const uint64_t object = ++objects_;
  std::optional<KeySet> unknown;  // mostly there are none
  size_t likely = 0;
  size_t filled = 0;
  ++token;
  bool more = !opens(token, '}');
  if (!more) ++token;
  while (more) {
    if (!opens(token, '"')) return Fault::kMalformed;
    if (text_[token[1]] != ':') {
      ++token;
      return Fault::kMalformed;
    }
    const auto raw = string_body(text_ + token[0], text_ + token[1]);
    const size_t index = find_part(node.by_name, names, raw, likely);
    Fault fault = Fault::kDuplicateKey;
    if (index == kNoPart) {
      fault = append_unknown(unknown, raw, token, depth + 1);
    } else if (Node& part = node.parts[index]; part.object != object) {
      part.object = object;
      token += 2;
      fault = append_to(part, token, depth + 1);
      likely = index + 1;
      ++filled;
    }
    if (fault != Fault::kNone) {
      path_upwards_.push_back(index == kNoPart ? shown_key(raw) : names[index]);
      return fault;
    }
    const char after = text_[*token];
    if (after != ',' && after != '}') return Fault::kMalformed;
    ++token;
    more = after == ',';
  }
  return filled == names.size() ? Fault::kNone : append_missing(node, object);
}

Fault ValueTree::append_missing(Node& node, uint64_t object) {
  for (size_t i = 0; i < node.parts.size(); ++i) {
    Node& part = node.parts[i];
    if (part.object == object) continue;
    if (rules_.elements_needed) {
      path_upwards_.push_back(node.slot.type.part_names[i]);
      expected_ = &part.slot;
      return Fault::kMissingField;
    }
    if (const Fault fault = count_default(part); fault != Fault::kNone) return fault;
    part.slot.column->append_default();
  }
  return Fault::kNone;
}

/// `token` is the key of a member that nothing takes.
Fault ValueTree::append_unknown(std::optional<KeySet>& seen, std::string_view key,
                                const uint32_t*& token, uint32_t depth) {
  if (!seen) seen.emplace();
  if (const Fault fault = seen->insert(key); fault != Fault::kNone) return fault;
  if (rules_.unknown_fields == UnknownFieldPolicy::kReject) return Fault::kUnknownField;
  token += 2;
  return skip_.value(text_, token, depth);
}

}  // namespace freshet::decode
