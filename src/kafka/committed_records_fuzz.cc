// What a broker elsewhere answers to a fetch: batches in any order, and which transactions were
// rolled back. What is left must be whole batches that say where they are.
//
//   u8 count mod 8, count times (i64 producer id, i64 first offset), then batches
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/endian.h"
#include "kafka/committed_records.h"
#include "kafka/record_batch.h"

namespace freshet::kafka {
namespace {

constexpr size_t kAbortedBytes = 16;

std::vector<AbortedTransaction> take_aborted(std::string_view& bytes) {
  std::vector<AbortedTransaction> aborted;
  if (bytes.empty()) return aborted;
  const auto count = static_cast<size_t>(static_cast<uint8_t>(bytes.front()) % 8);
  bytes.remove_prefix(1);
  while (aborted.size() < count && bytes.size() >= kAbortedBytes) {
    aborted.push_back({.producer_id = load_be<int64_t>(bytes.data()),
                       .first_offset = Offset(load_be<int64_t>(bytes.data() + 8))});
    bytes.remove_prefix(kAbortedBytes);
  }
  return aborted;
}

size_t batches_in(std::string_view bytes) {
  size_t count = 0;
  for (auto batch = next_batch(bytes); batch && *batch; batch = next_batch(bytes)) ++count;
  FRESHET_CHECK(bytes.empty(), "a slice ends inside a batch");
  return count;
}

}  // namespace
}  // namespace freshet::kafka

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet::kafka;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto aborted = take_aborted(bytes);
  std::string_view rest = bytes;
  size_t given = 0;
  for (auto batch = next_batch(rest); batch && *batch; batch = next_batch(rest)) ++given;
  const std::string_view whole = bytes.substr(0, bytes.size() - rest.size());
  size_t left = 0;
  const std::vector<LogSlice> slices = {{.owner = nullptr, .bytes = whole}};
  for (const auto& slice : leave_out_aborted(slices, std::move(aborted))) {
    left += batches_in(slice.bytes);
  }
  FRESHET_CHECK(left <= given, "{} batches of {}", left, given);
  return 0;
}
