#include "decode/json_layout.h"

#include <algorithm>
#include <set>

#include "decode/value_tree.h"

namespace freshet::decode {
namespace {

std::string_view source_name(ColumnSource source) {
  switch (source) {
    case ColumnSource::kPath:
      return "a value of the document";
    case ColumnSource::kValue:
      return "the record's value";
    case ColumnSource::kKey:
      return "the record's key";
    case ColumnSource::kTopic:
      return "the topic";
    case ColumnSource::kPartition:
      return "the partition";
    case ColumnSource::kOffset:
      return "the offset";
    case ColumnSource::kTimestamp:
      return "the record's time";
  }
  return "unknown";
}

bool is_time(ColumnKind kind) {
  return kind == ColumnKind::kDateTime || kind == ColumnKind::kDateTime64;
}

bool source_fits(ColumnSource source, ColumnKind kind) {
  using enum ColumnKind;
  switch (source) {
    case ColumnSource::kPath:
      return true;
    case ColumnSource::kValue:
      return kind == kString;
    case ColumnSource::kKey:
    case ColumnSource::kTopic:
      return kind == kString || kind == kLowCardinalityString;
    case ColumnSource::kPartition:
      return kind == kInt32 || kind == kUInt32 || kind == kInt64 || kind == kUInt64;
    case ColumnSource::kOffset:
      return kind == kInt64 || kind == kUInt64;
    case ColumnSource::kTimestamp:
      return is_time(kind) || kind == kInt64 || kind == kUInt64;
  }
  return false;
}

Result<void> check_column(const JsonColumn& column) {
  const auto& [name, type] = column.field;
  if (!source_fits(column.source, type.kind)) {
    return fail(Errc::kInvalidArgument, "column {}: {} does not fit {}", name,
                source_name(column.source), to_clickhouse_type(type));
  }
  if (column.missing == MissingPolicy::kRecordTime && !is_time(type.kind)) {
    return fail(Errc::kInvalidArgument,
                "column {}: the record's time fits DateTime and DateTime64, not {}", name,
                to_clickhouse_type(type));
  }
  if ((column.source == ColumnSource::kPath) == column.path.empty()) {
    return fail(Errc::kInvalidArgument,
                "column {}: a path is needed exactly if the column takes a value of the document",
                name);
  }
  if (!column.nested_member.empty() &&
      (type.kind != ColumnKind::kArray || column.source != ColumnSource::kPath)) {
    return fail(Errc::kInvalidArgument, "column {}: a column of a Nested is an Array, not {}", name,
                to_clickhouse_type(type));
  }
  return {};
}

Error through_a_value(const JsonColumn& column) {
  return {Errc::kInvalidArgument,
          fmt::format("column {}: path {} and the path of another column go through each other; an "
                      "object's fields and the object itself cannot both be columns",
                      column.field.name, json_path_text(column.path))};
}

Error not_the_same_nested(const JsonColumn& column) {
  return {Errc::kInvalidArgument,
          fmt::format("column {}: path {} leads to the objects of a Nested, so every column of it "
                      "takes another member of them, and no other column takes it",
                      column.field.name, json_path_text(column.path))};
}

/// Ends the path of column `index` at a key that no path has used before.
KeyTarget new_target(JsonLayout& layout, const JsonColumn& column, uint32_t index) {
  const bool nested = !column.nested_member.empty();
  if (!nested && !ValueTree::reads(column.field.type.kind)) {
    return {.kind = KeyTarget::Kind::kColumn, .index = index};
  }
  const auto tree = static_cast<uint32_t>(layout.trees.size());
  layout.trees.push_back({.columns = {index}, .nested = nested});
  layout.tree_of[index] = tree;
  return {.kind = KeyTarget::Kind::kTree, .index = tree};
}

/// Ends the path of column `index` where the paths of others end.
Result<void> share_target(JsonLayout& layout, const JsonPlan& plan, KeyTarget& target,
                          uint32_t index) {
  using Kind = KeyTarget::Kind;
  const JsonColumn& column = plan.columns[index];
  if (target.kind == Kind::kObject) return std::unexpected(through_a_value(column));
  const bool in_nested = target.kind == Kind::kTree && layout.trees[target.index].nested;
  if (in_nested) {
    auto& columns = layout.trees[target.index].columns;
    const auto same = [&](uint32_t other) {
      return plan.columns[other].nested_member == column.nested_member;
    };
    if (column.nested_member.empty() || std::ranges::any_of(columns, same)) {
      return std::unexpected(not_the_same_nested(column));
    }
    columns.push_back(index);
    return {};
  }
  if (!column.nested_member.empty()) return std::unexpected(not_the_same_nested(column));
  if (target.kind != Kind::kColumns) {
    const uint32_t first =
        target.kind == Kind::kTree ? layout.trees[target.index].columns[0] : target.index;
    layout.shared.push_back({first});
    target = {.kind = Kind::kColumns, .index = static_cast<uint32_t>(layout.shared.size() - 1)};
  }
  layout.shared[target.index].push_back(index);
  new_target(layout, column, index);
  return {};
}

/// Adds the path of column `index` to the tree.
Result<void> add_path(JsonLayout& layout, const JsonPlan& plan, uint32_t index) {
  using Kind = KeyTarget::Kind;
  const JsonColumn& column = plan.columns[index];
  size_t node = 0;
  layout.nodes[0].columns.push_back(index);
  for (size_t depth = 0; depth + 1 < column.path.size(); ++depth) {
    const auto next = static_cast<uint32_t>(layout.nodes.size());
    const auto [entry, added] = layout.nodes[node].keys.try_emplace(
        column.path[depth], KeyTarget{.kind = Kind::kObject, .index = next});
    if (entry->second.kind != Kind::kObject) return std::unexpected(through_a_value(column));
    node = entry->second.index;
    if (added) layout.nodes.emplace_back();
    layout.nodes[node].columns.push_back(index);
  }
  const auto [entry, added] = layout.nodes[node].keys.try_emplace(column.path.back());
  if (!added) return share_target(layout, plan, entry->second, index);
  entry->second = new_target(layout, column, index);
  return {};
}

}  // namespace

Result<JsonLayout> JsonLayout::compile(const JsonPlan& plan) {
  JsonLayout layout;
  layout.nodes.emplace_back();
  layout.tree_of.assign(plan.columns.size(), kNoTree);
  std::set<std::string_view> names;
  for (uint32_t index = 0; index < plan.columns.size(); ++index) {
    const JsonColumn& column = plan.columns[index];
    FRESHET_TRY(check_column(column));
    if (!names.insert(column.field.name).second) {
      return fail(Errc::kInvalidArgument, "column {} is there twice", column.field.name);
    }
    if (column.source == ColumnSource::kPath) {
      FRESHET_TRY(add_path(layout, plan, index));
      layout.path_columns.push_back(index);
    } else {
      layout.metadata_columns.push_back(index);
    }
  }
  return layout;
}

}  // namespace freshet::decode
