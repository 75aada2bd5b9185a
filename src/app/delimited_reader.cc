#include "app/delimited_reader.h"

#include <algorithm>

namespace freshet::app {

Result<std::optional<std::string_view>> DelimitedReader::next() {
  constexpr size_t kReadBytes = size_t{64} << 10;
  for (;;) {
    if (!delimiter_.empty()) {
      const size_t at = buffer_.find(delimiter_, searched_);
      if (at != std::string::npos) {
        const std::string_view piece = std::string_view(buffer_).substr(begin_, at - begin_);
        begin_ = searched_ = at + delimiter_.size();
        return piece;
      }
    }
    if (ended_) {
      const std::string_view rest = std::string_view(buffer_).substr(begin_);
      begin_ = searched_ = buffer_.size();
      return rest.empty() ? std::nullopt : std::optional(rest);
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    // A delimiter may lie across the border of what is there and what comes.
    searched_ = buffer_.size() < delimiter_.size() ? 0 : buffer_.size() - delimiter_.size() + 1;
    if (buffer_.size() > kPieceBytesMax) {
      return fail(Errc::kTooLarge, "more than {} bytes without a delimiter", kPieceBytesMax);
    }
    const size_t old_size = buffer_.size();
    buffer_.resize(old_size + kReadBytes);
    // What is there is taken at once: a person types, and each line goes out.
    input_.peek();
    std::streamsize got =
        input_.good() ? input_.readsome(buffer_.data() + old_size, kReadBytes) : 0;
    if (got == 0 && input_.good()) {
      input_.read(buffer_.data() + old_size, 1);
      got = input_.gcount();
    }
    buffer_.resize(old_size + static_cast<size_t>(std::max<std::streamsize>(got, 0)));
    if (input_.bad()) return fail(Errc::kIo, "the input cannot be read any further");
    ended_ = input_.eof();
  }
}

}  // namespace freshet::app
