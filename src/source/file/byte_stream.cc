#include "source/file/byte_stream.h"

#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "io/file.h"
#include "source/file/zip_member.h"

namespace freshet::source {
namespace {

constexpr size_t kInputBytes = 128 * 1024;

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(io::File file) : file_(std::move(file)) {}

  Result<size_t> read(std::span<char> into) override {
    FRESHET_ASSIGN(const size_t bytes, file_.read_at(into, position_));
    position_ += bytes;
    return bytes;
  }

  Result<void> seek(uint64_t offset) override {
    position_ = offset;
    return {};
  }

  Result<void> check_same_file(uint64_t bytes_read) const override {
    struct stat opened{};
    struct stat named{};
    const auto& path = file_.path();
    if (::fstat(file_.fd(), &opened) != 0) {
      return std::unexpected(errno_error(path.string(), errno));
    }
    if (static_cast<uint64_t>(opened.st_size) < bytes_read) {
      return fail(
          Errc::kRefused,
          "{}: the file was cut to {} bytes after {} had been read; lines may be lost. Files "
          "that are followed may only grow",
          path.string(), opened.st_size, bytes_read);
    }
    if (::stat(path.c_str(), &named) != 0 || named.st_ino != opened.st_ino ||
        named.st_dev != opened.st_dev) {
      return fail(Errc::kRefused,
                  "{}: the file was replaced or removed while it was followed; give rotated files "
                  "names of their own that sort after the old ones, and follow them by a glob",
                  path.string());
    }
    return {};
  }

 private:
  io::File file_;
  uint64_t position_ = 0;
};

/// What the compressed forms share: their input, and that they cannot seek.
class CompressedStream : public ByteStream {
 public:
  CompressedStream(io::File file, uint64_t begin, uint64_t end)
      : file_(std::move(file)), position_(begin), end_(end), input_(kInputBytes) {}

  Result<void> seek(uint64_t) override {
    return fail(Errc::kUnsupported, "{}: a compressed file cannot be sought in", name());
  }
  Result<void> check_same_file(uint64_t) const override { return {}; }

 protected:
  [[nodiscard]] std::string name() const { return file_.path().string(); }
  /// More compressed bytes; empty at the end.
  Result<std::span<char>> more() {
    const auto wanted = std::min<uint64_t>(input_.size(), end_ - position_);
    FRESHET_ASSIGN(const size_t bytes,
                   file_.read_at(std::span(input_).first(static_cast<size_t>(wanted)), position_));
    position_ += bytes;
    return std::span(input_).first(bytes);
  }
  [[nodiscard]] std::unexpected<Error> damaged(std::string_view what) const {
    return fail(Errc::kCorrupt, "{}: {} near byte {}; the file is damaged or cut short", name(),
                what, position_);
  }

 private:
  io::File file_;
  uint64_t position_;
  const uint64_t end_;
  std::vector<char> input_;
};

/// gzip with any number of members, or the raw deflate data of a zip member.
class DeflateStream final : public CompressedStream {
 public:
  static constexpr int kGzipWindow = 15 + 16;
  static constexpr int kRawWindow = -15;

  DeflateStream(io::File file, uint64_t begin, uint64_t end, int window,
                std::optional<uint32_t> crc)
      : CompressedStream(std::move(file), begin, end), window_(window), crc_wanted_(crc) {
    FRESHET_CHECK(::inflateInit2(&stream_, window_) == Z_OK, "out of memory");
  }
  DeflateStream(const DeflateStream&) = delete;
  DeflateStream& operator=(const DeflateStream&) = delete;
  ~DeflateStream() override { ::inflateEnd(&stream_); }

