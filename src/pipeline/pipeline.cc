#include "pipeline/pipeline.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "io/thread_name.h"
#include "observe/log.h"
#include "pipeline/byte_budget.h"
#include "pipeline/circuit_breaker.h"
#include "pipeline/column_plan.h"
#include "pipeline/dead_letters.h"
#include "pipeline/part_budget.h"
#include "pipeline/partition_worker.h"
#include "pipeline/pipeline_probe.h"
#include "pipeline/range_preparer.h"

namespace freshet::pipeline {
namespace {

constexpr Millis kPollWait{50};
/// How long an end that was to write everything waits for a log that does not answer.
constexpr Millis kLogAwayWait{5000};
constexpr Millis kPeekMin{5};
constexpr Millis kPeekMax{50};
/// A peek costs about a microsecond a partition; it may take a twentieth of one core.
constexpr std::chrono::microseconds kPeekEach{20};

RangeLimits limits_of(const config::FlushSettings& flush) {
  return {.rows = std::clamp<int64_t>(static_cast<int64_t>(flush.rows), 1, RangeLimits::kRowsMax),
          .bytes = std::max<size_t>(1, flush.bytes),
          .after = flush.after};
}

using WorkerPtr = std::shared_ptr<PartitionWorker>;
using Step = PartitionWorker::Step;

bool takes_write_slot(Step step) { return step == Step::kWrite || step == Step::kSettle; }

}  // namespace

class Pipeline::State {
 public:
  State(PipelineOptions options, PipelineParts parts, std::unique_ptr<RangePreparer> preparer,
        uint64_t hash)
      : options_(std::move(options)),
        parts_(std::move(parts)),
        preparer_(std::move(preparer)),
        log_(Logger("pipeline").with("pipeline", options_.settings.name)),
        budget_(options_.settings.memory),
        letters_(parts_.producer, options_.dead_letter_topic, options_.settings.name),
        reject_limit_(options_.settings.dlq, options_.settings.name),
        breaker_({.seed = std::random_device()()}, parts_.clock),
        part_budget_(options_.settings.flush.parts, parts_.clock),
        probe_(parts_.metrics, options_.platform, options_.settings.name),
        context_{.pipeline = options_.settings.name,
                 .group = parts_.consumer->group(),
                 .pipeline_hash = hash,
                 .limits = limits_of(options_.settings.flush),
                 .start = options_.settings.start,
                 .confirm_after = options_.confirm_after,
                 .stop_on_reject = options_.settings.on_reject == config::OnReject::kStop,
                 .guards = TestGuards::from_environment(),
                 .consumer = *parts_.consumer,
                 .sink = *parts_.sink,
                 .preparer = *preparer_,
                 .letters = letters_,
                 .reject_limit = reject_limit_,
                 .budget = budget_,
                 .breaker = breaker_,
                 .parts = part_budget_,
                 .probe = probe_,
                 .clock = parts_.clock},
        write_slots_(writes_at_a_time(options_.settings)) {}

  ~State() { (void)stop(StopMode::kFinish, std::chrono::seconds(0)); }

  void start();
  Result<void> pause(std::chrono::milliseconds limit);
  void resume();
  Result<void> stop(StopMode mode, std::chrono::milliseconds limit);
  [[nodiscard]] PipelineStatus status();
  [[nodiscard]] std::vector<PartitionStatus> partitions() const;
  [[nodiscard]] kafka::GroupConsumer& consumer() { return *parts_.consumer; }
  [[nodiscard]] RangeSink& sink() { return *parts_.sink; }

 private:
  struct Choice {
    WorkerPtr worker;
    Step step = Step::kNone;
    SteadyTime next_due = SteadyTime::max();
  };

  void poll_loop();
  void handle(kafka::GroupEvent event);
  void assign(const kafka::Assigned& assigned);
  void hand_over(const std::vector<TopicPartition>& tps);
  void lose(const std::vector<TopicPartition>& tps);
  void leave();

