// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as Kafka's record batches use it (KIP-98).
#pragma once

#include <cstdint>
#include <string_view>

namespace freshet {

/// Checksum of `bytes`; pass an earlier result as `seed` to go on with the next piece.
[[nodiscard]] uint32_t crc32c(std::string_view bytes, uint32_t seed = 0);

}  // namespace freshet
