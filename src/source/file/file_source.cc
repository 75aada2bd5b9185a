#include "source/file/file_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/crc32c.h"
#include "observe/log.h"
#include "source/file/byte_stream.h"
#include "source/file/csv.h"
#include "source/file/file_cursor.h"
#include "source/file/file_list.h"
#include "source/file/json_field.h"
#include "source/file/line_reader.h"
#include "source/fingerprint.h"

namespace freshet::source {
namespace {

const Logger logger("source.file");

constexpr uint64_t kBadLinesLogged = 10;

bool is_csv(const FileSourceSettings& settings, std::string_view path) {
  if (settings.format != FileFormat::kAuto) return settings.format == FileFormat::kCsv;
  switch (compression_of(path)) {
    case Compression::kNone:
      break;
    case Compression::kGzip:
      path.remove_suffix(3);
      break;
    case Compression::kZstd:
    case Compression::kZip:
      path.remove_suffix(4);
      break;
  }
  return path.ends_with(".csv");
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

/// Names of the columns of one CSV file, with what to do with each.
struct CsvHeader {
  struct Entry {
    std::string json_name;  // quoted, with the colon
    bool always_text = false;
  };
  std::vector<Entry> columns;
  std::optional<size_t> key;
};

}  // namespace

class FileSource::Impl {
 public:
  explicit Impl(FileSourceSettings settings)
      : settings_(std::move(settings)), files_(settings_.path) {}

  Result<void> open();
  Result<void> seek(const SourcePosition& to);
  Result<ReadStatus> read(SourceEvent& event);
  void unread() { again_ = true; }
  [[nodiscard]] SourcePosition position() const;
  [[nodiscard]] std::string fingerprint() const;
  [[nodiscard]] uint64_t bad_lines() const { return bad_lines_; }

 private:
  /// Between two events.
  struct Place {
    uint64_t number = 0;
    size_t file = 0;
    uint64_t offset = 0;
    uint64_t line = 1;
    std::shared_ptr<const std::string> head;  // null: before the first event
  };

  Result<void> open_file(size_t index);
  Result<void> go_to(const FileCursor& cursor);
  Result<bool> next_file();
  Result<ReadStatus> at_end(bool half_line);
  Result<bool> take_line(std::string_view line, uint64_t line_number);
  Result<void> take_header(std::string_view line);
  Result<void> make_csv_event(std::string_view line);
  void make_json_event(std::string_view line);
  Result<bool> bad_line(uint64_t line_number, const Error& error);
  [[nodiscard]] uint32_t names_crc(size_t file) const;
  [[nodiscard]] bool needs_header() const { return csv_ && header_.columns.empty(); }

  const FileSourceSettings settings_;
  FileList files_;
  size_t file_ = 0;  // that reader_ reads, or the next one to open
  std::unique_ptr<LineReader> reader_;
  bool csv_ = false;
  CsvHeader header_;
  std::vector<CsvField> fields_;
  bool last_look_ = false;  // a later file is there: the end met next is final

