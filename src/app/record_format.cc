#include "app/record_format.h"

namespace freshet::app {
namespace {

constexpr std::string_view kLetters = "tpoksTKSh";

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

void print_letter(char letter, const kafka::ConsumedRecord& record, std::string& out) {
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
      out += record.key().value_or("");
      break;
    case 's':
      out += record.value().value_or("");
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
    default:
      print_headers(record, out);
  }
}

}  // namespace

std::string resolve_escapes(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    constexpr std::string_view kNames = "ntr0\\";
    constexpr std::string_view kMeanings("\n\t\r\0\\", 5);
    const size_t known =
        text[i] == '\\' && i + 1 < text.size() ? kNames.find(text[i + 1]) : std::string_view::npos;
    if (known == std::string_view::npos) {
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
                  "%{} is not known; there are %t %p %o %k %s %T %K %S %h %%", resolved[i]);
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
