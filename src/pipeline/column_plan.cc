#include "pipeline/column_plan.h"

#include <algorithm>
#include <set>

#include "config/problems.h"
#include "pipeline/constant_json.h"

namespace freshet::pipeline {
namespace {

/// Where a column's value stands in the record.
struct Place {
  std::string path;
  std::string nested_member = {};
};

Result<decode::JsonColumn> plan_column(const sink::SinkColumn& column, const Place& place,
                                       config::OnMissingField on_missing) {
  decode::JsonColumn planned;
  planned.field = column.field;
  planned.nested_member = place.nested_member;
  FRESHET_ASSIGN(planned.path, decode::parse_json_path(place.path));
  if (on_missing == config::OnMissingField::kReject && !column.has_default) {
    planned.missing = decode::MissingPolicy::kReject;
    return planned;
  }
  switch (column.when_missing) {
    case sink::WhenMissing::kNull:
      planned.missing = decode::MissingPolicy::kDefault;
      break;
    case sink::WhenMissing::kRecordTime:
      planned.missing = decode::MissingPolicy::kRecordTime;
      break;
    case sink::WhenMissing::kConstant:
      planned.missing =
          column.has_default ? decode::MissingPolicy::kConstant : decode::MissingPolicy::kDefault;
      if (column.has_default) planned.constant = constant_json(column.constant);
      break;
  }
  return planned;
}

/// A key with dots or backslashes in it, as a path of one step.
std::string own_name_path(const std::string& name) { return decode::json_path_text({name}); }

/// "items" for a column items.price of a Nested, which ClickHouse keeps as Arrays of equal length;
/// empty for others.
std::string_view nested_name(const Field& field) {
  const size_t dot = field.name.find('.');
  const bool within = dot != std::string::npos && dot > 0 && dot + 1 < field.name.size();
  if (!within || field.type.kind != ColumnKind::kArray) return {};
  return std::string_view(field.name).substr(0, dot);
}

/// By its entry in `columns:`, by that of its Nested, or by its name.
Place place_of(const Field& field, const std::vector<config::ColumnPath>& entries) {
  const auto entry_of = [&](std::string_view name) {
    return std::ranges::find(entries, name, &config::ColumnPath::column);
  };
  if (const auto own = entry_of(field.name); own != entries.end()) return {.path = own->path};
  const std::string nested(nested_name(field));
  if (nested.empty()) return {.path = own_name_path(field.name)};
  const auto entry = entry_of(nested);
  return {.path = entry == entries.end() ? own_name_path(nested) : entry->path,
          .nested_member = field.name.substr(nested.size() + 1)};
}

/// 64-bit FNV-1a over length-prefixed pieces, so that no two lists of pieces read the same.
class Fingerprint {
 public:
  void add(std::string_view piece) {
    add_bytes(fmt::format("{}:", piece.size()));
    add_bytes(piece);
  }
  [[nodiscard]] uint64_t value() const { return value_; }

 private:
  void add_bytes(std::string_view bytes) {
    for (const char c : bytes) {
      value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
  }
  uint64_t value_ = 0xcbf29ce484222325ULL;
};

}  // namespace

Result<decode::JsonPlan> plan_columns(const std::vector<sink::SinkColumn>& columns,
                                      const config::PipelineSettings& settings,
                                      std::string_view destination) {
  std::vector<std::string> names;
  for (const auto& column : columns) {
    names.push_back(column.field.name);
    const auto nested = nested_name(column.field);
    if (!nested.empty() && names.end() == std::ranges::find(names, nested)) {
      names.emplace_back(nested);
    }
  }

  std::vector<std::string> problems;
  std::set<std::string> mapped;
  for (const auto& entry : settings.columns) {
    if (!mapped.insert(entry.column).second) {
      problems.push_back(fmt::format("column {} is mapped twice", entry.column));
    }
    if (std::ranges::find(names, entry.column) == names.end()) {
      const auto nearest = config::nearest_name(entry.column, names);
      problems.push_back(fmt::format("{} has no column {} that can be written{}", destination,
                                     entry.column,
                                     nearest.empty() ? "" : fmt::format(" (near: {})", nearest)));
    }
  }

  decode::JsonPlan plan;
  plan.unknown_fields = settings.on_unknown_field == config::OnUnknownField::kReject
                            ? decode::UnknownFieldPolicy::kReject
                            : decode::UnknownFieldPolicy::kIgnore;
  plan.epoch_digits = static_cast<uint8_t>(3 * static_cast<int>(settings.epoch_unit));
  plan.elements_needed = settings.on_missing_field == config::OnMissingField::kReject;
  for (const auto& column : columns) {
    auto planned =
        plan_column(column, place_of(column.field, settings.columns), settings.on_missing_field);
    if (planned) {
      plan.columns.push_back(std::move(*planned));
    } else {
      problems.push_back(fmt::format("column {}: {}", column.field.name, planned.error()));
    }
  }
  if (problems.empty()) return plan;
  return fail(Errc::kInvalidArgument, "pipeline {}: `columns:` does not fit {}: {}", settings.name,
              destination, fmt::join(problems, "; "));
}

uint64_t pipeline_hash(const std::vector<sink::SinkColumn>& columns,
                       const config::PipelineSettings& settings) {
  Fingerprint print;
  print.add("1");  // of this list itself
  for (const auto& topic : settings.from) print.add(topic);
  print.add(settings.table);
  for (const auto& column : columns) {
    print.add(column.field.name);
    print.add(to_clickhouse_type(column.field.type));
    print.add(fmt::format("{}", static_cast<int>(column.when_missing)));
    if (column.when_missing == sink::WhenMissing::kConstant) {
      print.add(constant_json(column.constant));
    }
  }
  for (const auto& entry : settings.columns) {
    print.add(entry.column);
    print.add(entry.path);
  }
  print.add(fmt::format("{},{},{}", static_cast<int>(settings.on_reject),
                        static_cast<int>(settings.on_unknown_field),
                        static_cast<int>(settings.on_missing_field)));
  // Only where it is not the default, so that files without it keep their hash.
  if (settings.epoch_unit != config::EpochUnit::kSeconds) {
    print.add(fmt::format("epoch {}", static_cast<int>(settings.epoch_unit)));
  }
  return print.value();
}

}  // namespace freshet::pipeline
