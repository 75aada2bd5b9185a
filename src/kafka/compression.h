// The compression codecs of Kafka's record batches (KIP-98 attributes, bits 0-2).
//
// What is written is read by the Java client and by librdkafka alike: gzip with a gzip header,
// snappy as one raw block, lz4 as a frame of independent 64 KiB blocks, zstd as one frame. What is
// read is everything either of them writes, snappy also in the xerial framing of snappy-java.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace freshet::kafka {

/// The numbers are those of the attributes.
enum class Codec : uint8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };

/// "none", "gzip", "snappy", "lz4", "zstd": the words of Kafka's compression.type.
[[nodiscard]] std::string_view codec_name(Codec codec);
[[nodiscard]] std::optional<Codec> codec_from_name(std::string_view name);

/// Appends the compressed form of `input` to `output`. Safe from any thread; each thread keeps one
/// zstd context. Codec::kNone copies.
void compress(Codec codec, std::string_view input, std::string& output);

/// Replaces `output` with the plain form of `input`; the capacity of `output` is reused. Safe from
/// any thread. kCorrupt: not a valid stream of this codec. kTooLarge: more than `output_bytes_max`
/// would come out; no more than that is ever allocated.
Result<void> decompress(Codec codec, std::string_view input, size_t output_bytes_max,
                        std::string& output);

}  // namespace freshet::kafka
