// One owned partition of a pipeline: the exactly-once protocol as a state machine.
//
// Positions, in every state:  confirmed <= landed <= cut
//   confirmed  what the group has committed: everything before it is done
//   landed     everything before it is in the destination (or the dead-letter topic), durable
//   cut        where the next new range begins
//
// Steps (each is one call of run(), by one worker thread; the writer lane runs one at a time, the
// prepare lane runs beside it):
//
//   lane     step      does
//   writer   kOpen     plans the beginning from the committed metadata (opening_plan.h)
//   writer   kSettle   commits the in-doubt ranges again, which proves that the partition is still
//                      ours; reads exactly the first of them, lets the destination complete it,
//                      writes the letters that are missing: landed = range.last + 1. A range whose
//                      rows the destination refuses is divided (below)
//   writer   kWrite    takes the prepared range, or cuts one, [a,b] with a == landed; then
//                        commit(offset a, pending a-b)          the intent; confirms all before a
//                        write(a-b), letters of a-b             both durable
//                        landed = b + 1
//   writer   kConfirm  commit(offset landed, pending: what is in doubt), when no intent does it
//   prepare  kPrepare  cuts and encodes the next range while a write is under way
//
//   state       leaves it when
//   kOpening    kOpen done -> kReplaying if ranges are pending, else kReading; refused -> kClosed
//   kReplaying  kSettle of the last in-doubt range -> kReading
//   kReading    a range is due -> kWriting
//   kWriting    landed -> kReading; write or letters failed -> the range is in doubt: kRetrying
//   kRetrying   after the pause: the step again (kSettle, kWrite, kConfirm or kOpen)
//   kClosing    (close()) no step under way, landed == confirmed -> kClosed
//   kClosed     for good: closed, fenced, lost, or failed
//
// What a crash leaves behind, and who mends it:
//   before the intent   offset a, metadata as before: the next owner cuts anew, nothing was written
//   after the intent    offset a, pending a-b, table without a-b: kSettle writes a-b
//   during the write    the same, table with part of a-b: kSettle writes what is missing
//   after the write     the same, table with a-b: kSettle finds all rows there
//   after the commit    offset b+1: nothing to do
//   letters             durable before the commit that confirms their range; kSettle looks for them
//
// A range that the destination refuses because of its rows (a constraint, a view whose expression
// throws; never memory, parts, time-outs) is divided. A refused write has landed nowhere, which the
// destination confirms before each division (RangeSink::check_divisible):
//
//   in doubt [a,b], refused -> in doubt [a,m] [m+1,b], each a range like any other: its own intent,
//                              its own token, its own replay
//   in doubt, one row, refused -> the row becomes a letter; landed = range.last + 1
//
//   and a crash                           leaves             the next owner
//   before the halves' first commit       pending a-b        finds a-b refused again, divides it
//   after it                              pending a-m,m+1-b  settles one after the other
//   after [a,m], before the next commit   pending a-m,m+1-b  finds a-m there, goes on
//   before the letter                     pending x-x        finds x refused again, writes it
//   after the letter                      pending x-x        finds x refused again, finds the
//   letter
//
// Tokens: a half never has the name of the range it came from. The other way round the name of a
// divided range is never used again by this owner, and a next owner that does use it (first line)
// has it refused as a whole, since division is only begun when nothing has landed under it.
//
// Invariants: nothing is written unless the intent for exactly that range was committed by this
// member, just before (a fenced commit ends everything); at most one range of a partition is being
// written; a new intent is committed only when nothing is in doubt; an offset is committed only
// when everything before it is durable.
//
// What keeps a step from being taken though it is due (a wish is then put off, never dropped):
//   memory      begin() gets none of the budget
//   breaker     kWrite and kSettle need a pass of the CircuitBreaker that all partitions share, and
//               tell it how the destination answered. A destination in trouble is thus asked by one
//               partition at a time. After such a failure a partition waits for 1.6 s at most by
//               itself; what is longer is the breaker's, which anybody's success ends
//   parts       a cut that is due by `flush.after` alone takes room of the PartBudget
//   pause       of the pipeline: no kWrite, kSettle, kPrepare; what is under way ends, what landed
//               is confirmed. What is in doubt stays so, as after a crash
//
// Threads: run() blocks and is called without locks; everything else is cheap and may be called
// from any thread at any time.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "config/platform.h"
#include "kafka/group_consumer.h"
#include "observe/log.h"
#include "pipeline/byte_budget.h"
#include "pipeline/circuit_breaker.h"
#include "pipeline/dead_letters.h"
#include "pipeline/opening_plan.h"
#include "pipeline/part_budget.h"
#include "pipeline/pipeline_probe.h"
#include "pipeline/range_cutter.h"
#include "pipeline/range_preparer.h"
#include "pipeline/range_sink.h"
#include "pipeline/reject_limit.h"
#include "pipeline/status.h"
#include "pipeline/test_guards.h"

