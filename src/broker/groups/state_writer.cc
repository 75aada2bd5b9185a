#include "broker/groups/state_writer.h"

#include <deque>
#include <mutex>
#include <utility>

namespace freshet::broker {

struct StateWriter::State : std::enable_shared_from_this<State> {
  struct Write {
    std::vector<KeyedChange> changes;
    KeyedLog::WriteDone done;
  };

  void flush();
  void hand_in(std::shared_ptr<Write> write);
  void wait_for_room(std::shared_ptr<Write> write);
  void cancel_queued();

  OnRoom on_room;
  std::mutex mutex;
  // Guarded by mutex.
  std::deque<std::shared_ptr<Write>> queue;
  bool flushing = false;  // one thread hands in at a time
  bool waiting = false;   // for room
  bool closed = false;

  std::unique_ptr<KeyedLog> log;
};

void StateWriter::State::flush() {
  std::unique_lock lock(mutex);
  if (flushing) return;
  flushing = true;
  while (!queue.empty() && !waiting && !closed) {
    auto write = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    hand_in(std::move(write));
    lock.lock();
  }
  flushing = false;
}

void StateWriter::State::hand_in(std::shared_ptr<Write> write) {
  std::vector<KeyedChange> changes = write->changes;  // kept for another try
  log->write(std::move(changes), [this, write = std::move(write)](Result<void> written) mutable {
    const bool refused = !written && written.error().code() == Errc::kUnavailable && on_room;
    if (refused) return wait_for_room(std::move(write));
    write->done(std::move(written));
  });
}

void StateWriter::State::wait_for_room(std::shared_ptr<Write> write) {
  {
    const std::lock_guard lock(mutex);
    queue.push_front(std::move(write));
    if (std::exchange(waiting, true)) return;
  }
  on_room([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    {
      const std::lock_guard lock(self->mutex);
      self->waiting = false;
    }
    self->flush();
  });
}

void StateWriter::State::cancel_queued() {
  std::deque<std::shared_ptr<Write>> left;
  {
    const std::lock_guard lock(mutex);
    left.swap(queue);
  }
  for (const auto& write : left) write->done(fail(Errc::kCancelled, "the broker is stopping"));
}

StateWriter::StateWriter(std::unique_ptr<KeyedLog> log) : state_(std::make_shared<State>()) {
  state_->log = std::move(log);
}

StateWriter::~StateWriter() { close(); }

void StateWriter::set_on_room(OnRoom on_room) { state_->on_room = std::move(on_room); }

void StateWriter::add(std::vector<KeyedChange> changes, KeyedLog::WriteDone done) {
  auto write = std::make_shared<State::Write>(std::move(changes), std::move(done));
  const std::lock_guard lock(state_->mutex);
  state_->queue.push_back(std::move(write));
}

void StateWriter::flush() { state_->flush(); }

std::optional<KeyedLog::Staged> StateWriter::stage(std::vector<KeyedChange> changes,
                                                   KeyedLog::WriteDone done) {
  const std::lock_guard lock(state_->mutex);
  if (state_->closed || state_->waiting || !state_->queue.empty()) return std::nullopt;
  return state_->log->stage(std::move(changes), std::move(done));
}

void StateWriter::when_stageable(std::move_only_function<void()> ready) {
  // A write of nothing ends when its turn comes.
  add({}, [state = state_.get(), ready = std::move(ready)](Result<void> turn) mutable {
    if (!turn) return ready();
    state->log->when_rolled(std::move(ready));
  });
  flush();
}

void StateWriter::close() {
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->closed, true)) return;
  }
  state_->cancel_queued();
  state_->log.reset();  // waits
  state_->cancel_queued();
}

void StateWriter::visit(const KeyedLog::Visitor& visit) const { state_->log->visit(visit); }

}  // namespace freshet::broker
