// Always-on checks for broken invariants: a bug of ours, never something the outside can cause.
// A failed check prints file, line, the condition and both values, then aborts.
#pragma once

#include <fmt/format.h>

#include <source_location>
#include <string>
#include <string_view>

namespace freshet {

[[noreturn]] void check_failed(std::string_view condition, std::string_view detail,
                               std::source_location where = std::source_location::current());

}  // namespace freshet

#define FRESHET_CHECK(condition, ...)                                     \
  do {                                                                    \
    if (!(condition)) [[unlikely]]                                        \
      ::freshet::check_failed(#condition, ::fmt::format("" __VA_ARGS__)); \
  } while (false)

#define FRESHET_CHECK_OP_(op, a, b)                                                                \
  do {                                                                                             \
    const auto& freshet_a = (a);                                                                   \
    const auto& freshet_b = (b);                                                                   \
    if (!(freshet_a op freshet_b)) [[unlikely]]                                                    \
      ::freshet::check_failed(#a " " #op " " #b, ::fmt::format("{} vs {}", freshet_a, freshet_b)); \
  } while (false)

#define FRESHET_CHECK_EQ(a, b) FRESHET_CHECK_OP_(==, a, b)
#define FRESHET_CHECK_NE(a, b) FRESHET_CHECK_OP_(!=, a, b)
#define FRESHET_CHECK_LE(a, b) FRESHET_CHECK_OP_(<=, a, b)
#define FRESHET_CHECK_LT(a, b) FRESHET_CHECK_OP_(<, a, b)
#define FRESHET_CHECK_GE(a, b) FRESHET_CHECK_OP_(>=, a, b)
#define FRESHET_CHECK_GT(a, b) FRESHET_CHECK_OP_(>, a, b)

/// Only in hot loops: compiled out of release builds.
#ifdef NDEBUG
#define FRESHET_DCHECK(condition, ...) static_cast<void>(0)
#else
#define FRESHET_DCHECK(condition, ...) FRESHET_CHECK(condition, __VA_ARGS__)
#endif
