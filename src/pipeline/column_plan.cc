#include "pipeline/column_plan.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "base/check.h"
#include "config/problems.h"
#include "pipeline/json_text.h"

namespace freshet::pipeline {
namespace {

std::string date_text(int64_t days) {
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(days)))};
  return fmt::format("{:04d}-{:02d}-{:02d}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

/// `ticks` of 10^-scale seconds since the epoch, as ISO text in UTC.
std::string time_text(int64_t ticks, unsigned scale) {
  int64_t per_second = 1;
  for (unsigned i = 0; i < scale; ++i) per_second *= 10;
  int64_t seconds = ticks / per_second;
  int64_t fraction = ticks % per_second;
  if (fraction < 0) {
    fraction += per_second;
    --seconds;
  }
  int64_t days = seconds / 86'400;
  int64_t of_day = seconds % 86'400;
  if (of_day < 0) {
    of_day += 86'400;
    --days;
  }
  std::string text = fmt::format("{}T{:02d}:{:02d}:{:02d}", date_text(days), of_day / 3600,
                                 of_day / 60 % 60, of_day % 60);
  if (scale > 0) fmt::format_to(std::back_inserter(text), ".{:0{}d}", fraction, scale);
  return text + 'Z';
}

std::string decimal_text(int128 value, unsigned scale) {
  const bool negative = value < 0;
  std::string digits;
  for (int128 rest = value; rest != 0; rest /= 10) {
    const auto digit = static_cast<int>(rest % 10);
    digits.push_back(static_cast<char>('0' + (digit < 0 ? -digit : digit)));
  }
  while (digits.size() < scale + 1) digits.push_back('0');
  std::reverse(digits.begin(), digits.end());
  if (scale > 0) digits.insert(digits.size() - scale, ".");
  return negative ? "-" + digits : digits;
}

std::string uuid_text(const std::byte* bytes) {
  std::string text;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    fmt::format_to(std::back_inserter(text), "{:02x}", std::to_integer<unsigned>(bytes[i]));
  }
  return text;
}

Result<decode::JsonColumn> plan_column(const sink::SinkColumn& column, std::string_view path,
                                       config::OnMissingField on_missing) {
  decode::JsonColumn planned;
  planned.field = column.field;
  FRESHET_ASSIGN(planned.path, decode::parse_json_path(path));
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

std::string constant_json(const Column& constant) {
  FRESHET_CHECK_EQ(constant.size(), 1U);
  if (constant.is_null(0)) return "null";
  const auto& type = constant.type();
  switch (type.kind) {
    case ColumnKind::kString:
    case ColumnKind::kLowCardinalityString:
      return json_text(constant.string_at(0));
    case ColumnKind::kBool:
      return constant.fixed<uint8_t>()[0] != 0 ? "true" : "false";
    case ColumnKind::kInt8:
      return fmt::format("{}", int{constant.fixed<int8_t>()[0]});
    case ColumnKind::kInt16:
      return fmt::format("{}", constant.fixed<int16_t>()[0]);
    case ColumnKind::kInt32:
      return fmt::format("{}", constant.fixed<int32_t>()[0]);
    case ColumnKind::kInt64:
      return fmt::format("{}", constant.fixed<int64_t>()[0]);
    case ColumnKind::kUInt8:
      return fmt::format("{}", unsigned{constant.fixed<uint8_t>()[0]});
    case ColumnKind::kUInt16:
      return fmt::format("{}", constant.fixed<uint16_t>()[0]);
    case ColumnKind::kUInt32:
      return fmt::format("{}", constant.fixed<uint32_t>()[0]);
    case ColumnKind::kUInt64:
      return fmt::format("{}", constant.fixed<uint64_t>()[0]);
    case ColumnKind::kFloat32:
      return fmt::format("{}", constant.fixed<float>()[0]);
    case ColumnKind::kFloat64:
      return fmt::format("{}", constant.fixed<double>()[0]);
    case ColumnKind::kDate:
      return json_text(date_text(constant.fixed<uint16_t>()[0]));
    case ColumnKind::kDate32:
      return json_text(date_text(constant.fixed<int32_t>()[0]));
    case ColumnKind::kDateTime:
      return json_text(time_text(constant.fixed<uint32_t>()[0], 0));
    case ColumnKind::kDateTime64:
      return json_text(time_text(constant.fixed<int64_t>()[0], type.scale));
    case ColumnKind::kDecimal32:
      return decimal_text(constant.fixed<int32_t>()[0], type.scale);
    case ColumnKind::kDecimal64:
      return decimal_text(constant.fixed<int64_t>()[0], type.scale);
    case ColumnKind::kDecimal128:
      return decimal_text(constant.fixed<int128>()[0], type.scale);
    case ColumnKind::kUuid:
      return json_text(uuid_text(constant.values().data()));
  }
  FRESHET_CHECK(false, "unknown column kind");
}

Result<decode::JsonPlan> plan_columns(const std::vector<sink::SinkColumn>& columns,
                                      const config::PipelineSettings& settings,
                                      std::string_view destination) {
  std::vector<std::string> names;
  for (const auto& column : columns) names.push_back(column.field.name);

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
  for (const auto& column : columns) {
    const auto entry =
        std::ranges::find(settings.columns, column.field.name, &config::ColumnPath::column);
    const auto path =
        entry == settings.columns.end() ? own_name_path(column.field.name) : entry->path;
    auto planned = plan_column(column, path, settings.on_missing_field);
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
  return print.value();
}

}  // namespace freshet::pipeline
