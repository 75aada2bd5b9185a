// Turns a Native stream as the engine writes it (protocol revision 0) into the one that a client
// of a newer revision reads:
//
//   revision 0        varuint columns, varuint rows, per column: name, type, data
//   > 0               block info before that: field 1 (overflow: 0), field 2 (bucket: -1), 0
//   >= 54454          a byte 0 behind each type: its data are in no form of their own
//
// (https://clickhouse.com/docs/interfaces/http: client_protocol_version; ClickHouse's own TCP
// clients say what the fields are.) One thread. Holds one block at most.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet::warehouse {

class NativeReframer {
 public:
  static constexpr uint64_t kRevisionWithOwnForms = 54'454;

  explicit NativeReframer(uint64_t revision) : revision_(revision) {}

  /// Appends to `out` every block that `bytes` complete. kUnsupported for a column whose type
  /// NativeType does not know, kCorrupt for what is not Native; nothing can be pushed after that.
  Result<void> push(std::string_view bytes, std::string& out);
  /// At the end of the stream. kCorrupt when that is in the middle of a block.
  Result<void> finish(std::string& out);

 private:
  /// The length of the block at the start of `bytes`; 0: it is not complete.
  Result<size_t> reframe(std::string_view bytes, std::string& out) const;

  const uint64_t revision_;
  std::string held_;   // the beginning of a block
  size_t enough_ = 0;  // bytes held before it is looked at again
};

}  // namespace freshet::warehouse