  void work_loop();
  Choice choose(SteadyTime now);
  void peek(std::unique_lock<std::mutex>& lock);
  void after_step(const WorkerPtr& worker);
  void show_breaker(PipelineStatus& status) const;
  void retire(const WorkerPtr& worker);
  void admit_waiting();
  void fail_with(const Error& error);
  void close_all();
  bool all_finished();
  template <class Condition>
  bool wait_until(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds limit,
                  Condition condition);
  [[nodiscard]] std::vector<WorkerPtr> workers() const;

  // Constant after construction.
  const PipelineOptions options_;
  PipelineParts parts_;
  const std::unique_ptr<RangePreparer> preparer_;
  const Logger log_;
  ByteBudget budget_;
  DeadLetterQueue letters_;
  RejectLimit reject_limit_;
  CircuitBreaker breaker_;
  PartBudget part_budget_;
  PipelineProbe probe_;
  const PartitionContext context_;
  const size_t write_slots_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable wake_workers_;  // something may be runnable
  std::condition_variable stepped_;       // a step ended, or a state changed
  std::map<TopicPartition, WorkerPtr> partitions_;
  std::vector<WorkerPtr> retiring_;  // not ours any more, but a step is still under way
  std::map<TopicPartition, kafka::AssignedPartition> waiting_;  // until the old worker has retired
  PipelineState state_ = PipelineState::kStarting;
  bool paused_ = false;
  std::optional<Error> failure_;
  size_t writing_ = 0;
  bool has_leader_ = false;  // one idle thread waits for the next due time, the others for a call
  bool peeking_ = false;
  SteadyTime peek_at_{};
  bool stop_workers_ = false;
  bool stop_polling_ = false;
  bool left_ = false;

