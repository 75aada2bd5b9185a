// What a JSON topic becomes: for every output column, where its value comes from and what happens
// if it is not there. Values only; JsonDecoder compiles it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/column_batch.h"

namespace freshet::decode {

/// Where the value of a column comes from.
enum class ColumnSource : uint8_t {
  kPath,       // a value in the JSON document
  kValue,      // the record's bytes as they are (kString only); still has to be a valid document
  kKey,        // the record's key (string columns); a record without key follows `missing`
  kTopic,      // string columns
  kPartition,  // integer columns of at least 32 bits
  kOffset,     // integer columns of 64 bits
  kTimestamp,  // the record's time: DateTime, DateTime64, or (U)Int64 milliseconds
};

/// What a column gets when its path is not in the document. (A null that is there is not missing:
/// it fits Nullable columns only.)
enum class MissingPolicy : uint8_t {
  kDefault,     // null for a Nullable column, else the type's zero ("" / 0 / epoch)
  kConstant,    // JsonColumn::constant
  kRecordTime,  // the record's timestamp; DateTime and DateTime64 columns
  kReject,      // the record is refused with kMissingField
};

enum class UnknownFieldPolicy : uint8_t { kIgnore, kReject };

struct JsonColumn {
  Field field;
  ColumnSource source = ColumnSource::kPath;
  std::vector<std::string> path = {};  // keys from the top-level object down; kPath only
  /// Of the columns of a Nested, which are Arrays: the path leads to an array of objects, and the
  /// column gets this member of each. All columns of the path have one. Empty for all others.
  std::string nested_member = {};
  MissingPolicy missing = MissingPolicy::kDefault;
  std::string constant = {};  // JSON text, held to the same rules as a value in a record
};

struct JsonLimits {
  size_t record_bytes_max = 1 << 20;  // larger records are rejected unread
  uint32_t depth_max = 64;            // objects and arrays inside each other, the record included
  /// Of what one value gets for elements that it does not spell out: "[{},{},{}]" may stand for
  /// many bytes each.
  size_t default_bytes_max = 64 << 20;
};

struct JsonPlan {
  std::vector<JsonColumn> columns;
  UnknownFieldPolicy unknown_fields = UnknownFieldPolicy::kIgnore;
  /// An object inside a value that lacks a named element of its Tuple, or a column of its Nested:
  /// the record is rejected, or the element gets its type's default.
  bool elements_needed = false;
  /// Numbers for DateTime and DateTime64 count 10^-epoch_digits seconds since the epoch: 0 to 9.
  uint8_t epoch_digits = 0;
  JsonLimits limits = {};
  /// Records are parsed together in runs of about this many bytes; 0 parses each alone and learns
  /// no key order: slower, the same rows and rejects.
  size_t run_bytes = 64 * 1024;
};

/// "payload.total" -> {"payload", "total"}; a dot or backslash that belongs to a key is written
/// "\." or "\\". kInvalidArgument for an empty key.
Result<std::vector<std::string>> parse_json_path(std::string_view text);

/// The inverse of parse_json_path.
[[nodiscard]] std::string json_path_text(const std::vector<std::string>& path);

}  // namespace freshet::decode
