#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace freshet {

bool is_retriable(Errc code) {
  switch (code) {
    case Errc::kIo:
    case Errc::kNoSpace:
    case Errc::kUnavailable:
    case Errc::kTimeout:
      return true;
    case Errc::kInvalidArgument:
    case Errc::kNotFound:
    case Errc::kAlreadyExists:
    case Errc::kCorrupt:
    case Errc::kOutOfRange:
    case Errc::kTooLarge:
    case Errc::kUnsupported:
    case Errc::kRefused:
    case Errc::kFenced:
    case Errc::kCancelled:
    case Errc::kInternal:
      return false;
  }
  return false;
}

std::string_view errc_name(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
      return "invalid_argument";
    case Errc::kNotFound:
      return "not_found";
    case Errc::kAlreadyExists:
      return "already_exists";
    case Errc::kCorrupt:
      return "corrupt";
    case Errc::kOutOfRange:
      return "out_of_range";
    case Errc::kTooLarge:
      return "too_large";
    case Errc::kUnsupported:
      return "unsupported";
    case Errc::kRefused:
      return "refused";
    case Errc::kFenced:
      return "fenced";
    case Errc::kIo:
      return "io";
    case Errc::kNoSpace:
      return "no_space";
    case Errc::kUnavailable:
      return "unavailable";
    case Errc::kTimeout:
      return "timeout";
    case Errc::kCancelled:
      return "cancelled";
    case Errc::kInternal:
      return "internal";
  }
  return "unknown";
}

Error errno_error(std::string_view what, int errno_value) {
  const bool full = errno_value == ENOSPC || errno_value == EDQUOT;
  return Error(full ? Errc::kNoSpace : Errc::kIo,
               fmt::format("{}: {}", what, std::system_category().message(errno_value)));
}

}  // namespace freshet