  std::mutex stopping_;  // one stop() at a time
  std::jthread poller_;
  std::vector<std::jthread> threads_;
};

void Pipeline::State::start() {
  probe_.started(parts_.clock.steady());
  if (!context_.guards.intent || !context_.guards.probe) {
    log_.error("FRESHET_TEST_GUARD_OFF is set: this pipeline is NOT exactly-once",
               kv("intent", context_.guards.intent), kv("probe", context_.guards.probe));
  }
  if (!parts_.sink->proof().by_provenance) {
    log_.warn("no row of the destination can be proven; exactly-once rests on intents and tokens",
              kv("reason", parts_.sink->proof().reason));
  }
  const std::string& name = options_.settings.name;
  poller_ = std::jthread([this, name] {
    io::name_this_thread("poll." + name, 0);
    poll_loop();
  });
  for (size_t i = 0; i < 2 * write_slots_; ++i) {
    threads_.emplace_back([this, name, i] {
      io::name_this_thread("work." + name, i);
      work_loop();
    });
  }
}

template <class Condition>
bool Pipeline::State::wait_until(std::unique_lock<std::mutex>& lock,
                                 std::chrono::milliseconds limit, Condition condition) {
  return stepped_.wait_for(lock, limit, condition);
}

Result<void> Pipeline::State::stop(StopMode mode, std::chrono::milliseconds limit) {
  const std::lock_guard one_at_a_time(stopping_);
  std::unique_lock lock(mutex_);
  Result<void> result;
  if (poller_.joinable()) {
    if (mode == StopMode::kDrain && !failure_ && !paused_) {
      state_ = PipelineState::kDraining;
      const auto all = workers();
      lock.unlock();  // the log may be elsewhere
      bool unknown = false;
      for (const auto& worker : all) {
        const auto bounds = parts_.consumer->bounds(worker->tp());
        unknown = unknown || !bounds;
        const Offset end = bounds ? bounds->high_watermark : worker->status().high_watermark;
        worker->see_end(end);
        worker->drain_to(end);
      }
      // A log that does not even say where it ends will hardly give records or take commits.
      if (unknown) limit = std::min(limit, kLogAwayWait);
      lock.lock();
      wake_workers_.notify_all();
      const bool drained = wait_until(lock, limit, [&] {
        return failure_ || paused_ ||
               std::ranges::all_of(workers(), [](const auto& w) { return w->drained(); });
      });
      if (!drained) {
        result = fail(Errc::kTimeout,
                      "pipeline {}: not everything could be written within {} ms; the next start "
                      "goes on there",
                      options_.settings.name, limit.count());
      } else if (unknown) {
        result = fail(Errc::kUnavailable,
                      "pipeline {}: its log does not say where it ends; what came last is written "
                      "at the next start",
                      options_.settings.name);
      }
    }
    close_all();
    (void)wait_until(lock, options_.revoke_wait_max, [&] { return all_finished(); });
    stop_polling_ = stop_workers_ = true;
    wake_workers_.notify_all();
    stepped_.notify_all();
    lock.unlock();
    poller_.join();
    threads_.clear();  // joins
    lock.lock();
    if (state_ != PipelineState::kFailed) state_ = PipelineState::kStopped;
  }
  if (failure_) return std::unexpected(*failure_);
  return result;
}

Result<void> Pipeline::State::pause(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  if (!paused_) log_.info("pipeline paused");
  paused_ = true;
  probe_.set_paused(true);
  for (const auto& worker : workers()) worker->pause();
  wake_workers_.notify_all();
  const bool at_rest = wait_until(lock, limit, [&] {
    return stop_workers_ || failure_ || !poller_.joinable() ||
           std::ranges::all_of(workers(), [](const auto& w) { return w->at_rest(); });
  });
  if (at_rest) return {};
  return fail(Errc::kTimeout,
              "pipeline {} is paused, but after {} ms something is still being written or "
              "confirmed; it ends by itself (see its partitions in `pipeline describe`)",
              options_.settings.name, limit.count());
}

void Pipeline::State::resume() {
  const std::lock_guard lock(mutex_);
  if (paused_) log_.info("pipeline resumed");
  paused_ = false;
  probe_.set_paused(false);
  for (const auto& worker : workers()) worker->resume();
  wake_workers_.notify_all();
}

std::vector<WorkerPtr> Pipeline::State::workers() const {
  std::vector<WorkerPtr> all;
  for (const auto& [tp, worker] : partitions_) all.push_back(worker);
  return all;
}

void Pipeline::State::close_all() {
  for (const auto& worker : workers()) worker->close();
  waiting_.clear();
  wake_workers_.notify_all();
}

bool Pipeline::State::all_finished() {
  return std::ranges::all_of(workers(), [](const auto& w) { return w->finished(); });
}

void Pipeline::State::fail_with(const Error& error) {
  if (failure_) return;
  failure_ = error.with_context(fmt::format("pipeline {}", options_.settings.name));
  state_ = PipelineState::kFailed;
  log_.error("pipeline stopped", kv("error", failure_->message()));
  close_all();
}

void Pipeline::State::poll_loop() {
  Millis pause{0};
  std::minstd_rand jitter(std::random_device{}());
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (pause > Millis(0)) stepped_.wait_for(lock, pause, [&] { return stop_polling_; });
      if (stop_polling_ || (failure_ && all_finished())) break;
    }
    auto event = parts_.consumer->poll(kPollWait);
    if (event) {
      pause = Millis(0);
      handle(std::move(*event));
      continue;
    }
    if (!is_retriable(event.error().code()) && event.error().code() != Errc::kFenced) {
      const std::lock_guard lock(mutex_);
      fail_with(event.error().with_context("group membership"));
      continue;
    }
    log_.warn("the group's coordinator did not answer", kv("error", event.error().message()));
    // All members meet the same trouble at the same time; they should not come back together.
    pause = std::clamp(pause * 2, Millis(50), Millis(2000));
    pause = Millis(std::uniform_int_distribution(pause.count() / 2, pause.count())(jitter));
  }
  leave();
}

