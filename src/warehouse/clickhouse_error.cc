#include "warehouse/clickhouse_error.h"

#include <charconv>

namespace freshet::warehouse {
namespace {

constexpr std::string_view kPrefix = "ClickHouse error ";

struct EngineText {
  int code = 0;
  std::string_view name;  // MEMORY_LIMIT_EXCEEDED; empty if the text has none
  std::string_view text;
};

// Reads "Code: 60. DB::Exception: <text> (UNKNOWN_TABLE)"; texts may nest further exceptions and
// may end with "(version …)", so the name is the last parenthesis that holds only capitals.
EngineText split_engine_text(std::string_view engine_text) {
  EngineText result{.code = 0, .name = {}, .text = engine_text};
  if (const auto at = result.text.find("Code: "); at != std::string_view::npos) {
    const char* begin = result.text.data() + at + 6;
    const auto parsed =
        std::from_chars(begin, result.text.data() + result.text.size(), result.code);
    result.text.remove_prefix(static_cast<size_t>(parsed.ptr - result.text.data()));
    while (!result.text.empty() && (result.text.front() == '.' || result.text.front() == ' ')) {
      result.text.remove_prefix(1);
    }
  }
  constexpr std::string_view kException = "DB::Exception: ";
  if (result.text.starts_with(kException)) result.text.remove_prefix(kException.size());
  for (size_t open = result.text.rfind('('); open != std::string_view::npos;
       open = open == 0 ? std::string_view::npos : result.text.rfind('(', open - 1)) {
    const size_t close = result.text.find(')', open);
    if (close == std::string_view::npos) continue;
    const std::string_view inside = result.text.substr(open + 1, close - open - 1);
    if (inside.size() >= 4 && inside.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
                                  std::string_view::npos) {
      result.name = inside;
      result.text = result.text.substr(0, open);
      break;
    }
  }
  while (!result.text.empty() &&
         (result.text.back() == ' ' || result.text.back() == '\n' || result.text.back() == '.')) {
    result.text.remove_suffix(1);
  }
  return result;
}

Errc errc_for(int code, std::string_view text) {
  if (text.find("No space left on device") != std::string_view::npos) return Errc::kNoSpace;
  switch (code) {
    case 57:  // TABLE_ALREADY_EXISTS
    case 82:  // DATABASE_ALREADY_EXISTS
      return Errc::kAlreadyExists;
    case 60:   // UNKNOWN_TABLE
    case 81:   // UNKNOWN_DATABASE
    case 218:  // TABLE_IS_DROPPED
      return Errc::kNotFound;
    case 48:   // NOT_IMPLEMENTED
    case 344:  // SUPPORT_IS_DISABLED
      return Errc::kUnsupported;
    case 159:  // TIMEOUT_EXCEEDED
    case 209:  // SOCKET_TIMEOUT
      return Errc::kTimeout;
    case 243:  // NOT_ENOUGH_SPACE
      return Errc::kNoSpace;
    case 394:  // QUERY_WAS_CANCELLED
      return Errc::kCancelled;
    default:
      break;
  }
  switch (failure_class(code)) {
    case FailureClass::kRetriable:
      return Errc::kUnavailable;
    case FailureClass::kData:
      return Errc::kInvalidArgument;
    case FailureClass::kAccess:
    case FailureClass::kSchema:
      return Errc::kRefused;
    case FailureClass::kFatal:
      return Errc::kInternal;
  }
  return Errc::kInternal;
}

/// The same statement may be taken later.
bool may_pass(int clickhouse_code) {
  switch (clickhouse_code) {
    case 74:   // CANNOT_READ_FROM_FILE_DESCRIPTOR
    case 75:   // CANNOT_WRITE_TO_FILE_DESCRIPTOR
    case 76:   // CANNOT_OPEN_FILE
    case 159:  // TIMEOUT_EXCEEDED
    case 173:  // CANNOT_ALLOCATE_MEMORY
    case 198:  // DNS_ERROR
    case 201:  // QUOTA_EXCEEDED
    case 202:  // TOO_MANY_SIMULTANEOUS_QUERIES
    case 203:  // NO_FREE_CONNECTION
    case 209:  // SOCKET_TIMEOUT
    case 210:  // NETWORK_ERROR
    case 225:  // NO_ZOOKEEPER
    case 236:  // ABORTED
    case 241:  // MEMORY_LIMIT_EXCEEDED
    case 242:  // TABLE_IS_READ_ONLY
    case 243:  // NOT_ENOUGH_SPACE
    case 252:  // TOO_MANY_PARTS
    case 254:  // NO_ACTIVE_REPLICAS
    case 279:  // ALL_CONNECTION_TRIES_FAILED
    case 285:  // TOO_FEW_LIVE_REPLICAS
    case 286:  // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    case 289:  // REPLICA_IS_NOT_IN_QUORUM
    case 319:  // UNKNOWN_STATUS_OF_INSERT
    case 364:  // RECEIVED_ERROR_TOO_MANY_REQUESTS
    case 373:  // SESSION_IS_LOCKED
    case 384:  // PART_IS_TEMPORARILY_LOCKED
    case 394:  // QUERY_WAS_CANCELLED
    case 425:  // SYSTEM_ERROR
    case 439:  // CANNOT_SCHEDULE_TASK
    case 473:  // DEADLOCK_AVOIDED
    case 499:  // S3_ERROR
    case 692:  // TOO_MANY_MUTATIONS
    case 700:  // USER_SESSION_LIMIT_EXCEEDED
    case 733:  // TABLE_IS_BEING_RESTARTED
    case 738:  // PART_IS_LOCKED
    case 745:  // SERVER_OVERLOADED
    case 749:  // TCP_CONNECTION_LIMIT_REACHED
    case 762:  // HTTP_CONNECTION_LIMIT_REACHED
    case 776:  // RESOURCE_LIMIT_EXCEEDED
    case 777:  // MEMORY_RESERVATION_KILLED
    case 778:  // MEMORY_RESERVATION_FAILED
    case 999:  // KEEPER_EXCEPTION
      return true;
    default:
      return false;
  }
}

}  // namespace

FailureClass failure_class(int clickhouse_code) {
  if (may_pass(clickhouse_code)) return FailureClass::kRetriable;
  switch (clickhouse_code) {
    case 164:  // READONLY
    case 192:  // UNKNOWN_USER
    case 193:  // WRONG_PASSWORD
    case 194:  // REQUIRED_PASSWORD
    case 195:  // IP_ADDRESS_NOT_ALLOWED
    case 291:  // DATABASE_ACCESS_DENIED
    case 497:  // ACCESS_DENIED
    case 516:  // AUTHENTICATION_FAILED
    case 774:  // TABLE_IS_PERMANENTLY_READ_ONLY: by its setting table_readonly, or on such a disk
      return FailureClass::kAccess;
    case 10:   // NOT_FOUND_COLUMN_IN_BLOCK
    case 16:   // NO_SUCH_COLUMN_IN_TABLE
    case 20:   // NUMBER_OF_COLUMNS_DOESNT_MATCH
    case 44:   // ILLEGAL_COLUMN
    case 47:   // UNKNOWN_IDENTIFIER
    case 50:   // UNKNOWN_TYPE
    case 53:   // TYPE_MISMATCH
    case 60:   // UNKNOWN_TABLE
    case 81:   // UNKNOWN_DATABASE
    case 115:  // UNKNOWN_SETTING
    case 218:  // TABLE_IS_DROPPED
    case 452:  // SETTING_CONSTRAINT_VIOLATION
      return FailureClass::kSchema;
    case 40:    // CHECKSUM_DOESNT_MATCH
    case 49:    // LOGICAL_ERROR
    case 246:   // CORRUPTED_DATA
    case 1000:  // POCO_EXCEPTION
    case 1001:  // STD_EXCEPTION
    case 1002:  // UNKNOWN_EXCEPTION
      return FailureClass::kFatal;
    default:
      return FailureClass::kData;
  }
}

bool is_row_error(int clickhouse_code) {
  switch (clickhouse_code) {
    case 6:    // CANNOT_PARSE_TEXT
    case 25:   // CANNOT_PARSE_ESCAPE_SEQUENCE
    case 26:   // CANNOT_PARSE_QUOTED_STRING
    case 27:   // CANNOT_PARSE_INPUT_ASSERTION_FAILED
    case 36:   // BAD_ARGUMENTS: functions say so of values too
    case 38:   // CANNOT_PARSE_DATE
    case 41:   // CANNOT_PARSE_DATETIME
    case 69:   // ARGUMENT_OUT_OF_BOUND
    case 70:   // CANNOT_CONVERT_TYPE
    case 72:   // CANNOT_PARSE_NUMBER
    case 117:  // INCORRECT_DATA
    case 128:  // TOO_LARGE_ARRAY_SIZE
    case 130:  // CANNOT_READ_ARRAY_FROM_TEXT
    case 131:  // TOO_LARGE_STRING_SIZE
    case 153:  // ILLEGAL_DIVISION
    case 190:  // SIZES_OF_ARRAYS_DONT_MATCH
    case 248:  // INVALID_PARTITION_VALUE
    case 321:  // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
    case 349:  // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
    case 376:  // CANNOT_PARSE_UUID
    case 395:  // FUNCTION_THROW_IF_VALUE_IS_NON_ZERO
    case 407:  // DECIMAL_OVERFLOW
    case 441:  // CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING
    case 467:  // CANNOT_PARSE_BOOL
    case 469:  // VIOLATED_CONSTRAINT
    case 675:  // CANNOT_PARSE_IPV4
    case 676:  // CANNOT_PARSE_IPV6
    case 691:  // UNKNOWN_ELEMENT_OF_ENUM
      return true;
    default:
      return false;
  }
}

Error clickhouse_error(std::string_view engine_text) {
  const EngineText parts = split_engine_text(engine_text);
  const Errc errc = errc_for(parts.code, parts.text);
  if (parts.name.empty()) {
    return Error(errc, fmt::format("{}{}: {}", kPrefix, parts.code, parts.text));
  }
  return Error(errc, fmt::format("{}{} ({}): {}", kPrefix, parts.code, parts.name, parts.text));
}

std::optional<int> clickhouse_code(const Error& error) {
  const std::string& message = error.message();
  const size_t at = message.find(kPrefix);
  if (at == std::string::npos) return std::nullopt;
  int code = 0;
  const char* begin = message.data() + at + kPrefix.size();
  const auto parsed = std::from_chars(begin, message.data() + message.size(), code);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return code;
}

Error clickhouse_style_error(Errc errc, int code, std::string_view name, std::string_view text) {
  return {errc, fmt::format("ClickHouse error {} ({}): {}", code, name, text)};
}

}  // namespace freshet::warehouse
