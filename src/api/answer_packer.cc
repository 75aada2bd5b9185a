#include "api/answer_packer.h"

#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cctype>

#include "base/check.h"

namespace freshet::api {
namespace {

constexpr size_t kRoom = size_t{64} << 10;

class GzipPacker final : public AnswerPacker {
 public:
  GzipPacker() {
    constexpr int kGzipFormat = 15 + 16;
    const int done = ::deflateInit2(&stream_, 3, Z_DEFLATED, kGzipFormat, 8, Z_DEFAULT_STRATEGY);
    FRESHET_CHECK(done == Z_OK, "zlib: {}", done);
  }
  ~GzipPacker() override { ::deflateEnd(&stream_); }
  GzipPacker(const GzipPacker&) = delete;
  GzipPacker& operator=(const GzipPacker&) = delete;

  void add(std::string_view piece, std::string& out) override { run(piece, Z_SYNC_FLUSH, out); }
  void finish(std::string& out) override { run({}, Z_FINISH, out); }
  [[nodiscard]] std::string_view coding() const override { return "gzip"; }

 private:
  void run(std::string_view piece, int flush, std::string& out) {
    // zlib takes what it reads as not constant and does not change it.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    do {
      const size_t before = out.size();
      out.resize(before + kRoom);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
      stream_.avail_out = kRoom;
      ::deflate(&stream_, flush);
      out.resize(before + kRoom - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

  z_stream stream_{};
};

class ZstdPacker final : public AnswerPacker {
 public:
  void add(std::string_view piece, std::string& out) override { run(piece, ZSTD_e_flush, out); }
  void finish(std::string& out) override { run({}, ZSTD_e_end, out); }
  [[nodiscard]] std::string_view coding() const override { return "zstd"; }

 private:
  void run(std::string_view piece, ZSTD_EndDirective how, std::string& out) {
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    size_t left = 0;
    do {
      const size_t before = out.size();
      out.resize(before + kRoom);
      ZSTD_outBuffer to{out.data() + before, kRoom, 0};
      left = ::ZSTD_compressStream2(context_.get(), &to, &in, how);
      FRESHET_CHECK(::ZSTD_isError(left) == 0, "zstd: {}", ::ZSTD_getErrorName(left));
      out.resize(before + to.pos);
    } while (left != 0 || in.pos < in.size);
  }

  std::unique_ptr<ZSTD_CCtx, decltype(&::ZSTD_freeCCtx)> context_{::ZSTD_createCCtx(),
                                                                  &::ZSTD_freeCCtx};
};

class Lz4Packer final : public AnswerPacker {
 public:
  Lz4Packer() {
    LZ4F_cctx* made = nullptr;
    checked(::LZ4F_createCompressionContext(&made, LZ4F_VERSION));
    context_.reset(made);
  }

  void add(std::string_view piece, std::string& out) override {
    begin(out);
    for (; !piece.empty(); piece.remove_prefix(std::min(piece.size(), kRoom))) {
      const std::string_view part = piece.substr(0, kRoom);
      append(::LZ4F_compressBound(part.size(), &preferences_), out, [&](char* to, size_t room) {
        return ::LZ4F_compressUpdate(context_.get(), to, room, part.data(), part.size(), nullptr);
      });
    }
    append(::LZ4F_compressBound(0, &preferences_), out,
           [&](char* to, size_t room) { return ::LZ4F_flush(context_.get(), to, room, nullptr); });
  }
  void finish(std::string& out) override {
    begin(out);
    append(::LZ4F_compressBound(0, &preferences_), out, [&](char* to, size_t room) {
      return ::LZ4F_compressEnd(context_.get(), to, room, nullptr);
    });
  }
  [[nodiscard]] std::string_view coding() const override { return "lz4"; }

 private:
  static size_t checked(size_t result) {
    FRESHET_CHECK(::LZ4F_isError(result) == 0, "lz4: {}", ::LZ4F_getErrorName(result));
    return result;
  }
  template <class F>
  static void append(size_t room, std::string& out, F write) {
    const size_t before = out.size();
    out.resize(before + room);
    out.resize(before + checked(write(out.data() + before, room)));
  }
  void begin(std::string& out) {
    if (begun_) return;
    begun_ = true;
    append(LZ4F_HEADER_SIZE_MAX, out, [&](char* to, size_t room) {
      return ::LZ4F_compressBegin(context_.get(), to, room, &preferences_);
    });
  }

  const LZ4F_preferences_t preferences_{};
  bool begun_ = false;
  std::unique_ptr<LZ4F_cctx, decltype(&::LZ4F_freeCompressionContext)> context_{
      nullptr, &::LZ4F_freeCompressionContext};
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

std::unique_ptr<AnswerPacker> make_answer_packer(std::string_view accept_encoding) {
  while (!accept_encoding.empty()) {
    const size_t comma = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view one = trimmed(accept_encoding.substr(0, comma));
    accept_encoding.remove_prefix(std::min(comma + 1, accept_encoding.size()));
    const size_t semicolon = std::min(one.find(';'), one.size());
    const std::string_view name = trimmed(one.substr(0, semicolon));
    const std::string_view quality = trimmed(one.substr(std::min(semicolon + 1, one.size())));
    if (quality == "q=0" || quality == "q=0.0") continue;
    if (name == "gzip" || name == "x-gzip") return std::make_unique<GzipPacker>();
    if (name == "zstd") return std::make_unique<ZstdPacker>();
    if (name == "lz4") return std::make_unique<Lz4Packer>();
  }
  return nullptr;
}

}  // namespace freshet::api
