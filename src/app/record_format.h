// How `freshet consume --format` prints a record: kcat's letters.
//   %t topic  %p partition  %o offset  %k key  %s value  %T timestamp in ms  %K %S their sizes
//   %R size of the value as four bytes, big-endian  %h headers as name=value,…  %% a percent sign
//   \n \t \r \0 \\ \x1f as in C
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kafka/client/consumer.h"

namespace freshet::app {

/// A format, parsed once. Value type.
class RecordFormat {
 public:
  /// kInvalidArgument names the letter that is not known.
  static Result<RecordFormat> parse(std::string_view text);

  /// What a missing key or value prints as; nothing by default.
  void set_null_text(std::string text) { null_text_ = std::move(text); }

  /// Appends the record; the size of a missing key or value is -1.
  void print(const kafka::ConsumedRecord& record, std::string& out) const;

 private:
  struct Piece {
    char letter = 0;  // 0: literal text
    std::string text;
  };
  void print_letter(char letter, const kafka::ConsumedRecord& record, std::string& out) const;

  std::vector<Piece> pieces_;
  std::string null_text_;
};

/// \n \t \r \0 \\ and \x with two hexadecimal digits resolved; other backslashes stay as they are.
[[nodiscard]] std::string resolve_escapes(std::string_view text);

}  // namespace freshet::app
