// A sequence of events numbered 0, 1, 2, … that can be read again from any point it named before.
// Users: GeneratorSource (any index at once), FileSource (seeks by its cursor).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet::source {

/// Views are valid until the next call on the source.
struct SourceEvent {
  std::optional<std::string_view> key;
  std::string_view value;
};

enum class ReadStatus : uint8_t {
  kEvent,  // `event` is filled
  kIdle,   // nothing now, there may be more later
  kEnd,    // bounded source: there will never be more
};

/// A point between two events. `cursor` is the source's own text for it, printable, without ';',
/// at most kCursorMax bytes; empty means the beginning.
struct SourcePosition {
  uint64_t next = 0;  // number of the event that follows
  std::string cursor;
};
inline constexpr size_t kCursorMax = 1024;

/// Thread: one at a time.
class EventSource {
 public:
  virtual ~EventSource() = default;

  /// Says which sequence this is: two sources with equal fingerprints have equal events at equal
  /// numbers. Hexadecimal; stored in the log and compared after a restart.
  [[nodiscard]] virtual std::string fingerprint() const = 0;

  /// Goes to a point that position() once returned. kRefused with a sentence for the user if the
  /// sequence before that point is not what it was.
  virtual Result<void> seek(const SourcePosition& to) = 0;

  virtual Result<ReadStatus> read(SourceEvent& event) = 0;

  /// Makes the next read() give the last event again; only right after a read() that gave one. Its
  /// views stay valid.
  virtual void unread() = 0;

  /// The point before the next read(); after a read() that failed, before what it failed on.
  [[nodiscard]] virtual SourcePosition position() const = 0;

  /// Number of events in all, if that is known.
  [[nodiscard]] virtual std::optional<uint64_t> total() const = 0;
};

}  // namespace freshet::source