void Pipeline::State::leave() {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& worker : workers()) retire(worker);
    partitions_.clear();
    left_ = true;
  }
  if (auto left = parts_.consumer->leave(); !left) {
    log_.warn("could not leave the group; others wait for the session time-out",
              kv("error", left.error().message()));
  }
  stepped_.notify_all();
}

void Pipeline::State::handle(kafka::GroupEvent event) {
  if (const auto* assigned = std::get_if<kafka::Assigned>(&event)) assign(*assigned);
  if (const auto* revoked = std::get_if<kafka::Revoked>(&event)) hand_over(revoked->partitions);
  if (const auto* lost = std::get_if<kafka::Lost>(&event)) lose(lost->partitions);
}

void Pipeline::State::assign(const kafka::Assigned& assigned) {
  const std::lock_guard lock(mutex_);
  if (state_ == PipelineState::kStarting) state_ = PipelineState::kRunning;
  log_.info("partitions assigned", kv("count", assigned.partitions.size()),
            kv("generation", parts_.consumer->generation()));
  // What comes while everything is being brought to an end is for the next owner.
  if (failure_ || state_ == PipelineState::kDraining) return;
  for (const auto& partition : assigned.partitions) {
    if (const auto old = partitions_.find(partition.tp); old != partitions_.end()) {
      retire(old->second);
      partitions_.erase(old);
    }
    waiting_[partition.tp] = partition;
  }
  admit_waiting();
  wake_workers_.notify_all();
}

/// A partition that came back while a step of its former worker is still under way waits for it:
/// two writers of one process never meet.
void Pipeline::State::admit_waiting() {
  std::erase_if(retiring_, [](const auto& worker) { return worker->finished(); });
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const bool busy = std::ranges::any_of(
        retiring_, [&](const auto& worker) { return worker->tp() == it->first; });
    if (busy) {
      ++it;
      continue;
    }
    auto& worker = partitions_[it->first];
    worker = std::make_shared<PartitionWorker>(context_, it->second);
    if (paused_) worker->pause();
    it = waiting_.erase(it);
  }
}

void Pipeline::State::retire(const WorkerPtr& worker) {
  worker->abandon();
  if (!worker->finished()) retiring_.push_back(worker);
}

void Pipeline::State::hand_over(const std::vector<TopicPartition>& tps) {
  std::unique_lock lock(mutex_);
  std::vector<WorkerPtr> leaving;
  for (const auto& tp : tps) {
    waiting_.erase(tp);
    if (const auto it = partitions_.find(tp); it != partitions_.end()) {
      it->second->close();
      leaving.push_back(it->second);
    }
  }
  wake_workers_.notify_all();
  const bool in_time = wait_until(lock, options_.revoke_wait_max, [&] {
    return std::ranges::all_of(leaving, [](const auto& w) { return w->finished(); });
  });
  log_.info("partitions handed over", kv("count", tps.size()), kv("in_time", in_time));
  for (const auto& worker : leaving) {
    retire(worker);
    partitions_.erase(worker->tp());
  }
}

void Pipeline::State::lose(const std::vector<TopicPartition>& tps) {
  const std::lock_guard lock(mutex_);
  log_.warn("partitions lost to another member", kv("count", tps.size()));
  for (const auto& tp : tps) {
    waiting_.erase(tp);
    if (const auto it = partitions_.find(tp); it != partitions_.end()) {
      retire(it->second);
      partitions_.erase(it);
    }
  }
}

