// One record of a log as readers see it: views into bytes that somebody else owns.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/offset.h"

namespace freshet {

/// Valid as long as the record batch it was read from. `headers` is still in Kafka's encoding:
/// zigzag varint count, then key and value pairs; most readers never open it.
struct RecordView {
  Offset offset;
  int64_t timestamp_ms = 0;
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;  // nullopt: a tombstone
  std::string_view headers;
};

}  // namespace freshet
