#include "kafka/compression.h"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/check.h"
#include "base/endian.h"

namespace freshet::kafka {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"none", "gzip", "snappy", "lz4", "zstd"};

std::unexpected<Error> too_large(Codec codec, size_t output_bytes_max) {
  return fail(Errc::kTooLarge, "{} data unpacks to more than the limit of {} bytes",
              codec_name(codec), output_bytes_max);
}

std::unexpected<Error> corrupt(Codec codec, std::string_view reason) {
  return fail(Errc::kCorrupt, "not valid {} data: {}", codec_name(codec), reason);
}

// Output of unknown size: grows `output` by doubling up to the limit while a codec fills it.
class GrowingOutput {
 public:
  GrowingOutput(std::string& output, size_t first_guess, size_t bytes_max)
      : output_(output), bytes_max_(bytes_max) {
    resize(std::min(std::max({first_guess, output.capacity(), size_t{1024}}), bytes_max));
  }
  [[nodiscard]] char* free_begin() { return output_.data() + used_; }
  [[nodiscard]] size_t free_size() const { return output_.size() - used_; }
  void used(size_t bytes) { used_ += bytes; }
  /// False if there is no room and the limit is reached.
  bool make_room() {
    if (free_size() > 0) return true;
    if (output_.size() >= bytes_max_) return false;
    resize(std::min(std::max(output_.size() * 2, size_t{1024}), bytes_max_));
    return true;
  }
  void finish() { output_.resize(used_); }

 private:
  // Without filling the new bytes with zeros: the codec writes them. libstdc++ 12 hands the new
  // capacity to the callable, which may be more than asked for.
  void resize(size_t size) {
    output_.resize_and_overwrite(size, [size](char*, size_t) { return size; });
  }

  std::string& output_;
  size_t bytes_max_;
  size_t used_ = 0;
};

// ---- gzip ----

constexpr int kGzipWindowBits = 15 + 16;  // zlib: 16 asks for the gzip wrapper

struct DeflateEnd {
  void operator()(z_stream* stream) const { deflateEnd(stream); }
};
struct InflateEnd {
  void operator()(z_stream* stream) const { inflateEnd(stream); }
};

