#include "pipeline/reject_limit.h"

#include "config/units.h"

namespace freshet::pipeline {

std::unexpected<Error> RejectLimit::stop(const std::string& what, const std::string& key,
                                         const std::string& limit) const {
  return fail(Errc::kRefused,
              "{}, more than dlq.{} allows ({}). `freshet dlq show {} --count` says why; mend the "
              "producer, `columns:` or the table, or raise dlq.{}, and start again: nothing of the "
              "records from here on is written yet",
              what, key, limit, pipeline_, key);
}

Result<void> RejectLimit::admit(uint64_t records, uint64_t rejects) {
  const std::lock_guard lock(mutex_);
  if (limits_.max_count > 0 && rejects > 0 && rejects_ + rejects > limits_.max_count) {
    return stop(fmt::format("{} records do not fit since the pipeline started",
                            config::print_count(rejects_ + rejects)),
                "max_count", config::print_count(limits_.max_count));
  }
  if (limits_.max_rate > 0) {
    Counted sum{.records = in_last_.records + records, .rejects = in_last_.rejects + rejects};
    size_t forgotten = 0;
    while (forgotten < last_.size() && sum.records - last_[forgotten].records >= kRateRecords) {
      sum.records -= last_[forgotten].records;
      sum.rejects -= last_[forgotten].rejects;
      ++forgotten;
    }
    const double allowed = limits_.max_rate * static_cast<double>(sum.records);
    if (rejects > 0 && sum.records >= kRateRecords && static_cast<double>(sum.rejects) > allowed) {
      return stop(fmt::format("{} of the {} records read last do not fit",
                              config::print_count(sum.rejects), config::print_count(sum.records)),
                  "max_rate", config::print_percent(limits_.max_rate));
    }
    last_.erase(last_.begin(), last_.begin() + static_cast<std::ptrdiff_t>(forgotten));
    last_.push_back({.records = records, .rejects = rejects});
    in_last_ = sum;
  }
  rejects_ += rejects;
  return {};
}

Result<void> RejectLimit::admit_refused() { return admit(0, 1); }

}  // namespace freshet::pipeline
