#include "source/source_mark.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace freshet::source {
namespace {

constexpr size_t kNameMax = 200;
constexpr size_t kMarkBytesMax = 16 * 1024;
constexpr std::string_view kVersion = "1";

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::vector<EventRange>> ranges(std::string_view text) {
  std::vector<EventRange> all;
  while (true) {
    const size_t comma = text.find(',');
    const auto pair = text.substr(0, comma);
    const size_t dash = pair.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto from = number<uint64_t>(pair.substr(0, dash));
    const auto to = number<uint64_t>(pair.substr(dash + 1));
    if (!from || !to || *from >= *to) return std::nullopt;
    all.push_back({.from = *from, .to = *to});
    if (comma == std::string_view::npos) return all;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string SourceMark::to_string() const {
  std::string pairs;
  for (const auto& range : covered) {
    fmt::format_to(std::back_inserter(pairs), "{}{}-{}", pairs.empty() ? "" : ",", range.from,
                   range.to);
  }
  return fmt::format("{};{};{};{};{};{};{}", source, kVersion, fingerprint, partitions, pairs,
                     everywhere.next, everywhere.cursor);
}

Result<SourceMark> SourceMark::parse(std::string_view text) {
  const auto bad = [&](std::string_view what) {
    return fail(Errc::kCorrupt, "header {}: {}: \"{}\"", kSourceMarkHeader, what,
                text.substr(0, 100));
  };
  if (text.size() > kMarkBytesMax) return bad("longer than any mark");
  std::array<std::string_view, 7> fields;
  auto rest = text;
  for (size_t i = 0; i < fields.size(); ++i) {
    const size_t end = rest.find(';');
    if ((end == std::string_view::npos) != (i + 1 == fields.size())) {
      if (i >= 2 && fields[1] != kVersion) break;
      return bad("expected 7 fields");
    }
    fields[i] = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  if (fields[1] != kVersion) {
    if (!number<uint32_t>(fields[1])) return bad("expected a version");
    return fail(Errc::kUnsupported,
                "header {}: version {} is not supported yet; a later Freshet wrote it",
                kSourceMarkHeader, fields[1]);
  }
  SourceMark mark;
  mark.source = fields[0];
  mark.fingerprint = fields[2];
  const auto partitions = number<int32_t>(fields[3]);
  auto covered = ranges(fields[4]);
  const auto everywhere = number<uint64_t>(fields[5]);
  if (mark.source.empty() || !partitions || *partitions < 1 || !covered || !everywhere ||
      fields[6].size() > kCursorMax) {
    return bad("a field makes no sense");
  }
  mark.partitions = *partitions;
  mark.covered = std::move(*covered);
  mark.everywhere = {.next = *everywhere, .cursor = std::string(fields[6])};
  return mark;
}

Result<void> check_source_name(std::string_view name) {
  const auto fits = [](char c) { return c > ' ' && c <= '~' && c != ';'; };
  if (!name.empty() && name.size() <= kNameMax && std::ranges::all_of(name, fits)) return {};
  return fail(Errc::kInvalidArgument,
              "source name \"{}\": expected 1 to {} printable ASCII characters without spaces and "
              "semicolons",
              name.substr(0, kNameMax), kNameMax);
}

}  // namespace freshet::source