namespace freshet::pipeline {

/// What all partitions of a pipeline share. Outlives the workers.
struct PartitionContext {
  std::string pipeline;
  std::string group;
  uint64_t pipeline_hash = 0;
  RangeLimits limits;
  config::PipelineStart start;
  std::chrono::milliseconds confirm_after{250};
  bool stop_on_reject = false;
  TestGuards guards;
  kafka::GroupConsumer& consumer;
  RangeSink& sink;
  RangePreparer& preparer;
  DeadLetterQueue& letters;
  RejectLimit& reject_limit;
  ByteBudget& budget;
  CircuitBreaker& breaker;
  PartBudget& parts;
  PipelineProbe& probe;
  const Clock& clock;
};

class PartitionWorker {
 public:
  enum class Step { kNone, kOpen, kSettle, kWrite, kConfirm, kPrepare };
  /// A step that wants to run, and from when on. `since`: when it would have been due if nothing
  /// put it off; who has waited longest goes first.
  struct Wish {
    Step step = Step::kNone;
    SteadyTime due = SteadyTime::max();
    SteadyTime since = due;
  };

  PartitionWorker(const PartitionContext& context, kafka::AssignedPartition assigned);

  [[nodiscard]] Wish writer_wish() const;
  [[nodiscard]] Wish prepare_wish() const;
  /// Marks the wished step as running and takes memory for it. False: not wished any more, or no
  /// memory now.
  [[nodiscard]] bool begin(Step step);
  /// Takes the step that begin() has marked.
  void run(Step step);

  /// Tells where the log ends now. Call often: a range becomes due by it.
  void see_end(Offset high_watermark);
  /// Everything below `target` is to be written without waiting for more.
  void drain_to(Offset target);
  /// Finishes what is being written and confirms it; then finished().
  void close();
  /// Between pause() and resume() nothing is written (above). Memory of ranges that were only
  /// prepared is given back.
  void pause();
  void resume();
  /// Drops everything now: the partition belongs to another member. A step under way goes on until
  /// it notices, but commits nothing any more.
  void abandon();

  /// No step runs and none will.
  [[nodiscard]] bool finished() const;
  /// Paused, nothing is under way, and what landed is confirmed.
  [[nodiscard]] bool at_rest() const;
  /// All below the drain target has landed.
  [[nodiscard]] bool drained() const;
  /// Set if the partition met something that only people can mend; the whole pipeline stops then.
  [[nodiscard]] std::optional<Error> failure() const;
  [[nodiscard]] bool holds_prepared() const;
  [[nodiscard]] const TopicPartition& tp() const { return assigned_.tp; }
  [[nodiscard]] PartitionStatus status() const;

 private:
  struct InDoubt {
    OffsetRange range;
    WallMillis intent_time{};      // zero: unknown
    bool counted = false;          // its rejects, against the limits of dead letters
    bool refusal_counted = false;  // the row that stands alone in it, likewise
  };

  // Each is one step of the writer lane.
  Result<void> open();
  Result<Offset> beginning(const kafka::PartitionBounds& bounds) const;
  Result<void> settle();
  Result<void> write_next();
  Result<void> confirm();
  Result<void> prepare();

