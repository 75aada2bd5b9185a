// Content-Encoding of an answer that is made piece by piece: one gzip, zstd or lz4 stream over the
// whole answer, so that clients which stop at the end of the first frame read all of it. Each piece
// can be read as soon as it has arrived. Used by one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace freshet::api {

class AnswerPacker {
 public:
  virtual ~AnswerPacker() = default;
  /// Appends the packed form of `piece` to `out`.
  virtual void add(std::string_view piece, std::string& out) = 0;
  /// Appends the end of the stream; nothing may be added after it.
  virtual void finish(std::string& out) = 0;
  /// As Content-Encoding names it.
  [[nodiscard]] virtual std::string_view coding() const = 0;
};

/// For the first coding in `accept_encoding` that is known here and not excluded by q=0; null if
/// there is none.
std::unique_ptr<AnswerPacker> make_answer_packer(std::string_view accept_encoding);

}  // namespace freshet::api
