// Which partition an event goes to: the same as Kafka's default partitioner for records with a key
// (Java client, BuiltInPartitioner::partitionForKey), so that other producers agree.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace freshet::source {

/// MurmurHash2, 32 bits, with the seed that Kafka uses.
[[nodiscard]] uint32_t murmur2(std::string_view bytes);

/// Events without a key are dealt out by their number, so that a restart deals them the same way.
[[nodiscard]] int32_t partition_of(std::optional<std::string_view> key, uint64_t number,
                                   int32_t partitions);

}  // namespace freshet::source