  Place before_;  // the last event
  Place after_;
  bool again_ = false;
  std::optional<std::string> key_;
  std::string value_;
  uint64_t bad_lines_ = 0;
};

Result<void> FileSource::Impl::open() {
  if (settings_.line_bytes_max == 0) {
    return fail(Errc::kInvalidArgument, "file source {}: line_bytes_max is 0", settings_.path);
  }
  FRESHET_TRY(files_.refresh());
  if (files_.size() == 0 && !settings_.follow) {
    return fail(Errc::kNotFound, "{}: no such file, and nothing matches", settings_.path);
  }
  if (settings_.follow && compression_of(settings_.path) != Compression::kNone) {
    return fail(Errc::kUnsupported,
                "{}: compressed files cannot be followed; set follow: false or unpack them",
                settings_.path);
  }
  return {};
}

// on_bad_line is not part of it: up to the first bad line both policies make the same events, and
// only one of them goes on from there, so a source that stopped may go on with `skip`.
std::string FileSource::Impl::fingerprint() const {
  return fingerprint_of(fmt::format(
      "file 2 {:?} {} {:?} {} {} {:?} {}", files_.pattern_name(),
      static_cast<int>(settings_.format), settings_.key, settings_.nulls, settings_.text,
      std::string_view(&settings_.delimiter, 1), settings_.line_bytes_max));
}

uint32_t FileSource::Impl::names_crc(size_t file) const {
  uint32_t crc = 0;
  for (size_t i = 0; i <= file; ++i) crc = crc32c("\n", crc32c(files_.name(i), crc));
  return crc;
}

SourcePosition FileSource::Impl::position() const {
  const Place& place = again_ ? before_ : after_;
  if (!place.head) return {.next = place.number, .cursor = {}};
  const auto head = std::string_view(*place.head).substr(0, place.offset);
  const FileCursor cursor{.file = place.file,
                          .offset = place.offset,
                          .line = place.line,
                          .names_crc = names_crc(place.file),
                          .head_bytes = head.size(),
                          .head_crc = crc32c(head),
                          .name = std::string(files_.name(place.file))};
  return {.next = place.number, .cursor = cursor.to_string()};
}

Result<void> FileSource::Impl::open_file(size_t index) {
  const auto& path = files_.path(index);
  if (settings_.follow && compression_of(path) != Compression::kNone) {
    return fail(Errc::kUnsupported, "{}: a compressed file cannot be followed", path);
  }
  FRESHET_ASSIGN(auto stream, open_byte_stream(path));
  csv_ = is_csv(settings_, path);
  header_ = {};
  reader_ = std::make_unique<LineReader>(
      std::move(stream), LineReaderOptions{.line_bytes_max = settings_.line_bytes_max,
                                           .csv = csv_,
                                           .delimiter = settings_.delimiter});
  file_ = index;
  last_look_ = false;
  return {};
}

Result<void> FileSource::Impl::seek(const SourcePosition& to) {
  reader_.reset();
  file_ = 0;
  again_ = false;
  after_ = {.number = to.next, .head = nullptr};
  if (to.cursor.empty()) return {};
  FRESHET_ASSIGN(const auto cursor, FileCursor::parse(to.cursor));
  if (cursor.file >= files_.size() || names_crc(cursor.file) != cursor.names_crc) {
    return fail(Errc::kRefused,
                "{}: the files are not those that were read before: {} was number {} of them. Put "
                "back what was removed or renamed, or give the source another name to begin anew",
                settings_.path, cursor.name, cursor.file + 1);
  }
  FRESHET_TRY(open_file(cursor.file));
  FRESHET_TRY_CONTEXT(go_to(cursor), "{}", files_.path(cursor.file));
  after_ = {.number = to.next,
            .file = cursor.file,
            .offset = cursor.offset,
            .line = cursor.line,
            .head = reader_->head()};
  return {};
}

/// Checks that the file begins as it did, and moves the reader to the cursor.
Result<void> FileSource::Impl::go_to(const FileCursor& cursor) {
  FRESHET_ASSIGN(const auto got, reader_->next());
  if (needs_header() && (got == LineReader::Got::kLine || got == LineReader::Got::kHalf)) {
    FRESHET_TRY(take_header(reader_->text()));
  }
  const auto head = std::string_view(*reader_->head()).substr(0, cursor.head_bytes);
  if (head.size() != cursor.head_bytes || crc32c(head) != cursor.head_crc) {
    return fail(Errc::kRefused,
                "the file does not begin as it did when {} bytes of it were read; it was replaced",
                cursor.offset);
  }
  // next() may have gone past the cursor: begin again.
  FRESHET_ASSIGN(auto stream, open_byte_stream(files_.path(file_)));
  reader_ = std::make_unique<LineReader>(
      std::move(stream), LineReaderOptions{.line_bytes_max = settings_.line_bytes_max,
                                           .csv = csv_,
                                           .delimiter = settings_.delimiter});
  if (cursor.offset == 0) return {};
  FRESHET_TRY(reader_->next());  // reads the head, for later cursors
  return reader_->skip_to(cursor.offset, cursor.line);
}

Result<ReadStatus> FileSource::Impl::read(SourceEvent& event) {
  if (std::exchange(again_, false)) {
    event = {.key = key_, .value = value_};
    return ReadStatus::kEvent;
  }
  while (true) {
    if (!reader_) {
      FRESHET_ASSIGN(const bool opened, next_file());
      if (!opened) return settings_.follow ? ReadStatus::kIdle : ReadStatus::kEnd;
    }
    const Place here{.number = after_.number,
                     .file = file_,
                     .offset = reader_->offset(),
                     .line = reader_->line(),
                     .head = reader_->head()};
    FRESHET_ASSIGN_CONTEXT(const auto got, reader_->next(), "{}", files_.path(file_));
    bool is_event = false;
    switch (got) {
      case LineReader::Got::kHalf:
        if (settings_.follow && !last_look_) {
          FRESHET_ASSIGN(const auto status, at_end(/*half_line=*/true));
          if (status == ReadStatus::kIdle) return status;
          continue;
        }
        reader_->take_half();
        [[fallthrough]];
      case LineReader::Got::kLine: {
        FRESHET_ASSIGN(is_event, take_line(reader_->text(), here.line));
        break;
      }
      case LineReader::Got::kTooLong: {
        FRESHET_ASSIGN(is_event,
                       bad_line(here.line, Error(Errc::kTooLarge,
                                                 fmt::format("the line is longer than the {} bytes "
                                                             "that line_bytes_max allows",
                                                             settings_.line_bytes_max))));
        break;
      }
      case LineReader::Got::kEnd: {
        FRESHET_ASSIGN(const auto status, at_end(/*half_line=*/false));
        if (status == ReadStatus::kIdle) return status;
        continue;
      }
    }
    if (!is_event) continue;
    before_ = here;
    after_ = {.number = here.number + 1,
              .file = file_,
              .offset = reader_->offset(),
              .line = reader_->line(),
              .head = reader_->head()};
    event = {.key = key_, .value = value_};
    return ReadStatus::kEvent;
  }
}

Result<bool> FileSource::Impl::next_file() {
  if (file_ >= files_.size() && settings_.follow) FRESHET_TRY(files_.refresh());
  if (file_ >= files_.size()) return false;
  FRESHET_TRY(open_file(file_));
  return true;
}

/// The end of the file as it is at this moment. kIdle: wait here; kEvent: look again, here or in
/// the next file.
Result<ReadStatus> FileSource::Impl::at_end(bool half_line) {
  if (settings_.follow) {
    FRESHET_TRY(reader_->stream().check_same_file(reader_->bytes_read()));
    if (!last_look_) {
      FRESHET_TRY(files_.refresh());
      if (file_ + 1 >= files_.size()) return ReadStatus::kIdle;
      // What was appended before the later file came must be read before this one is left.
      last_look_ = true;
      return ReadStatus::kEvent;
    }
  }
  FRESHET_CHECK(!half_line, "a half line at the final end is taken");
  if (needs_header()) {
    logger.warn("a CSV file has no header row", kv("file", files_.path(file_)));
  }
  reader_.reset();
  ++file_;
  return ReadStatus::kEvent;
}

Result<bool> FileSource::Impl::take_line(std::string_view line, uint64_t line_number) {
  if (needs_header()) {
    if (auto header = take_header(line); !header) {
      return std::unexpected(std::move(header).error().with_context(
          fmt::format("{}:{}", files_.path(file_), line_number)));
    }
    return false;
  }
  if (is_blank(line)) return false;
  if (!csv_) {
    make_json_event(line);
    return true;
  }
  if (auto made = make_csv_event(line); !made) return bad_line(line_number, made.error());
  return true;
}

Result<void> FileSource::Impl::take_header(std::string_view line) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  FRESHET_TRY_CONTEXT(split_csv(line, settings_.delimiter, fields_), "header row");
  CsvHeader header;
  std::vector<std::string_view> names;
  for (const auto& field : fields_) {
    if (field.text.empty() || std::ranges::find(names, field.text) != names.end()) {
      return fail(Errc::kCorrupt, "header row: column {} is {}", names.size() + 1,
                  field.text.empty() ? "without a name"
                                     : fmt::format("named {} like another one", field.text));
    }
    names.push_back(field.text);
    auto& column = header.columns.emplace_back();
    append_json_string(column.json_name, field.text);
    column.json_name.push_back(':');
    column.always_text = std::ranges::find(settings_.text, field.text) != settings_.text.end();
  }
  const auto need = [&](std::string_view name, std::string_view setting) -> Result<size_t> {
    const auto found = std::ranges::find(names, name);
    if (found != names.end()) return static_cast<size_t>(found - names.begin());
    return fail(Errc::kInvalidArgument, "{} names column {}, and the header row has {}", setting,
                name, fmt::join(names, ", "));
  };
  if (!settings_.key.empty()) {
    FRESHET_ASSIGN(header.key, need(settings_.key, "key"));
  }
  for (const auto& name : settings_.text) FRESHET_TRY(need(name, "text"));
  header_ = std::move(header);
  return {};
}

Result<void> FileSource::Impl::make_csv_event(std::string_view line) {
  FRESHET_TRY(split_csv(line, settings_.delimiter, fields_));
  if (fields_.size() != header_.columns.size()) {
    return fail(Errc::kCorrupt, "{} fields, and the header row has {}", fields_.size(),
                header_.columns.size());
  }
  const auto is_null = [&](const CsvField& field) {
    return !field.quoted && std::ranges::find(settings_.nulls, field.text) != settings_.nulls.end();
  };
  value_.assign("{");
  for (size_t i = 0; i < fields_.size(); ++i) {
    const CsvField& field = fields_[i];
    if (i > 0) value_.push_back(',');
    value_.append(header_.columns[i].json_name);
    if (is_null(field)) {
      value_.append("null");
    } else if (!field.quoted && !header_.columns[i].always_text && is_json_number(field.text)) {
      value_.append(field.text);
    } else {
      append_json_string(value_, field.text);
    }
  }
  value_.push_back('}');
  key_.reset();
  if (header_.key && !is_null(fields_[*header_.key])) key_ = fields_[*header_.key].text;
  return {};
}

void FileSource::Impl::make_json_event(std::string_view line) {
  value_.assign(line);
  key_.reset();
  if (settings_.key.empty()) return;
  std::string key;
  if (find_json_field(line, settings_.key, key)) key_ = std::move(key);
}

/// The error, or under on_bad_line: skip nothing but a count.
Result<bool> FileSource::Impl::bad_line(uint64_t line_number, const Error& error) {
  if (settings_.on_bad_line == BadLinePolicy::kStop) {
    return std::unexpected(
        Error(error.code(), error.message() + "; mend it, or set on_bad_line: skip")
            .with_context(fmt::format("{}:{}", files_.path(file_), line_number)));
  }
  if (++bad_lines_ <= kBadLinesLogged) {
    logger.warn("a line was left out", kv("file", files_.path(file_)), kv("line", line_number),
                kv("reason", error));
  }
  return false;
}

FileSource::FileSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileSource::~FileSource() = default;

Result<std::unique_ptr<FileSource>> FileSource::create(FileSourceSettings settings) {
  auto impl = std::make_unique<Impl>(std::move(settings));
  FRESHET_TRY(impl->open());
  return std::unique_ptr<FileSource>(new FileSource(std::move(impl)));
}

std::string FileSource::fingerprint() const { return impl_->fingerprint(); }
Result<void> FileSource::seek(const SourcePosition& to) { return impl_->seek(to); }
Result<ReadStatus> FileSource::read(SourceEvent& event) { return impl_->read(event); }
void FileSource::unread() { impl_->unread(); }
SourcePosition FileSource::position() const { return impl_->position(); }
uint64_t FileSource::bad_lines() const { return impl_->bad_lines(); }

}  // namespace freshet::source
