#include "source/file/zip_member.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/endian.h"

namespace freshet::source {
namespace {

// Sizes and signatures of APPNOTE.TXT: end of central directory, directory entry, local header.
constexpr size_t kEndSize = 22;
constexpr size_t kEntrySize = 46;
constexpr size_t kLocalSize = 30;
constexpr uint32_t kEndSignature = 0x06054B50;
constexpr uint32_t kEntrySignature = 0x02014B50;
constexpr uint32_t kLocalSignature = 0x04034B50;
constexpr size_t kCommentMax = 0xFFFF;
constexpr uint32_t kSeeZip64 = 0xFFFFFFFF;
constexpr size_t kDirectoryBytesMax = 1 << 20;

std::unexpected<Error> not_zip(const io::File& archive, std::string_view what) {
  return fail(Errc::kCorrupt, "{}: not a whole zip archive: {}", archive.path().string(), what);
}

std::unexpected<Error> unsupported(const io::File& archive, std::string_view what) {
  return fail(Errc::kUnsupported,
              "{}: {} is not supported yet; unpack the archive, or pack the file as .gz or .zst",
              archive.path().string(), what);
}

Result<std::string> read(const io::File& archive, uint64_t position, size_t bytes) {
  std::string text(bytes, '\0');
  FRESHET_ASSIGN(const size_t got, archive.read_at(text, position));
  if (got != bytes) return not_zip(archive, "it ends too early");
  return text;
}

struct Directory {
  std::string bytes;
  size_t entries = 0;
};

Result<Directory> read_directory(const io::File& archive) {
  FRESHET_ASSIGN(const uint64_t size, archive.size());
  const auto tail_size = static_cast<size_t>(std::min<uint64_t>(size, kEndSize + kCommentMax));
  FRESHET_ASSIGN(const auto tail, read(archive, size - tail_size, tail_size));
  for (size_t left = tail_size; left >= kEndSize; --left) {
    const char* const end = tail.data() + left - kEndSize;
    if (load_le<uint32_t>(end) != kEndSignature) continue;
    const auto directory_size = load_le<uint32_t>(end + 12);
    const auto directory_begin = load_le<uint32_t>(end + 16);
    if (directory_begin == kSeeZip64) return unsupported(archive, "a zip64 archive");
    if (directory_size > kDirectoryBytesMax) return unsupported(archive, "so large a directory");
    FRESHET_ASSIGN(auto bytes, read(archive, directory_begin, directory_size));
    return Directory{.bytes = std::move(bytes), .entries = load_le<uint16_t>(end + 10)};
  }
  return not_zip(archive, "the end of the directory is missing");
}

}  // namespace

Result<ZipMember> find_zip_member(const io::File& archive) {
  FRESHET_ASSIGN(const auto directory, read_directory(archive));
  std::string_view rest = directory.bytes;
  std::string_view found;  // the entry of the one file
  for (size_t i = 0; i < directory.entries; ++i) {
    if (rest.size() < kEntrySize || load_le<uint32_t>(rest.data()) != kEntrySignature) {
      return not_zip(archive, "a directory entry makes no sense");
    }
    const size_t name_size = load_le<uint16_t>(rest.data() + 28);
    const size_t entry_size = kEntrySize + name_size + load_le<uint16_t>(rest.data() + 30) +
                              load_le<uint16_t>(rest.data() + 32);
    if (rest.size() < entry_size) return not_zip(archive, "the directory ends too early");
    const auto name = rest.substr(kEntrySize, name_size);
    if (!name.ends_with('/')) {
      if (!found.empty()) return unsupported(archive, "an archive of several files");
      found = rest.substr(0, entry_size);
    }
    rest.remove_prefix(entry_size);
  }
  if (found.empty()) return not_zip(archive, "there is no file in it");
  const auto flags = load_le<uint16_t>(found.data() + 8);
  const auto method = load_le<uint16_t>(found.data() + 10);
  const auto compressed_size = load_le<uint32_t>(found.data() + 20);
  const auto local_begin = load_le<uint32_t>(found.data() + 42);
  if ((flags & 1) != 0) return unsupported(archive, "an encrypted archive");
  if (method != 0 && method != 8) return unsupported(archive, "this compression method");
  if (compressed_size == kSeeZip64 || local_begin == kSeeZip64) {
    return unsupported(archive, "a zip64 archive");
  }
  FRESHET_ASSIGN(const auto local, read(archive, local_begin, kLocalSize));
  if (load_le<uint32_t>(local.data()) != kLocalSignature) {
    return not_zip(archive, "the file's own header is missing");
  }
  const uint64_t begin = uint64_t{local_begin} + kLocalSize + load_le<uint16_t>(local.data() + 26) +
                         load_le<uint16_t>(local.data() + 28);
  return ZipMember{.begin = begin,
                   .end = begin + compressed_size,
                   .deflated = method == 8,
                   .crc = load_le<uint32_t>(found.data() + 16)};
}

}  // namespace freshet::source