Pipeline::State::Choice Pipeline::State::choose(SteadyTime now) {
  struct Candidate {
    SteadyTime since;
    Step step;
    const WorkerPtr* worker;
  };
  std::vector<Candidate> ready;
  Choice choice;
  size_t prepared = 0;
  for (const auto& [tp, worker] : partitions_) {
    if (worker->holds_prepared()) ++prepared;
    const auto wish = worker->writer_wish();
    if (wish.step == Step::kNone) continue;
    if (wish.due > now) {
      choice.next_due = std::min(choice.next_due, wish.due);
    } else if (!takes_write_slot(wish.step) || writing_ < write_slots_) {
      ready.push_back({wish.since, wish.step, &worker});
    }
  }
  std::ranges::sort(ready, {}, &Candidate::since);
  if (ready.empty() && prepared < write_slots_) {
    for (const auto& [tp, worker] : partitions_) {
      if (worker->prepare_wish().step == Step::kPrepare) {
        ready.push_back({now, Step::kPrepare, &worker});
      }
    }
  }
  for (const auto& candidate : ready) {
    if ((*candidate.worker)->begin(candidate.step)) {
      choice.worker = *candidate.worker;
      choice.step = candidate.step;
      break;
    }
  }
  return choice;
}

void Pipeline::State::peek(std::unique_lock<std::mutex>& lock) {
  peeking_ = true;
  const auto all = workers();
  lock.unlock();
  int64_t lag = 0;
  double lag_seconds = 0;
  size_t in_doubt = 0;
  for (const auto& worker : all) {
    if (const auto bounds = parts_.consumer->bounds(worker->tp())) {
      worker->see_end(bounds->high_watermark);
    }
    const auto status = worker->status();
    lag += status.lag_records;
    lag_seconds = std::max(lag_seconds, status.lag_seconds_min);
    in_doubt += status.in_doubt;
  }
  probe_.set_lag(lag, lag_seconds);
  probe_.set_in_doubt(in_doubt);
  probe_.see_breaker(breaker_.status());
  if (const auto parts = parts_.sink->parts()) probe_.see_parts(*parts);
  probe_.set_memory(budget_.used());
  lock.lock();
  peeking_ = false;
  // Whoever waits for the next due time meanwhile does not know when the next look is due.
  if (has_leader_) wake_workers_.notify_all();
  const auto wanted = std::clamp(std::chrono::duration_cast<Millis>(context_.limits.after / 10),
                                 kPeekMin, kPeekMax);
  peek_at_ = parts_.clock.steady() +
             std::max<SteadyTime::duration>(wanted, kPeekEach * static_cast<int64_t>(all.size()));
}

void Pipeline::State::after_step(const WorkerPtr& worker) {
  if (const auto failure = worker->failure()) fail_with(*failure);
  if (!waiting_.empty() || !retiring_.empty()) admit_waiting();
  stepped_.notify_all();
}

void Pipeline::State::work_loop() {
  std::unique_lock lock(mutex_);
  while (!stop_workers_) {
    const SteadyTime now = parts_.clock.steady();
    if (!peeking_ && now >= peek_at_) {
      wake_workers_.notify_one();
      peek(lock);
      continue;
    }
    Choice choice = choose(now);
    if (choice.worker != nullptr) {
      const bool writes = takes_write_slot(choice.step);
      writing_ += writes ? 1 : 0;
      wake_workers_.notify_one();
      lock.unlock();
      choice.worker->run(choice.step);
      lock.lock();
      writing_ -= writes ? 1 : 0;
      after_step(choice.worker);
      continue;
    }
    if (has_leader_) {
      wake_workers_.wait(lock);
      continue;
    }
    has_leader_ = true;
    const SteadyTime until = peeking_ ? choice.next_due : std::min(choice.next_due, peek_at_);
    const auto pause = std::min<SteadyTime::duration>(until - now, std::chrono::seconds(1));
    wake_workers_.wait_for(lock, pause);
    has_leader_ = false;
  }
  wake_workers_.notify_all();
}

