#include "app/record_format.h"

#include <charconv>

#include "base/endian.h"

namespace freshet::app {
namespace {

constexpr std::string_view kLetters = "tpoksTKSRh";

void print_headers(const kafka::ConsumedRecord& record, std::string& out) {
  bool first = true;
  for (const auto& header : record.headers()) {
    if (!std::exchange(first, false)) out += ',';
    out += header.key;
    out += '=';
    out += header.value.value_or("NULL");
  }
}

void print_size(const std::optional<std::string_view>& bytes, std::string& out) {
  out += bytes ? fmt::format("{}", bytes->size()) : "-1";
}

/// The byte that "x1f" names; nullopt if it names none.
std::optional<char> hex_escape(std::string_view text) {
  if (text.size() < 3 || text[0] != 'x') return std::nullopt;
  unsigned char byte = 0;
  const auto end = std::from_chars(text.data() + 1, text.data() + 3, byte, 16);
  if (end.ec != std::errc() || end.ptr != text.data() + 3) return std::nullopt;
  return static_cast<char>(byte);
}

}  // namespace

void RecordFormat::print_letter(char letter, const kafka::ConsumedRecord& record,
                                std::string& out) const {
  switch (letter) {
    case 't':
      out += record.topic();
      break;
    case 'p':
      out += fmt::format("{}", record.partition());
      break;
    case 'o':
      out += fmt::format("{}", record.offset());
      break;
    case 'k':
      out += record.key().value_or(null_text_);
      break;
    case 's':
      out += record.value().value_or(null_text_);
      break;
    case 'T':
      out += fmt::format("{}", record.timestamp_ms());
      break;
    case 'K':
      print_size(record.key(), out);
      break;
    case 'S':
      print_size(record.value(), out);
      break;
    case 'R': {
      char raw[sizeof(int32_t)];
      store_be(raw, record.value() ? static_cast<int32_t>(record.value()->size()) : int32_t{-1});
      out.append(raw, sizeof raw);
      break;
    }
    default:
      print_headers(record, out);
  }
}

std::string resolve_escapes(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    constexpr std::string_view kNames = "ntr0\\";
    constexpr std::string_view kMeanings("\n\t\r\0\\", 5);
    const size_t known =
        text[i] == '\\' && i + 1 < text.size() ? kNames.find(text[i + 1]) : std::string_view::npos;
    const auto hex = text[i] == '\\' ? hex_escape(text.substr(i + 1)) : std::nullopt;
    if (hex) {
      out += *hex;
      i += 3;
    } else if (known == std::string_view::npos) {
      out += text[i];
    } else {
      out += kMeanings[known];
      ++i;
    }
  }
  return out;
}

Result<RecordFormat> RecordFormat::parse(std::string_view text) {
  RecordFormat format;
  const std::string resolved = resolve_escapes(text);
  std::string literal;
  for (size_t i = 0; i < resolved.size(); ++i) {
    if (resolved[i] != '%') {
      literal += resolved[i];
      continue;
    }
    if (++i == resolved.size())
      return fail(Errc::kInvalidArgument, "the format ends with a single %");
    if (resolved[i] == '%') {
      literal += '%';
    } else if (kLetters.find(resolved[i]) == std::string_view::npos) {
      return fail(Errc::kInvalidArgument,
                  "%{} is not known; there are %t %p %o %k %s %T %K %S %R %h %%", resolved[i]);
    } else {
      if (!literal.empty()) format.pieces_.push_back({.text = std::exchange(literal, {})});
      format.pieces_.push_back({.letter = resolved[i]});
    }
  }
  if (!literal.empty()) format.pieces_.push_back({.text = std::move(literal)});
  return format;
}

void RecordFormat::print(const kafka::ConsumedRecord& record, std::string& out) const {
  for (const auto& piece : pieces_) {
    if (piece.letter == 0) {
      out += piece.text;
    } else {
      print_letter(piece.letter, record, out);
    }
  }
}

}  // namespace freshet::app
