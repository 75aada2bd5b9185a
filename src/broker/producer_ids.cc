#include "broker/producer_ids.h"

#include <utility>

#include "broker/byte_fields.h"

namespace freshet::broker {

namespace {

constexpr std::string_view kKey = "producer_ids";
constexpr int64_t kBlock = 1000;

}  // namespace

Result<std::unique_ptr<ProducerIds>> ProducerIds::open(KeyedLog& meta) {
  int64_t reserved = 0;
  if (const auto value = meta.get(kKey)) {
    FieldReader in(*value);
    reserved = in.get<int64_t>();
    if (!in.ok() || reserved < 0) {
      return fail(Errc::kCorrupt, "the counter of producer ids cannot be read");
    }
  }
  return std::unique_ptr<ProducerIds>(new ProducerIds(meta, reserved));
}

void ProducerIds::next(Done done) {
  std::unique_lock lock(mutex_);
  if (waiting_.empty() && next_ < end_) {
    const int64_t id = next_++;
    lock.unlock();
    return done(id);
  }
  const bool is_first = waiting_.empty();
  const int64_t reserve_to = end_ + kBlock;
  waiting_.push_back(std::move(done));
  lock.unlock();
  if (is_first) reserve(reserve_to);
}

void ProducerIds::reserve(int64_t end) {
  std::vector<KeyedChange> changes;
  changes.push_back({std::string(kKey), FieldWriter().put(end).take()});
  meta_.write(std::move(changes), [this, end](Result<void> written) {
    std::vector<std::pair<Done, Result<int64_t>>> answers;
    int64_t reserve_to = -1;
    {
      const std::lock_guard lock(mutex_);
      if (written) end_ = end;
      size_t served = 0;
      for (; served < waiting_.size(); ++served) {
        if (!written) {
          answers.emplace_back(std::move(waiting_[served]), std::unexpected(written.error()));
        } else if (next_ < end_) {
          answers.emplace_back(std::move(waiting_[served]), next_++);
        } else {
          break;
        }
      }
      waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(served));
      if (!waiting_.empty()) reserve_to = end_ + kBlock;
    }
    for (auto& [done, id] : answers) done(std::move(id));
    if (reserve_to >= 0) reserve(reserve_to);
  });
}

}  // namespace freshet::broker