  Result<size_t> read(std::span<char> into) override {
    stream_.next_out = reinterpret_cast<Bytef*>(into.data());
    stream_.avail_out = static_cast<uInt>(into.size());
    while (stream_.avail_out == into.size() && !ended_) {
      if (stream_.avail_in == 0) {
        FRESHET_ASSIGN(const auto input, more());
        if (input.empty()) {
          if (window_ == kGzipWindow && between_members_) break;
          return damaged("the compressed data ends too early");
        }
        stream_.next_in = reinterpret_cast<Bytef*>(input.data());
        stream_.avail_in = static_cast<uInt>(input.size());
      }
      between_members_ = false;
      const int status = ::inflate(&stream_, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        if (window_ == kGzipWindow) {
          ::inflateReset(&stream_);
          between_members_ = true;
        } else {
          ended_ = true;
        }
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        return damaged(stream_.msg != nullptr ? stream_.msg : "not deflate data");
      }
    }
    const size_t bytes = into.size() - stream_.avail_out;
    crc_ = ::crc32(crc_, reinterpret_cast<const Bytef*>(into.data()), static_cast<uInt>(bytes));
    if (ended_ && crc_wanted_ && *crc_wanted_ != crc_)
      return damaged("the checksum does not match");
    return bytes;
  }

 private:
  z_stream stream_{};
  const int window_;
  const std::optional<uint32_t> crc_wanted_;
  uLong crc_ = 0;
  bool between_members_ = true;
  bool ended_ = false;
};

class ZstdStream final : public CompressedStream {
 public:
  ZstdStream(io::File file, uint64_t end)
      : CompressedStream(std::move(file), 0, end), stream_(::ZSTD_createDStream()) {
    FRESHET_CHECK(stream_ != nullptr, "out of memory");
  }

  Result<size_t> read(std::span<char> into) override {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    while (out.pos == 0) {
      if (in_.pos == in_.size) {
        FRESHET_ASSIGN(const auto input, more());
        if (input.empty()) {
          if (frame_done_) return 0;
          // What the decoder still holds comes without input.
          if (drained_) return damaged("the compressed data ends too early");
          drained_ = true;
        }
        in_ = {input.data(), input.size(), 0};
      }
      const size_t left = ::ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (::ZSTD_isError(left) != 0) return damaged(::ZSTD_getErrorName(left));
      frame_done_ = left == 0;
    }
    return out.pos;
  }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ::ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  bool frame_done_ = true;
  bool drained_ = false;
};

/// A zip member that is stored as it is.
class StoredStream final : public CompressedStream {
 public:
  using CompressedStream::CompressedStream;

  Result<size_t> read(std::span<char> into) override {
    if (left_.empty()) {
      FRESHET_ASSIGN(left_, more());
    }
    const size_t bytes = std::min(into.size(), left_.size());
    std::copy_n(left_.begin(), bytes, into.begin());
    left_ = left_.subspan(bytes);
    return bytes;
  }

 private:
  std::span<char> left_;
};

}  // namespace

Compression compression_of(std::string_view path) {
  if (path.ends_with(".gz")) return Compression::kGzip;
  if (path.ends_with(".zst")) return Compression::kZstd;
  if (path.ends_with(".zip")) return Compression::kZip;
  return Compression::kNone;
}

Result<std::unique_ptr<ByteStream>> open_byte_stream(const std::string& path) {
  FRESHET_ASSIGN(auto file, io::File::open(path, io::OpenMode::kRead));
  FRESHET_ASSIGN(const uint64_t size, file.size());
  switch (compression_of(path)) {
    case Compression::kNone:
      return std::make_unique<PlainStream>(std::move(file));
    case Compression::kGzip:
      return std::make_unique<DeflateStream>(std::move(file), 0, size, DeflateStream::kGzipWindow,
                                             std::nullopt);
    case Compression::kZstd:
      return std::make_unique<ZstdStream>(std::move(file), size);
    case Compression::kZip:
      break;
  }
  FRESHET_ASSIGN(const auto member, find_zip_member(file));
  if (!member.deflated) {
    return std::make_unique<StoredStream>(std::move(file), member.begin, member.end);
  }
  return std::make_unique<DeflateStream>(std::move(file), member.begin, member.end,
                                         DeflateStream::kRawWindow, member.crc);
}

}  // namespace freshet::source