void gzip_compress(std::string_view input, std::string& output) {
  z_stream stream{};
  FRESHET_CHECK_EQ(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindowBits,
                                /*memLevel=*/8, Z_DEFAULT_STRATEGY),
                   Z_OK);
  const std::unique_ptr<z_stream, DeflateEnd> owner(&stream);
  FRESHET_CHECK_LE(input.size(), size_t{UINT32_MAX});
  const size_t before = output.size();
  output.resize(before + deflateBound(&stream, input.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(output.data() + before);
  stream.avail_out = static_cast<uInt>(output.size() - before);
  FRESHET_CHECK_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  output.resize(before + stream.total_out);
}

Result<void> gzip_decompress(std::string_view input, size_t output_bytes_max, std::string& output) {
  z_stream stream{};
  FRESHET_CHECK_EQ(inflateInit2(&stream, kGzipWindowBits), Z_OK);
  const std::unique_ptr<z_stream, InflateEnd> owner(&stream);
  if (input.size() > UINT32_MAX) return corrupt(Codec::kGzip, "longer than 4 GiB");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  GrowingOutput room(output, input.size() * 4, output_bytes_max);
  for (;;) {
    const auto offered = static_cast<uInt>(std::min(room.free_size(), size_t{UINT32_MAX}));
    stream.next_out = reinterpret_cast<Bytef*>(room.free_begin());
    stream.avail_out = offered;
    const int status = inflate(&stream, Z_NO_FLUSH);
    room.used(offered - stream.avail_out);
    if (status == Z_STREAM_END) break;
    const bool stuck = status == Z_BUF_ERROR && stream.avail_out > 0;
    if ((status != Z_OK && status != Z_BUF_ERROR) || stuck) {
      return corrupt(Codec::kGzip, stuck                   ? "it ends in the middle"
                                   : stream.msg != nullptr ? stream.msg
                                                           : "a preset dictionary is asked for");
    }
    if (!room.make_room()) return too_large(Codec::kGzip, output_bytes_max);
  }
  room.finish();
  return {};
}

// ---- snappy ----

// Framing of snappy-java's SnappyOutputStream ("xerial"): this magic, two big-endian versions, then
// blocks of a big-endian length and one raw snappy block each.
constexpr std::string_view kXerialMagic("\x82SNAPPY\0", 8);
constexpr size_t kXerialHeaderSize = 16;

void snappy_compress(std::string_view input, std::string& output) {
  const size_t before = output.size();
  output.resize(before + snappy::MaxCompressedLength(input.size()));
  size_t written = 0;
  snappy::RawCompress(input.data(), input.size(), output.data() + before, &written);
  output.resize(before + written);
}

Result<void> append_snappy_block(std::string_view block, size_t output_bytes_max,
                                 std::string& output) {
  size_t plain = 0;
  if (!snappy::GetUncompressedLength(block.data(), block.size(), &plain)) {
    return corrupt(Codec::kSnappy, "a block has no length");
  }
  if (plain > output_bytes_max - output.size()) return too_large(Codec::kSnappy, output_bytes_max);
  // Snappy's densest element makes 64 bytes of 3: a larger claim is a lie, and not worth the
  // memory.
  if (plain / 64 > block.size()) return corrupt(Codec::kSnappy, "a block claims too many bytes");
  const size_t before = output.size();
  output.resize(before + plain);
  if (!snappy::RawUncompress(block.data(), block.size(), output.data() + before)) {
    return corrupt(Codec::kSnappy, "a block is malformed");
  }
  return {};
}

Result<void> snappy_decompress(std::string_view input, size_t output_bytes_max,
                               std::string& output) {
  output.clear();
  if (!input.starts_with(kXerialMagic)) return append_snappy_block(input, output_bytes_max, output);
  if (input.size() < kXerialHeaderSize) return corrupt(Codec::kSnappy, "its header is cut off");
  input.remove_prefix(kXerialHeaderSize);
  while (!input.empty()) {
    if (input.size() < 4) return corrupt(Codec::kSnappy, "a block length is cut off");
    const auto size = load_be<uint32_t>(input.data());
    input.remove_prefix(4);
    if (size > input.size()) return corrupt(Codec::kSnappy, "a block is cut off");
    FRESHET_TRY(append_snappy_block(input.substr(0, size), output_bytes_max, output));
    input.remove_prefix(size);
  }
  return {};
}

// ---- lz4 ----

struct Lz4Free {
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};

void lz4_compress(std::string_view input, std::string& output) {
  LZ4F_preferences_t preferences{};
  // The Java client reads no other: blocks must be independent, and 64 KiB is what it writes.
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  const size_t before = output.size();
  output.resize(before + LZ4F_compressFrameBound(input.size(), &preferences));
  const size_t written = LZ4F_compressFrame(output.data() + before, output.size() - before,
                                            input.data(), input.size(), &preferences);
  FRESHET_CHECK(LZ4F_isError(written) == 0, "{}", LZ4F_getErrorName(written));
  output.resize(before + written);
}

Result<void> lz4_decompress(std::string_view input, size_t output_bytes_max, std::string& output) {
  LZ4F_dctx* raw = nullptr;
  const auto created = LZ4F_createDecompressionContext(&raw, LZ4F_VERSION);
  FRESHET_CHECK(LZ4F_isError(created) == 0, "{}", LZ4F_getErrorName(created));
  const std::unique_ptr<LZ4F_dctx, Lz4Free> context(raw);
  GrowingOutput room(output, input.size() * 4, output_bytes_max);
  for (;;) {
    size_t produced = room.free_size();
    size_t consumed = input.size();
    const size_t hint = LZ4F_decompress(context.get(), room.free_begin(), &produced, input.data(),
                                        &consumed, nullptr);
    if (LZ4F_isError(hint) != 0) return corrupt(Codec::kLz4, LZ4F_getErrorName(hint));
    room.used(produced);
    input.remove_prefix(consumed);
    if (hint == 0) break;
    if (room.free_size() > 0 && input.empty()) {
      return corrupt(Codec::kLz4, "it ends in the middle");
    }
    if (!room.make_room()) return too_large(Codec::kLz4, output_bytes_max);
  }
  room.finish();
  return {};
}

// ---- zstd ----

constexpr int kZstdLevel = 3;
constexpr int kZstdWindowLogMax = 27;  // 128 MiB: the largest window a decoder must accept

struct ZstdFree {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

void zstd_compress(std::string_view input, std::string& output) {
  // Making a context costs more than compressing a small batch with it.
  static thread_local const std::unique_ptr<ZSTD_CCtx, ZstdFree> context(ZSTD_createCCtx());
  const size_t before = output.size();
  output.resize(before + ZSTD_compressBound(input.size()));
  const size_t written =
      ZSTD_compressCCtx(context.get(), output.data() + before, output.size() - before, input.data(),
                        input.size(), kZstdLevel);
  FRESHET_CHECK(ZSTD_isError(written) == 0, "{}", ZSTD_getErrorName(written));
  output.resize(before + written);
}

Result<void> zstd_decompress(std::string_view input, size_t output_bytes_max, std::string& output) {
  static thread_local const std::unique_ptr<ZSTD_DCtx, ZstdFree> context(ZSTD_createDCtx());
  ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kZstdWindowLogMax);
  ZSTD_inBuffer in{input.data(), input.size(), 0};
  GrowingOutput room(output, input.size() * 4, output_bytes_max);
  // Java's client writes a stream: the frame does not say how long its content is.
  for (size_t hint = 1; hint != 0;) {
    ZSTD_outBuffer out{room.free_begin(), room.free_size(), 0};
    hint = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(hint) != 0) return corrupt(Codec::kZstd, ZSTD_getErrorName(hint));
    room.used(out.pos);
    if (hint == 0 && in.pos < in.size) hint = 1;  // another frame follows
    if (hint == 0) break;
    if (room.free_size() > 0 && in.pos == in.size) {
      return corrupt(Codec::kZstd, "it ends in the middle");
    }
    if (!room.make_room()) return too_large(Codec::kZstd, output_bytes_max);
  }
  room.finish();
  return {};
}

}  // namespace

