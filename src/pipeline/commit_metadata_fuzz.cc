// Any bytes may stand in a group's commit: parsing never crashes, and what it accepts as ours is
// exactly what encoding writes.
#include <cstdlib>

#include "pipeline/commit_metadata.h"

using freshet::pipeline::CommitMetadata;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = freshet::pipeline::parse_commit_metadata(text);
  (void)freshet::pipeline::describe(parsed);
  if (const auto* metadata = std::get_if<CommitMetadata>(&parsed)) {
    const auto again = freshet::pipeline::encode_commit_metadata(*metadata);
    if (!again || *again != text) std::abort();
  }
  return 0;
}
