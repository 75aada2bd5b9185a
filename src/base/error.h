// Errors that the outside world can cause, and the Result that carries them.
//
// A function that can fail because of bytes, disks, networks or users returns Result<T>. The Error
// keeps one code, one sentence, and the context added by each caller on the way up, outermost
// first:
//   "topic events partition 3: segment 00000000000000004711.log: byte 812: batch CRC does not
//   match"
// Broken invariants of our own are not errors: see check.h.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace freshet {

/// What kind of failure it is; decides retry and exit status, never shown alone to a user.
enum class Errc {
  kInvalidArgument,  // the caller or the user asked for something that cannot be
  kNotFound,
  kAlreadyExists,
  kCorrupt,      // bytes that fail their checksum or their format
  kOutOfRange,   // an offset or position outside what exists
  kTooLarge,     // over a configured limit
  kUnsupported,  // not supported (yet)
  kRefused,      // a precondition or a safety rule says no
  kFenced,       // a newer owner exists; the caller must stop
  kIo,           // the operating system reported an error
  kNoSpace,      // the disk is full
  kUnavailable,  // the other side is not there now
  kTimeout,
  kCancelled,  // asked to stop
  kInternal,   // the other side broke its own rules
};

/// True if the same call may succeed later without anybody changing anything.
[[nodiscard]] bool is_retriable(Errc code);

/// Name as users see it in JSON output and logs, such as "not_found".
[[nodiscard]] std::string_view errc_name(Errc code);

class [[nodiscard]] Error {
 public:
  Error(Errc code, std::string message) : code_(code), message_(std::move(message)) {}

  [[nodiscard]] Errc code() const { return code_; }
  /// Context and message in one line, outermost context first.
  [[nodiscard]] const std::string& message() const { return message_; }

  /// Puts `context` before the message: "context: message".
  Error with_context(std::string_view context) && {
    message_ = fmt::format("{}: {}", context, message_);
    return std::move(*this);
  }
  Error with_context(std::string_view context) const& { return Error(*this).with_context(context); }

 private:
  Errc code_;
  std::string message_;
};

template <class T = void>
using Result = std::expected<T, Error>;

/// `return fail(Errc::kNotFound, "topic {} does not exist", name);`
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(Errc code, fmt::format_string<Args...> text,
                                          Args&&... args) {
  return std::unexpected(Error(code, fmt::format(text, std::forward<Args>(args)...)));
}

/// Error from errno, with kNoSpace for ENOSPC and EDQUOT: "open /x/y: Permission denied".
[[nodiscard]] Error errno_error(std::string_view what, int errno_value);

}  // namespace freshet

template <>
struct fmt::formatter<freshet::Error> : fmt::formatter<std::string_view> {
  auto format(const freshet::Error& error, format_context& ctx) const {
    return fmt::formatter<std::string_view>::format(error.message(), ctx);
  }
};

#define FRESHET_CONCAT_(a, b) a##b
#define FRESHET_CONCAT(a, b) FRESHET_CONCAT_(a, b)

/// Returns the error of `expr` (a Result) from the enclosing function, or goes on.
#define FRESHET_TRY(expr)                                     \
  do {                                                        \
    if (auto freshet_try = (expr); !freshet_try) [[unlikely]] \
      return std::unexpected(std::move(freshet_try).error()); \
  } while (false)

/// As FRESHET_TRY, with context put before the message; the context is formatted only on failure.
#define FRESHET_TRY_CONTEXT(expr, ...)                                            \
  do {                                                                            \
    if (auto freshet_try = (expr); !freshet_try) [[unlikely]]                     \
      return std::unexpected(                                                     \
          std::move(freshet_try).error().with_context(fmt::format(__VA_ARGS__))); \
  } while (false)

/// `FRESHET_ASSIGN(auto file, open(path));` declares `file` with the value or returns the error.
#define FRESHET_ASSIGN(declaration, expr) \
  FRESHET_ASSIGN_(FRESHET_CONCAT(freshet_result_, __LINE__), declaration, expr)
#define FRESHET_ASSIGN_(result, declaration, expr)     \
  auto result = (expr);                                \
  if (!result) [[unlikely]]                            \
    return std::unexpected(std::move(result).error()); \
  declaration = std::move(*result)

/// As FRESHET_ASSIGN, with context put before the message.
#define FRESHET_ASSIGN_CONTEXT(declaration, expr, ...) \
  FRESHET_ASSIGN_CONTEXT_(FRESHET_CONCAT(freshet_result_, __LINE__), declaration, expr, __VA_ARGS__)
#define FRESHET_ASSIGN_CONTEXT_(result, declaration, expr, ...)                               \
  auto result = (expr);                                                                       \
  if (!result) [[unlikely]]                                                                   \
    return std::unexpected(std::move(result).error().with_context(fmt::format(__VA_ARGS__))); \
  declaration = std::move(*result)
