// What a PartitionWorker does with ranges of which it is not known whether they are in the table:
// they are completed, or divided until the rows that are refused stand alone.
#include <algorithm>

#include "base/crash_point.h"
#include "pipeline/partition_worker.h"

namespace freshet::pipeline {
namespace {

constexpr size_t kDetailBytesMax = 2000;  // of the destination's own words in a letter

}  // namespace

Result<void> PartitionWorker::settle() {
  InDoubt doubt;
  {
    const std::lock_guard lock(mutex_);
    FRESHET_CHECK(!in_doubt_.empty());
    doubt = in_doubt_.front();
    in_flight_ = doubt.range;
  }
  auto rows = context_.preparer.read(assigned_.tp, doubt.range, std::move(writer_share_));
  if (!rows) {
    if (rows.error().code() == Errc::kOutOfRange) return skip_deleted(rows.error());
    return std::unexpected(rows.error());
  }
  if (context_.stop_on_reject && !rows->prepared.letters.empty()) {
    return std::unexpected(stop_error(rows->prepared.letters.front()));
  }
  rows->prepared.counted = doubt.counted;
  FRESHET_TRY(admit(rows->prepared));
  {
    const std::lock_guard lock(mutex_);
    in_doubt_.front().counted = true;
  }
  // The intent may be a former owner's: committing it again proves that the partition is still
  // ours.
  FRESHET_TRY(commit_landed());
  context_.probe.range_in_doubt();
  const auto completed = complete(doubt, *rows);
  if (!rows->offsets().empty()) tell_breaker(completed);
  if (!completed) {
    if (context_.sink.classify(completed.error()) == WriteFailure::kRefused) {
      return split_refused(doubt, *rows, completed.error());
    }
    return sink_failed(completed.error(), doubt.range);
  }
  crash_point("after_insert");
  FRESHET_TRY(write_letters_once(doubt, rows->prepared.letters));
  range_landed(rows->prepared, rows->offsets().size());
  const std::lock_guard lock(mutex_);
  in_doubt_.pop_front();
  return {};
}

Result<void> PartitionWorker::complete(const InDoubt& doubt, const RangePreparer::Rows& rows) {
  if (rows.offsets().empty()) return {};
  const auto write = range_write(doubt.range, doubt.intent_time);
  const SteadyTime begun = context_.clock.steady();
  if (!context_.guards.probe) {
    return context_.sink.write(write,
                               context_.sink.encode(assigned_.tp, rows.batch(), rows.offsets()));
  }
  FRESHET_ASSIGN(const auto outcome, context_.sink.replay(write, rows.batch(), rows.offsets()));
  context_.probe.insert_took(context_.clock.steady() - begun);
  if (outcome.inserted > 0 || outcome.whole_block_resent) context_.probe.inserted();
  log_.debug("in-doubt range settled", kv("range", doubt.range), kv("rows", outcome.rows),
             kv("present", outcome.present), kv("replaced", outcome.replaced),
             kv("inserted", outcome.inserted));
  return {};
}

Result<void> PartitionWorker::split_refused(const InDoubt& doubt, RangePreparer::Rows& rows,
                                            const Error& why) {
  const auto& offsets = rows.offsets();
  if (auto divisible = context_.sink.check_divisible(assigned_.tp, offsets); !divisible) {
    if (context_.sink.classify(divisible.error()) == WriteFailure::kRetriable) {
      tell_breaker(divisible);
      return sink_failed(divisible.error(), doubt.range);
    }
    // Perhaps another owner has divided the range and landed its parts: then this is not ours.
    FRESHET_TRY(commit_landed());
    return fail(Errc::kRefused,
                "{} {}: {} refuses rows of the range ({}), and it cannot be "
                "divided: {}",
                assigned_.tp, doubt.range, context_.sink.display(), why, divisible.error());
  }
  if (offsets.size() == 1) return reject_refused(doubt, rows, why);
  const Offset middle = offsets[offsets.size() / 2 - 1];
  log_.warn("the destination refuses rows of a range; looking for them", kv("range", doubt.range),
            kv("error", why.message()));
  const std::lock_guard lock(mutex_);
  InDoubt left = in_doubt_.front();
  InDoubt right = left;
  left.range.last = middle;
  right.range.first = middle + 1;
  in_doubt_.front() = right;
  in_doubt_.push_front(left);
  return {};
}

/// The row that stands alone in the range becomes a letter.
Result<void> PartitionWorker::reject_refused(const InDoubt& doubt, RangePreparer::Rows& rows,
                                             const Error& why) {
  const Reject reject{.offset = rows.offsets().front(),
                      .index = 0,
                      .reason = context_.sink.refusal(why),
                      .path = "",
                      .detail = why.message().substr(0, kDetailBytesMax)};
  FRESHET_ASSIGN(auto letter, context_.preparer.letter(assigned_.tp, reject));
  if (context_.stop_on_reject) return std::unexpected(stop_error(letter));
  if (!doubt.refusal_counted) {
    FRESHET_TRY_CONTEXT(context_.reject_limit.admit_refused(), "{} offset {}", assigned_.tp,
                        reject.offset);
    const std::lock_guard lock(mutex_);
    in_doubt_.front().refusal_counted = true;
  }
  auto& letters = rows.prepared.letters;
  letters.insert(std::ranges::upper_bound(letters, letter.offset, {}, &DeadLetter::offset),
                 std::move(letter));
  crash_point("before_letter");
  FRESHET_TRY(write_letters_once(doubt, letters));
  crash_point("after_letter");
  range_landed(rows.prepared, 0);
  const std::lock_guard lock(mutex_);
  in_doubt_.pop_front();
  return {};
}

Result<void> PartitionWorker::write_letters_once(const InDoubt& doubt,
                                                 std::span<const DeadLetter> letters) {
  FRESHET_TRY_CONTEXT(
      context_.letters.write_missing(assigned_.tp, assigned_.topic_id, doubt.range, letters,
                                     doubt.intent_time, context_.clock.wall()),
      "dead letters of {} {}", assigned_.tp, doubt.range);
  return {};
}

}  // namespace freshet::pipeline
