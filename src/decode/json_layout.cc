#include "decode/json_layout.h"

#include <set>

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
  return {};
}

Error through_a_value(const JsonColumn& column) {
  return {Errc::kInvalidArgument,
          fmt::format("column {}: path {} and the path of another column go through each other; an "
                      "object's fields and the object itself cannot both be columns",
                      column.field.name, json_path_text(column.path))};
}

/// Adds the path of column `index` to the tree.
Result<void> add_path(JsonLayout& layout, const JsonColumn& column, uint32_t index) {
  using Kind = KeyTarget::Kind;
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
  const auto [entry, added] = layout.nodes[node].keys.try_emplace(
      column.path.back(), KeyTarget{.kind = Kind::kColumn, .index = index});
  if (added) return {};
  KeyTarget& target = entry->second;
  if (target.kind == Kind::kObject) return std::unexpected(through_a_value(column));
  if (target.kind == Kind::kColumn) {
    layout.shared.push_back({target.index});
    target = {.kind = Kind::kColumns, .index = static_cast<uint32_t>(layout.shared.size() - 1)};
  }
  layout.shared[target.index].push_back(index);
  return {};
}

}  // namespace

Result<JsonLayout> JsonLayout::compile(const JsonPlan& plan) {
  JsonLayout layout;
  layout.nodes.emplace_back();
  std::set<std::string_view> names;
  for (uint32_t index = 0; index < plan.columns.size(); ++index) {
    const JsonColumn& column = plan.columns[index];
    FRESHET_TRY(check_column(column));
    if (!names.insert(column.field.name).second) {
      return fail(Errc::kInvalidArgument, "column {} is there twice", column.field.name);
    }
    if (column.source == ColumnSource::kPath) {
      FRESHET_TRY(add_path(layout, column, index));
      layout.path_columns.push_back(index);
    } else {
      layout.metadata_columns.push_back(index);
    }
  }
  return layout;
}

}  // namespace freshet::decode
