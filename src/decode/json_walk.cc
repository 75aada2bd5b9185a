#include "decode/json_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "decode/key_set.h"

namespace freshet::decode {
namespace {

constexpr size_t kExcerptMax = 48;
constexpr size_t kTypeExcerptMax = 96;  // an Enum may have many names

/// The beginning of a value for people: one line, whole UTF-8 characters, short.
std::string excerpt(std::string_view text, size_t bytes_max = kExcerptMax) {
  std::string_view head = text.substr(0, bytes_max);
  if (head.size() < text.size()) {
    while (!head.empty() && (static_cast<uint8_t>(text[head.size()]) & 0xC0) == 0x80) {
      head.remove_suffix(1);
    }
  }
  std::string shown;
  for (const char c : head) shown.push_back(static_cast<uint8_t>(c) < 0x20 || c == 0x7F ? ' ' : c);
  if (head.size() < text.size()) shown += "…";
  return shown;
}

RejectReason reason_of(Fault fault) {
  switch (fault) {
    case Fault::kInvalidUtf8:
      return RejectReason::kInvalidUtf8;
    case Fault::kTooDeep:
      return RejectReason::kTooDeep;
    case Fault::kTooLarge:
      return RejectReason::kTooLarge;
    case Fault::kDuplicateKey:
      return RejectReason::kDuplicateKey;
    case Fault::kWrongType:
      return RejectReason::kWrongType;
    case Fault::kOutOfRange:
      return RejectReason::kOutOfRange;
    case Fault::kNullNotAllowed:
      return RejectReason::kNullNotAllowed;
    case Fault::kUnknownField:
      return RejectReason::kUnknownField;
    case Fault::kMissingField:
      return RejectReason::kMissingField;
    case Fault::kMalformed:
    case Fault::kNone:
    case Fault::kOtherOrder:
      break;
  }
  return RejectReason::kMalformed;
}

std::string expected(const ColumnSlot& slot) {
  std::string text = excerpt(to_clickhouse_type(slot.type), kTypeExcerptMax);
  if (slot.zone_needed) text += " (a time must carry Z or an offset such as +03:30)";
  return text;
}

}  // namespace

JsonWalk::JsonWalk(const JsonPlan& plan, const JsonLayout& layout)
    : plan_(plan), layout_(layout), skip_(plan.limits.depth_max, JsonSkip::What::kIgnored) {
  for (const auto& column : plan.columns) {
    slots_.emplace_back(column.field.type, plan.epoch_digits);
  }
  const ValueTree::Rules rules{.unknown_fields = plan.unknown_fields,
                               .elements_needed = plan.elements_needed,
                               .depth_max = plan.limits.depth_max,
                               .default_bytes_max = plan.limits.default_bytes_max,
                               .epoch_digits = plan.epoch_digits};
  for (const TreeColumns& tree : layout.trees) {
    if (!tree.nested) {
      trees_.emplace_back(plan.columns[tree.columns[0]].field.type, rules);
      continue;
    }
    Schema members;
    for (const uint32_t index : tree.columns) {
      members.push_back({plan.columns[index].nested_member, plan.columns[index].field.type});
    }
    trees_.emplace_back(members, rules);
  }
  orders_.resize(layout.nodes.size());
  seen_.resize(layout.nodes.size());
}

void JsonWalk::attach(ColumnBatch& out) {
  for (size_t i = 0; i < slots_.size(); ++i) slots_[i].column = &out.column(i);
  std::vector<Column*> columns;
  for (size_t i = 0; i < trees_.size(); ++i) {
    columns.clear();
    for (const uint32_t index : layout_.trees[i].columns) columns.push_back(&out.column(index));
    trees_[i].attach(columns);
  }
}

const uint32_t* JsonWalk::fast(const char* text, const uint32_t* token) {
  text_ = text;
  written_ = 0;
  return text[*token] == '{' ? fast_object(0, token, 1) : nullptr;
}

const uint32_t* JsonWalk::fast_object(uint32_t node, const uint32_t* token, uint32_t depth) {
  if (depth > plan_.limits.depth_max) return nullptr;
  const char* const text = text_;
  ColumnSlot* const slots = slots_.data();
  const KeyOrder::Cursor order = orders_[node].cursor();
  ++token;
  if (text[*token] == '}') return token + 1;
  size_t position = 0;
  size_t written = 0;
  while (true) {
    const char* const key = text + token[0];
    if (*key != '"') return nullptr;
    position = order.find(key, position);
    if (position == KeyOrder::kMissing || text[token[1]] != ':') return nullptr;
    const KeyTarget target = order[position++].target;
    token += 2;
    if (target.kind == KeyTarget::Kind::kColumn) [[likely]] {
      if (append_value(slots[target.index], text + token[0], text + token[1]) != Fault::kNone) {
        return nullptr;
      }
      ++written;
      ++token;
    } else {
      token = fast_value(target, token, depth);
      if (token == nullptr) return nullptr;
    }
    const char after = text[*token];
    ++token;
    if (after == '}') break;
    if (after != ',') return nullptr;
  }
  written_ += written;
  return token;
}

const uint32_t* JsonWalk::fast_value(KeyTarget target, const uint32_t* token, uint32_t depth) {
  switch (target.kind) {
    case KeyTarget::Kind::kUnknown:
      return skip_.value(text_, token, depth) == Fault::kNone ? token : nullptr;
    case KeyTarget::Kind::kObject:
      return text_[*token] == '{' ? fast_object(target.index, token, depth + 1) : nullptr;
    case KeyTarget::Kind::kTree:
      return append_tree(target.index, token, depth) == Fault::kNone ? token : nullptr;
    case KeyTarget::Kind::kColumn:
    case KeyTarget::Kind::kColumns:
      break;
  }
  return fast_shared(target.index, token, depth);
}

const uint32_t* JsonWalk::fast_shared(uint32_t target, const uint32_t* token, uint32_t depth) {
  const uint32_t* behind = token;
  for (const uint32_t index : layout_.shared[target]) {
    behind = token;
    if (const uint32_t tree = layout_.tree_of[index]; tree != JsonLayout::kNoTree) {
      if (append_tree(tree, behind, depth) != Fault::kNone) return nullptr;
      continue;
    }
    if (append_value(slots_[index], text_ + token[0], text_ + token[1]) != Fault::kNone) {
      return nullptr;
    }
    ++written_;
    ++behind;
  }
  return behind;
}

Fault JsonWalk::null_object(const ObjectNode& node) {
  for (const uint32_t index : node.columns) {
    if (!slots_[index].type.nullable) {
      failed_column_ = index;
      expected_ = &slots_[index];
      return Fault::kNullNotAllowed;
    }
    slots_[index].column->append_null();
    ++written_;
  }
  return Fault::kNone;
}

Fault JsonWalk::careful_column(uint32_t index, const uint32_t*& token, uint32_t depth) {
  if (const uint32_t tree = layout_.tree_of[index]; tree != JsonLayout::kNoTree) {
    return careful_tree(tree, token, depth);
  }
  const Fault fault = append_value(slots_[index], text_ + token[0], text_ + token[1]);
  if (fault == Fault::kNone) {
    ++written_;
    ++token;
  } else {
    failed_column_ = index;
    expected_ = &slots_[index];
  }
  return fault;
}

Fault JsonWalk::careful_tree(uint32_t tree, const uint32_t*& token, uint32_t depth) {
  const Fault fault = append_tree(tree, token, depth);
  if (fault == Fault::kNone) return fault;
  const auto& upwards = trees_[tree].path_upwards();
  path_.insert(path_.end(), upwards.rbegin(), upwards.rend());
  failed_column_ = layout_.trees[tree].columns[0];
  expected_ = &trees_[tree].expected();
  return fault;
}

Fault JsonWalk::careful_value(KeyTarget target, const uint32_t*& token, uint32_t depth) {
  switch (target.kind) {
    case KeyTarget::Kind::kUnknown:
      if (plan_.unknown_fields == UnknownFieldPolicy::kReject) return Fault::kUnknownField;
      return skip_.value(text_, token, depth);
    case KeyTarget::Kind::kObject: {
      if (text_[*token] == '{') {
        if (depth >= plan_.limits.depth_max) return Fault::kTooDeep;
        return careful_object(target.index, token, depth + 1);
      }
      if (scalar_text(text_ + token[0], text_ + token[1]) != "null") {
        return misfit(text_ + token[0], text_ + token[1]);
      }
      const Fault fault = null_object(layout_.nodes[target.index]);
      if (fault == Fault::kNone) ++token;
      return fault;
    }
    case KeyTarget::Kind::kTree:
      return careful_tree(target.index, token, depth);
    case KeyTarget::Kind::kColumn:
      return careful_column(target.index, token, depth);
    case KeyTarget::Kind::kColumns:
      break;
  }
  const uint32_t* const begin = token;
  for (const uint32_t index : layout_.shared[target.index]) {
    token = begin;
    if (const Fault fault = careful_column(index, token, depth); fault != Fault::kNone) {
      return fault;
    }
  }
  return Fault::kNone;
}

Fault JsonWalk::careful_object(uint32_t node, const uint32_t*& token, uint32_t depth) {
  const auto& keys = layout_.nodes[node].keys;
  auto& seen = seen_[node];
  KeySet unique;
  std::string meaning;
  ++token;
  if (text_[*token] == '}') {
    ++token;
    return Fault::kNone;
  }
  while (true) {
    if (text_[*token] != '"') return Fault::kMalformed;
    const auto raw = string_body(text_ + token[0], text_ + token[1]);
    if (const Fault fault = unescape(raw, meaning); fault != Fault::kNone) return fault;
    if (text_[token[1]] != ':') {
      ++token;
      return Fault::kMalformed;
    }
    path_.push_back(meaning);
    if (unique.insert(raw) != Fault::kNone) return Fault::kDuplicateKey;
    const auto known = keys.find(meaning);
    const KeyTarget target = known == keys.end() ? KeyTarget{} : known->second;
    seen.push_back({.raw = raw, .target = target});
    token += 2;
    if (const Fault fault = careful_value(target, token, depth); fault != Fault::kNone) {
      return fault;
    }
    path_.pop_back();
    const char after = text_[*token];
    if (after != ',' && after != '}') return Fault::kMalformed;
    ++token;
    if (after == '}') return Fault::kNone;
  }
}

std::optional<Finding> JsonWalk::careful(const char* text, size_t size, const uint32_t* token,
                                         bool learn) {
  text_ = text;
  written_ = 0;
  path_.clear();
  failed_column_.reset();
  expected_ = nullptr;
  for (auto& keys : seen_) keys.clear();
  if (text_[*token] != '{') {
    const char* const found = text_[*token] == '[' ? "an array" : "a single value";
    const Fault fault = skip_.value(text_, token, 0);
    if (fault != Fault::kNone || *token < size) return finding(fault, token, size);
    return Finding{.reason = RejectReason::kNotAnObject,
                   .detail = fmt::format("expected one JSON object, found {}", found)};
  }
  const Fault fault = careful_object(0, token, 1);
  if (fault != Fault::kNone) return finding(fault, token, size);
  if (*token < size) {
    return Finding{.detail = fmt::format("expected the end of the record after the object, found "
                                         "more at byte {}",
                                         *token)};
  }
  if (learn) {
    for (size_t node = 0; node < orders_.size(); ++node) {
      if (!seen_[node].empty()) orders_[node].learn(seen_[node]);
    }
  }
  return std::nullopt;
}

Finding JsonWalk::finding(Fault fault, const uint32_t* token, size_t size) const {
  Finding found{.reason = reason_of(fault), .path = json_path_text(path_), .detail = {}};
  const bool at_end = *token >= size;
  std::string what = "the end of the record";
  if (!at_end)
    what = excerpt(scalar_text(text_ + token[0], text_ + std::min<size_t>(token[1], size)));
  switch (fault) {
    case Fault::kNone:  // a whole value, and something behind it
    case Fault::kOtherOrder:
    case Fault::kMalformed:
      found.detail = fmt::format("not JSON at byte {}: {}", std::min<size_t>(*token, size), what);
      break;
    case Fault::kInvalidUtf8:
      found.detail = fmt::format("half of a surrogate pair in a string at byte {}", *token);
      break;
    case Fault::kTooDeep:
      found.detail = fmt::format("objects and arrays are nested deeper than {} levels at byte {}",
                                 plan_.limits.depth_max, *token);
      break;
    case Fault::kTooLarge:
      found.detail = fmt::format("what the value does not spell out fills more than {} bytes",
                                 plan_.limits.default_bytes_max);
      break;
    case Fault::kDuplicateKey:
      found.detail = "the key is there twice";
      break;
    case Fault::kUnknownField:
      found.detail = "no column takes this field, and on_unknown_field is reject";
      break;
    case Fault::kMissingField:
      found.detail = fmt::format("the field is missing, and column {} needs it",
                                 plan_.columns[failed_column_.value_or(0)].field.name);
      break;
    case Fault::kNullNotAllowed:
    case Fault::kWrongType:
    case Fault::kOutOfRange:
      found.detail = misfit_text(fault, what);
  }
  return found;
}

std::string JsonWalk::misfit_text(Fault fault, std::string_view found) const {
  if (!failed_column_) return fmt::format("expected an object, found {}", found);
  return fmt::format("expected {} {} for column {}, found {}",
                     fault == Fault::kOutOfRange ? "a value that fits" : "a value of type",
                     expected(*expected_), plan_.columns[*failed_column_].field.name, found);
}

}  // namespace freshet::decode
