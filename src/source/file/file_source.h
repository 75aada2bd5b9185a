// Files of JSON lines or CSV as a sequence of events: one file or a glob, read in name order.
//
// Compression is told by the name: .gz, .zst, .zip (exactly one member), else plain. Format by the
// name below that (.csv, else JSON lines), or by `format`.
//
// JSON lines: a line is published as it is, without checking; empty lines are skipped. `key` names
// a top-level field, whose text becomes the record's key; a line without it has no key.
// CSV (RFC 4180, header row, quotes, CRLF or LF): a row becomes one JSON object in header order. A
// field in `nulls` becomes null; an unquoted field that is a JSON number (RFC 8259 grammar, finite
// as a double) is published as that number, byte for byte; every other field, every quoted field
// and every column in `text` is a JSON string: 007, +1, 1e999 and NaN stay text.
//
// Bounded: ends after the last file; a last line without line feed counts. Followed: waits for more
// lines and new files; a half line is not published until its line feed arrives. A followed file
// that shrinks, or is replaced, is an error, never a silent re-read. New files must sort after
// those read before.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "source/event_source.h"

namespace freshet::source {

enum class FileFormat : uint8_t { kAuto, kJsonLines, kCsv };
enum class BadLinePolicy : uint8_t { kStop, kSkip };

struct FileSourceSettings {
  std::string path;  // a file, or a glob whose last parts may hold * ? [
  FileFormat format = FileFormat::kAuto;
  bool follow = false;
  std::string key;                 // field whose value becomes the record key; empty: no key
  std::vector<std::string> nulls;  // CSV texts that mean null, such as NA
  std::vector<std::string> text;   // CSV columns that are always strings
  char delimiter = ',';            // CSV
  BadLinePolicy on_bad_line = BadLinePolicy::kStop;
  size_t line_bytes_max = 1 << 20;
};

/// Thread: one at a time. Events of the same files are numbered the same in every run.
class FileSource final : public EventSource {
 public:
  /// Checks the settings and that at least one file is there (followed: none is needed yet).
  static Result<std::unique_ptr<FileSource>> create(FileSourceSettings settings);
  ~FileSource() override;

  [[nodiscard]] std::string fingerprint() const override;
  Result<void> seek(const SourcePosition& to) override;
  /// Errors name file and line. on_bad_line: skip counts the line instead.
  Result<ReadStatus> read(SourceEvent& event) override;
  void unread() override;
  [[nodiscard]] SourcePosition position() const override;
  [[nodiscard]] std::optional<uint64_t> total() const override { return std::nullopt; }
  /// Lines left out by on_bad_line: skip since create().
  [[nodiscard]] uint64_t bad_lines() const;

 private:
  class Impl;
  explicit FileSource(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace freshet::source
