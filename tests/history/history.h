// One history of everything that clients asked of a broker, what they were answered and what they
// read, in the order in which it happened. Written by the load (load.h), judged by the checker.
//
// As text, one event a line: kind phase process place value offset transaction flag.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace freshet::history {

enum class Kind : uint8_t {
  kWrite,   // value to place; ok: at offset
  kEnd,     // of transaction; flag: commit
  kRead,    // process got value of place at offset; flag: it reads committed records only
  kRange,   // process reads place: invoke from offset, ok up to offset (without it); flag as above
  kCommit,  // group `process` commits offset of place, maybe inside a transaction
  kCommitted,  // group `process` asks for the offset of place; ok: offset, -1 for none
};
inline constexpr std::string_view kKindNames[] = {"write", "end",    "read",
                                                  "range", "commit", "committed"};

/// unknown: no answer came; it may have happened or not. fail: it did not happen and never will.
enum class Phase : uint8_t { kInvoke, kOk, kFail, kUnknown };
inline constexpr std::string_view kPhaseNames[] = {"invoke", "ok", "fail", "unknown"};

struct Event {
  Kind kind = Kind::kWrite;
  Phase phase = Phase::kInvoke;
  int32_t process = 0;
  int32_t place = -1;  // a partition of the whole test
  int64_t value = -1;  // unique; of one process growing in the order of its writes
  int64_t offset = -1;
  int64_t transaction = -1;
  bool flag = false;
  friend bool operator==(const Event&, const Event&) = default;
};

[[nodiscard]] std::string to_line(const Event& event);
Result<Event> from_line(std::string_view line);
Result<std::vector<Event>> read_history(const std::string& path);

/// Values carry their writer: process in the upper half.
[[nodiscard]] constexpr int64_t value_of(int32_t process, int32_t number) {
  return int64_t{process} << 32 | number;
}
[[nodiscard]] constexpr int32_t writer_of(int64_t value) {
  return static_cast<int32_t>(value >> 32);
}

/// Any thread adds; kept in memory and, as lines, in a file.
class Recorder {
 public:
  static Result<std::unique_ptr<Recorder>> open(const std::string& path);
  void add(const Event& event);
  [[nodiscard]] std::vector<Event> events() const;
  [[nodiscard]] size_t size() const;

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  explicit Recorder(std::FILE* file) : file_(file) {}

  mutable std::mutex mutex_;  // guards what follows
  std::unique_ptr<std::FILE, Close> file_;
  std::vector<Event> events_;
};

}  // namespace freshet::history