PipelineStatus Pipeline::State::status() {
  PipelineStatus status;
  status.name = options_.settings.name;
  status.group = context_.group;
  status.topics = options_.settings.from;
  status.destination = parts_.sink->display();
  std::vector<WorkerPtr> all;
  bool settled = false;
  {
    const std::lock_guard lock(mutex_);
    const bool runs = state_ == PipelineState::kStarting || state_ == PipelineState::kRunning;
    status.state = paused_ && runs ? PipelineState::kPaused : state_;
    if (failure_) status.failure = failure_->message();
    all = workers();
    settled = waiting_.empty() && !all.empty() && !failure_;
  }
  std::optional<double> age;
  for (const auto& worker : all) {
    if (const auto bounds = parts_.consumer->bounds(worker->tp())) {
      worker->see_end(bounds->high_watermark);
    }
    status.partitions.push_back(worker->status());
    const auto& partition = status.partitions.back();
    status.lag_records += partition.lag_records;
    const bool done = partition.state == PartitionState::kReading && partition.lag_records == 0 &&
                      partition.confirmed == partition.landed;
    settled = settled && done;
    if (partition.lag_records > 0 && partition.lag_seconds) {
      age = std::max(age.value_or(0), *partition.lag_seconds);
    }
  }
  if (status.lag_records > 0) status.lag_seconds = age;
  status.caught_up = settled;
  probe_.fill(status, parts_.clock.steady());
  show_breaker(status);
  return status;
}

void Pipeline::State::show_breaker(PipelineStatus& status) const {
  const auto breaker = breaker_.status();
  status.breaker = breaker_state_name(breaker.state);
  if (breaker.trouble) status.breaker_reason = trouble_name(*breaker.trouble);
  status.breaker_error = breaker.error;
  if (!breaker.next_trial) return;
  const auto to_come = *breaker.next_trial - parts_.clock.steady();
  status.next_trial =
      parts_.clock.wall() + std::max(Millis(0), std::chrono::duration_cast<Millis>(to_come));
}

std::vector<PartitionStatus> Pipeline::State::partitions() const {
  std::vector<WorkerPtr> all;
  {
    const std::lock_guard lock(mutex_);
    all = workers();
  }
  std::vector<PartitionStatus> statuses;
  statuses.reserve(all.size());
  for (const auto& worker : all) statuses.push_back(worker->status());
  return statuses;
}

size_t writes_at_a_time(const config::PipelineSettings& settings) {
  if (settings.workers != 0) return settings.workers;
  return std::max(1U, std::thread::hardware_concurrency());
}

Pipeline::Pipeline(std::unique_ptr<State> state) : state_(std::move(state)) {}
Pipeline::~Pipeline() = default;

Result<std::unique_ptr<Pipeline>> Pipeline::create(PipelineOptions options, PipelineParts parts) {
  const auto& settings = options.settings;
  const auto& columns = parts.sink->columns();
  FRESHET_ASSIGN(auto plan, plan_columns(columns, settings, parts.sink->display()));
  FRESHET_ASSIGN_CONTEXT(
      auto preparer,
      RangePreparer::create({.limits = limits_of(settings.flush),
                             .plan = std::move(plan),
                             .stop_on_reject = settings.on_reject == config::OnReject::kStop},
                            *parts.consumer, *parts.sink),
      "pipeline {}", settings.name);
  if (settings.on_reject == config::OnReject::kDeadLetter) {
    FRESHET_TRY(
        DeadLetterQueue(parts.producer, options.dead_letter_topic, settings.name).check_topic());
  }
  const uint64_t hash = pipeline_hash(columns, settings);
  return std::unique_ptr<Pipeline>(new Pipeline(
      std::make_unique<State>(std::move(options), std::move(parts), std::move(preparer), hash)));
}

void Pipeline::start() { state_->start(); }

Result<void> Pipeline::stop(StopMode mode, std::chrono::milliseconds limit) {
  return state_->stop(mode, limit);
}

Result<void> Pipeline::pause(std::chrono::milliseconds limit) { return state_->pause(limit); }
void Pipeline::resume() { state_->resume(); }

PipelineStatus Pipeline::status() const { return state_->status(); }
std::vector<PartitionStatus> Pipeline::partitions() const { return state_->partitions(); }
kafka::GroupConsumer& Pipeline::consumer() { return state_->consumer(); }
RangeSink& Pipeline::sink() { return state_->sink(); }

}  // namespace freshet::pipeline