  Result<void> commit(Offset offset, std::vector<OffsetRange> pending, WallMillis intent_time);
  Result<void> commit_landed();
  Result<void> commit_intent(OffsetRange range, WallMillis intent_time);
  Result<void> admit(PreparedRange& range);
  Result<std::optional<PreparedRange>> take_or_cut();
  Result<std::optional<PreparedRange>> cut(BudgetShare share);
  Result<void> write_intended(PreparedRange range, WallMillis intent_time);
  Result<void> complete(const InDoubt& doubt, const RangePreparer::Rows& rows);
  Result<void> split_refused(const InDoubt& doubt, RangePreparer::Rows& rows, const Error& why);
  Result<void> reject_refused(const InDoubt& doubt, RangePreparer::Rows& rows, const Error& why);
  Result<void> write_letters_once(const InDoubt& doubt, std::span<const DeadLetter> letters);
  Result<void> skip_deleted(const Error& why);
  void report_deleted(OffsetRange deleted, bool begun);
  void range_landed(const PreparedRange& range, size_t rows);
  void tell_breaker(const Result<void>& answer);
  void step_failed(Step step, const Error& error);
  [[nodiscard]] std::unexpected<Error> sink_failed(const Error& error, OffsetRange range) const;
  [[nodiscard]] Error stop_error(const DeadLetter& letter) const;
  [[nodiscard]] sink::RangeWrite range_write(OffsetRange range, WallMillis intent_time) const;

  // With mutex_ held.
  [[nodiscard]] Wish writer_wish_locked() const;
  [[nodiscard]] Wish prepare_wish_locked() const;
  [[nodiscard]] Wish write_or_confirm_wish() const;
  [[nodiscard]] Wish put_off(Step step, SteadyTime due) const;
  [[nodiscard]] bool cuts_by_age() const;
  [[nodiscard]] SteadyTime next_cut_due() const;
  [[nodiscard]] Backlog backlog() const;
  [[nodiscard]] size_t budget_estimate(int64_t positions) const;
  [[nodiscard]] PartitionState state_locked() const;
  void put_in_doubt(InDoubt doubt);

  const PartitionContext& context_;
  const kafka::AssignedPartition assigned_;
  const Logger log_;

  mutable std::mutex mutex_;  // guards everything below
  bool opened_ = false;
  bool writer_busy_ = false;
  bool prepare_busy_ = false;
  bool writer_cuts_ = false;  // the writer lane is cutting: the prepare lane must not
  bool closing_ = false;
  bool abandoned_ = false;
  bool paused_ = false;
  std::optional<Error> failure_;
  std::optional<Error> stop_error_;  // becomes the failure once all before it is confirmed
  bool confirm_failed_ = false;
  bool prepare_blocked_ = false;  // until the writer lane has taken a step

  Offset start_ = kNoOffset;
  Offset confirmed_ = kNoOffset;
  Offset landed_ = kNoOffset;
  Offset cut_ = kNoOffset;
  Offset doubt_until_ = kNoOffset;
  Offset high_watermark_ = kNoOffset;
  std::optional<Offset> drain_target_;
  std::deque<InDoubt> in_doubt_;        // intents committed; first.range.first == landed_
  std::deque<PreparedRange> prepared_;  // in order; the last ends before cut_
  uint64_t cut_epoch_ = 0;    // changes when cut_ is set back or forward: a cut under way is void
  BudgetShare writer_share_;  // taken by begin() for the step
  BudgetShare prepare_share_;
  std::optional<CircuitBreaker::Pass> pass_;  // of the writer's step; used by its thread alone
  bool destination_failed_ = false;           // in the writer's step

  SteadyTime empty_at_{};
  SteadyTime landed_at_{};
  double bytes_per_position_ = 0;
  std::optional<int64_t> newest_landed_ms_;
  std::optional<OffsetRange> in_flight_;
  const SteadyTime assigned_at_;
  PartitionStatus counts_;  // only what is counted

  SteadyTime retry_at_{};
  uint32_t attempts_ = 0;
  std::string last_error_;
  std::minstd_rand jitter_;
};

}  // namespace freshet::pipeline
