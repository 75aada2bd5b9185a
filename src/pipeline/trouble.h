// Why a destination does not take rows now. Never because of the rows: such errors are waited out,
// whatever they cost in time; no record goes to the dead letters and no range is divided because of
// them. Value; names are labels of metrics.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace freshet::pipeline {

enum class Trouble : uint8_t {
  kTooManyParts,  // more parts than its merges keep up with
  kMemory,
  kReadOnly,
  kQuota,  // also: too many statements at a time
  kDisk,
  kAccess,  // wrong password, or a grant that is missing
  kTimeout,
  kNetwork,  // cannot be reached, or hung up
  kOther,
};
inline constexpr std::array kTroubles = {
    Trouble::kTooManyParts, Trouble::kMemory,  Trouble::kReadOnly, Trouble::kQuota, Trouble::kDisk,
    Trouble::kAccess,       Trouble::kTimeout, Trouble::kNetwork,  Trouble::kOther};

[[nodiscard]] constexpr std::string_view trouble_name(Trouble trouble) {
  switch (trouble) {
    case Trouble::kTooManyParts:
      return "too_many_parts";
    case Trouble::kMemory:
      return "memory";
    case Trouble::kReadOnly:
      return "read_only";
    case Trouble::kQuota:
      return "quota";
    case Trouble::kDisk:
      return "disk";
    case Trouble::kAccess:
      return "access";
    case Trouble::kTimeout:
      return "timeout";
    case Trouble::kNetwork:
      return "network";
    case Trouble::kOther:
      return "other";
  }
  return "other";
}

/// Whether one such answer says that the next call would hear the same: the destination is there
/// and refuses everybody. The others may concern one call alone.
[[nodiscard]] constexpr bool is_standing(Trouble trouble) {
  switch (trouble) {
    case Trouble::kTooManyParts:
    case Trouble::kMemory:
    case Trouble::kReadOnly:
    case Trouble::kQuota:
    case Trouble::kDisk:
    case Trouble::kAccess:
      return true;
    case Trouble::kTimeout:
    case Trouble::kNetwork:
    case Trouble::kOther:
      return false;
  }
  return false;
}

}  // namespace freshet::pipeline
