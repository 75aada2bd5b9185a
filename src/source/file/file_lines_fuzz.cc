// Any bytes as a CSV or JSON-lines file: every event of the right form, and from every position the
// rest is read again.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "source/file/csv.h"
#include "source/file/file_cursor.h"
#include "source/file/json_field.h"
#include "source/file/line_reader.h"
#include "source/source_mark.h"

namespace freshet::source {
namespace {

/// Hands bytes out in pieces of a size that the input chose.
class Pieces final : public ByteStream {
 public:
  Pieces(std::string_view bytes, size_t piece) : bytes_(bytes), piece_(piece) {}
  Result<size_t> read(std::span<char> into) override {
    const size_t size = std::min({into.size(), piece_, bytes_.size() - position_});
    bytes_.copy(into.data(), size, position_);
    position_ += size;
    return size;
  }
  Result<void> seek(uint64_t) override { return fail(Errc::kUnsupported, "no seek"); }
  Result<void> check_same_file(uint64_t) const override { return {}; }

 private:
  std::string_view bytes_;
  size_t piece_;
  size_t position_ = 0;
};

struct Line {
  std::string text;
  uint64_t offset;
  uint64_t number;
  friend bool operator==(const Line&, const Line&) = default;
};

std::vector<Line> lines_of(LineReader& reader) {
  std::vector<Line> lines;
  while (true) {
    const uint64_t offset = reader.offset();
    const uint64_t number = reader.line();
    const auto got = reader.next().value();
    if (got == LineReader::Got::kEnd) return lines;
    if (got == LineReader::Got::kTooLong) continue;
    lines.push_back({std::string(reader.text()), offset, number});
    if (got == LineReader::Got::kHalf) reader.take_half();
  }
}

void check_lines(std::string_view bytes, const LineReaderOptions& options, size_t piece) {
  LineReader whole(std::make_unique<Pieces>(bytes, bytes.size() + 1), options);
  LineReader pieced(std::make_unique<Pieces>(bytes, piece), options);
  const auto lines = lines_of(whole);
  const auto again = lines_of(pieced);
  FRESHET_CHECK_EQ(lines.size(), again.size());
  FRESHET_CHECK(lines == again, "lines depend on how bytes come");
  if (lines.empty()) return;
  const Line& middle = lines[lines.size() / 2];
  LineReader skipped(std::make_unique<Pieces>(bytes, piece), options);
  FRESHET_CHECK(skipped.skip_to(middle.offset, middle.number).has_value(), "skip to a line");
  const auto rest = lines_of(skipped);
  FRESHET_CHECK_EQ(rest.size(), lines.size() - lines.size() / 2);
  FRESHET_CHECK(rest.front() == middle, "the line skipped to");
  std::vector<CsvField> fields;
  std::string text;
  for (const auto& line : lines) {
    if (split_csv(line.text, options.delimiter, fields)) {
      for (const auto& field : fields) append_json_string(text, field.text);
    }
    static_cast<void>(find_json_field(line.text, "key", text));
  }
}

}  // namespace
}  // namespace freshet::source

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet::source;
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t piece = data[0] % 16 + 1;
  const size_t line_bytes_max = size_t{data[0]} / 16 * 8 + 16;
  for (const bool csv : {false, true}) {
    // A record that is cut at the limit ends at another place if more of it was there to see.
    check_lines(
        bytes, {.line_bytes_max = bytes.size() + 1, .csv = csv, .delimiter = ',', .read_bytes = 32},
        piece);
    LineReader limited(
        std::make_unique<Pieces>(bytes, piece),
        {.line_bytes_max = line_bytes_max, .csv = csv, .delimiter = ';', .read_bytes = 32});
    for (const auto& line : lines_of(limited)) {
      FRESHET_CHECK_LE(line.text.size(), line_bytes_max + 1);
    }
  }
  if (const auto mark = SourceMark::parse(bytes)) {
    FRESHET_CHECK(SourceMark::parse(mark->to_string()).has_value(), "a mark survives its text");
  }
  static_cast<void>(FileCursor::parse(bytes));
  return 0;
}
