#include "warehouse/compressed_block.h"

#include <lz4.h>
#include <zstd.h>

#include <cstdint>
#include <cstring>
#include <optional>

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

size_t bound_of(BlockCompression compression, size_t size) {
  switch (compression) {
    case BlockCompression::kNone:
      return size;
    case BlockCompression::kLz4:
      return static_cast<size_t>(LZ4_compressBound(static_cast<int>(size)));
    case BlockCompression::kZstd:
      return ZSTD_compressBound(size);
  }
  return size;
}

// Packs `plain` into `to`, which has room for bound_of() bytes; its size there.
size_t pack(BlockCompression compression, std::string_view plain, char* to, size_t bound) {
  constexpr int kZstdLevel = 1;
  switch (compression) {
    case BlockCompression::kNone:
      break;
    case BlockCompression::kLz4: {
      const int size = LZ4_compress_default(plain.data(), to, static_cast<int>(plain.size()),
                                            static_cast<int>(bound));
      FRESHET_CHECK(size > 0, "LZ4 does not fit its own bound of {}", bound);
      return static_cast<size_t>(size);
    }
    case BlockCompression::kZstd: {
      const size_t size = ZSTD_compress(to, bound, plain.data(), plain.size(), kZstdLevel);
      FRESHET_CHECK(ZSTD_isError(size) == 0, "ZSTD: {}", ZSTD_getErrorName(size));
      return size;
    }
  }
  std::memcpy(to, plain.data(), plain.size());
  return plain.size();
}

char method_of(BlockCompression compression) {
  switch (compression) {
    case BlockCompression::kNone:
      return kMethodNone;
    case BlockCompression::kLz4:
      return kMethodLz4;
    case BlockCompression::kZstd:
      return kMethodZstd;
  }
  return kMethodNone;
}

void append_block(std::string_view plain, BlockCompression compression, std::string& out) {
  const size_t begin = out.size();
  const size_t bound = bound_of(compression, plain.size());
  out.resize(begin + kChecksumBytes + kHeaderBytes + bound);
  char* header = out.data() + begin + kChecksumBytes;
  const size_t size = pack(compression, plain, header + kHeaderBytes, bound);
  header[0] = method_of(compression);
  store_le<uint32_t>(header + 1, static_cast<uint32_t>(size + kHeaderBytes));
  store_le<uint32_t>(header + 5, static_cast<uint32_t>(plain.size()));
  const size_t body = kHeaderBytes + size;
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

// The sizes in the header of the block at the front of `rest`; nullopt: the header is not whole.
struct BlockSizes {
  size_t whole = 0;  // with its checksum
  size_t plain = 0;
};
constexpr size_t kSizeMax = size_t{1} << 30;  // ClickHouse's own limit

std::unexpected<Error> corrupt(size_t at, std::string_view what) {
  return fail(Errc::kCorrupt, "the compressed block at byte {} {}", at, what);
}

Result<std::optional<BlockSizes>> read_sizes(std::string_view rest, size_t at) {
  if (rest.size() < kChecksumBytes + kHeaderBytes) return std::nullopt;
  const char* header = rest.data() + kChecksumBytes;
  const size_t body = load_le<uint32_t>(header + 1);
  const size_t size = load_le<uint32_t>(header + 5);
  if (body < kHeaderBytes || body > kSizeMax || size > kSizeMax ||
      (header[0] == kMethodLz4 && size / kLz4RatioMax > body)) {
    return corrupt(at, "gives sizes that cannot be");
  }
  return BlockSizes{.whole = kChecksumBytes + body, .plain = size};
}

// `block` is one whole block, which stands at byte `at` of its stream.
Result<void> append_plain(std::string_view block, const BlockSizes& sizes, size_t at,
                          std::string& plain) {
  const std::string_view body = block.substr(kChecksumBytes);
  if (city_hash_128(body) != Hash128{.first = load_le<uint64_t>(block.data()),
                                     .second = load_le<uint64_t>(block.data() + 8)}) {
    return corrupt(at, "does not match its checksum");
  }
  const char method = body[0];
  if (method != kMethodLz4 && method != kMethodZstd && method != kMethodNone) {
    return fail(Errc::kUnsupported,
                "the compression method {:#04x} of the block at byte {} is not supported yet; "
                "LZ4, ZSTD and none are",
                static_cast<uint8_t>(method), at);
  }
  const size_t before = plain.size();
  plain.resize(before + sizes.plain);
  if (!unpack(method, body.substr(kHeaderBytes), plain.data() + before, sizes.plain)) {
    return corrupt(at, "does not unpack");
  }
  return {};
}

}  // namespace

void append_compressed_blocks(std::string_view plain, std::string& out,
                              BlockCompression compression) {
  while (!plain.empty()) {
    const std::string_view piece = plain.substr(0, kCompressedBlockBytes);
    append_block(piece, compression, out);
    plain.remove_prefix(piece.size());
  }
}

Result<std::string> read_compressed_blocks(std::string_view blocks, size_t plain_bytes_max) {
  std::string plain;
  for (size_t at = 0; at < blocks.size();) {
    const std::string_view rest = blocks.substr(at);
    FRESHET_ASSIGN(const std::optional<BlockSizes> sizes, read_sizes(rest, at));
    if (!sizes || sizes->whole > rest.size()) return corrupt(at, "is cut off");
    if (sizes->plain > plain_bytes_max - plain.size()) {
      return fail(Errc::kTooLarge, "the compressed blocks unpack to more than {} bytes",
                  plain_bytes_max);
    }
    FRESHET_TRY(append_plain(rest.substr(0, sizes->whole), *sizes, at, plain));
    at += sizes->whole;
  }
  return plain;
}

Result<void> CompressedBlockReader::add(std::string_view piece, std::string& plain) {
  // Whole blocks of a large piece are read where they lie.
  std::string joined;
  if (!pending_.empty()) {
    joined = std::move(pending_);
    joined += piece;
    piece = joined;
  }
  while (!piece.empty()) {
    FRESHET_ASSIGN(const std::optional<BlockSizes> sizes, read_sizes(piece, position_));
    if (!sizes) break;
    if (sizes->plain > kPlainBytesMax || sizes->whole > 2 * kPlainBytesMax) {
      return fail(Errc::kTooLarge, "the compressed block at byte {} unpacks to more than {} bytes",
                  position_, kPlainBytesMax);
    }
    if (sizes->whole > piece.size()) break;
    FRESHET_TRY(append_plain(piece.substr(0, sizes->whole), *sizes, position_, plain));
    position_ += sizes->whole;
    piece.remove_prefix(sizes->whole);
  }
  pending_ = std::string(piece);
  return {};
}

Result<void> CompressedBlockReader::finish() const {
  if (pending_.empty()) return {};
  return corrupt(position_, "is cut off");
}

}  // namespace freshet::warehouse
