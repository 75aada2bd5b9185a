#include "warehouse/compressed_block.h"

#include <lz4.h>
#include <zstd.h>

#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "base/endian.h"
#include "warehouse/city_hash.h"

namespace freshet::warehouse {
namespace {

constexpr size_t kChecksumBytes = 16;
constexpr size_t kHeaderBytes = 9;
constexpr char kMethodLz4 = static_cast<char>(0x82);
constexpr char kMethodZstd = static_cast<char>(0x90);
constexpr char kMethodNone = 0x02;
// LZ4's densest token stands for at most 255 bytes: a larger claim is a lie, not worth the memory.
constexpr size_t kLz4RatioMax = 255;

void append_block(std::string_view plain, std::string& out) {
  const size_t begin = out.size();
  const int bound = LZ4_compressBound(static_cast<int>(plain.size()));
  out.resize(begin + kChecksumBytes + kHeaderBytes + static_cast<size_t>(bound));
  char* header = out.data() + begin + kChecksumBytes;
  const int size = LZ4_compress_default(plain.data(), header + kHeaderBytes,
                                        static_cast<int>(plain.size()), bound);
  FRESHET_CHECK(size > 0, "LZ4 does not fit its own bound of {}", bound);
  header[0] = kMethodLz4;
  store_le<uint32_t>(header + 1, static_cast<uint32_t>(size) + kHeaderBytes);
  store_le<uint32_t>(header + 5, static_cast<uint32_t>(plain.size()));
  const size_t body = kHeaderBytes + static_cast<size_t>(size);
  const Hash128 hash = city_hash_128({header, body});
  store_le<uint64_t>(out.data() + begin, hash.first);
  store_le<uint64_t>(out.data() + begin + 8, hash.second);
  out.resize(begin + kChecksumBytes + body);
}

// False if the data are not valid or not of this size.
bool unpack(char method, std::string_view data, char* to, size_t size) {
  if (method == kMethodLz4) {
    return LZ4_decompress_safe(data.data(), to, static_cast<int>(data.size()),
                               static_cast<int>(size)) == static_cast<int>(size);
  }
  if (method == kMethodZstd) return ZSTD_decompress(to, size, data.data(), data.size()) == size;
  if (data.size() != size) return false;
  std::memcpy(to, data.data(), size);
  return true;
}

}  // namespace

void append_compressed_blocks(std::string_view plain, std::string& out) {
  while (!plain.empty()) {
    const std::string_view piece = plain.substr(0, kCompressedBlockBytes);
    append_block(piece, out);
    plain.remove_prefix(piece.size());
  }
}

Result<std::string> read_compressed_blocks(std::string_view blocks, size_t plain_bytes_max) {
  constexpr size_t kSizeMax = size_t{1} << 30;  // ClickHouse's own limit
  std::string plain;
  for (size_t at = 0; at < blocks.size();) {
    const std::string_view rest = blocks.substr(at);
    const auto corrupt = [at](std::string_view what) {
      return fail(Errc::kCorrupt, "the compressed block at byte {} {}", at, what);
    };
    if (rest.size() < kChecksumBytes + kHeaderBytes) return corrupt("is cut off");
    const char* header = rest.data() + kChecksumBytes;
    const size_t body = load_le<uint32_t>(header + 1);
    const size_t size = load_le<uint32_t>(header + 5);
    if (body < kHeaderBytes || body > kSizeMax || size > kSizeMax) {
      return corrupt("gives sizes that cannot be");
    }
    if (body > rest.size() - kChecksumBytes) return corrupt("is cut off");
    if (city_hash_128({header, body}) != Hash128{.first = load_le<uint64_t>(rest.data()),
                                                 .second = load_le<uint64_t>(rest.data() + 8)}) {
      return corrupt("does not match its checksum");
    }
    const char method = header[0];
    if (method != kMethodLz4 && method != kMethodZstd && method != kMethodNone) {
      return fail(Errc::kUnsupported,
                  "the compression method {:#04x} of the block at byte {} is not supported yet; "
                  "LZ4, ZSTD and none are",
                  static_cast<uint8_t>(method), at);
    }
    if (size > plain_bytes_max - plain.size()) {
      return fail(Errc::kTooLarge, "the compressed blocks unpack to more than {} bytes",
                  plain_bytes_max);
    }
    if (method == kMethodLz4 && size / kLz4RatioMax > body) {
      return corrupt("gives sizes that cannot be");
    }
    const size_t before = plain.size();
    plain.resize(before + size);
    const std::string_view data(header + kHeaderBytes, body - kHeaderBytes);
    if (!unpack(method, data, plain.data() + before, size)) return corrupt("does not unpack");
    at += kChecksumBytes + body;
  }
  return plain;
}

}  // namespace freshet::warehouse
