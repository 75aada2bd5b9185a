#include "kafka/wire/writer.h"

#include <utility>

namespace freshet::kafka::wire {

std::vector<std::string_view> EncodedFrame::pieces() const {
  std::vector<std::string_view> pieces;
  pieces.reserve(splices_.size() * 2 + 1);
  const std::string_view all(bytes_);
  size_t from = 0;
  for (const auto& splice : splices_) {
    if (splice.at > from) pieces.push_back(all.substr(from, splice.at - from));
    pieces.push_back(splice.slice.bytes);
    from = splice.at;
  }
  if (from < all.size()) pieces.push_back(all.substr(from));
  return pieces;
}

std::string EncodedFrame::flatten() const {
  std::string flat;
  flat.reserve(size());
  for (const auto piece : pieces()) flat.append(piece);
  return flat;
}

void Writer::splice(const LogSlice& slice) {
  if (slice.bytes.empty()) return;
  frame_.splices_.push_back({frame_.bytes_.size(), slice});
  frame_.spliced_bytes_ += slice.bytes.size();
}

void Writer::append(Writer&& other) {
  const size_t shift = frame_.bytes_.size();
  frame_.bytes_.append(other.frame_.bytes_);
  for (auto& splice : other.frame_.splices_) {
    splice.at += shift;
    frame_.splices_.push_back(std::move(splice));
  }
  frame_.spliced_bytes_ += other.frame_.spliced_bytes_;
}

}  // namespace freshet::kafka::wire