std::string_view codec_name(Codec codec) {
  const auto index = static_cast<size_t>(codec);
  return index < kNames.size() ? kNames[index] : "unknown";
}

std::optional<Codec> codec_from_name(std::string_view name) {
  const auto* found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Codec>(found - kNames.begin());
}

void compress(Codec codec, std::string_view input, std::string& output) {
  switch (codec) {
    case Codec::kNone:
      output.append(input);
      return;
    case Codec::kGzip:
      return gzip_compress(input, output);
    case Codec::kSnappy:
      return snappy_compress(input, output);
    case Codec::kLz4:
      return lz4_compress(input, output);
    case Codec::kZstd:
      return zstd_compress(input, output);
  }
  FRESHET_CHECK(false, "codec {}", static_cast<int>(codec));
}

Result<void> decompress(Codec codec, std::string_view input, size_t output_bytes_max,
                        std::string& output) {
  switch (codec) {
    case Codec::kNone:
      if (input.size() > output_bytes_max) return too_large(codec, output_bytes_max);
      output.assign(input);
      return {};
    case Codec::kGzip:
      return gzip_decompress(input, output_bytes_max, output);
    case Codec::kSnappy:
      return snappy_decompress(input, output_bytes_max, output);
    case Codec::kLz4:
      return lz4_decompress(input, output_bytes_max, output);
    case Codec::kZstd:
      return zstd_decompress(input, output_bytes_max, output);
  }
  return fail(Errc::kCorrupt, "the unknown compression codec {}", static_cast<int>(codec));
}

}  // namespace freshet::kafka
