#include "observe/repeat_limit.h"

#include <utility>

namespace freshet {

namespace {

/// Keys carry what a logger was made with, such as a peer's address: they are forgotten together.
constexpr size_t kSentencesMax = 4096;

}  // namespace

std::optional<uint64_t> RepeatLimit::admit(std::string key, SteadyTime now) {
  const std::scoped_lock lock(mutex_);
  if (sentences_.size() >= kSentencesMax) sentences_.clear();
  Sentence& sentence = sentences_[std::move(key)];
  if (sentence.seen > 0 && now - sentence.window_start < kWindow) {
    if (++sentence.seen > sentence.allowed) return std::nullopt;
    return 0;
  }
  const uint64_t held_back =
      sentence.seen > sentence.allowed ? sentence.seen - sentence.allowed : 0;
  const bool goes_on = sentence.seen > kRepeatsMax && now - sentence.window_start < 2 * kWindow;
  sentence = {.window_start = now, .seen = 1, .allowed = goes_on ? 1 : kRepeatsMax};
  return held_back;
}

void RepeatLimit::clear() {
  const std::scoped_lock lock(mutex_);
  sentences_.clear();
}

}  // namespace freshet
