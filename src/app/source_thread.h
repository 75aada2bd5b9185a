// Runs one source in a thread of its own, while it is this process's turn (source_turn.h): tries
// again after failures that may pass, and gives up, with a sentence, after those that will not.
//
// Life: constructor starts the thread; stop() or the destructor ends it. Any thread may ask.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "app/source_turn.h"
#include "kafka/group_consumer.h"
#include "kafka/record_producer.h"
#include "source/source_runner.h"

namespace freshet::app {

class SourceThread {
 public:
  /// `turns`: the group that says whose turn it is; null: nobody else can run this source.
  SourceThread(source::SourceRunnerSettings settings, std::unique_ptr<source::EventSource> source,
               kafka::RecordProducer& producer, std::unique_ptr<kafka::GroupConsumer> turns);
  ~SourceThread();
  SourceThread(const SourceThread&) = delete;
  SourceThread& operator=(const SourceThread&) = delete;

  /// Everything handed to the log is durable when it returns.
  void stop();

  [[nodiscard]] source::SourceStatus status() const { return runner_.status(); }
  /// Why the source has given up; empty if it has not.
  [[nodiscard]] std::string failure() const;

 private:
  void run();
  Result<void> run_in_turn();
  void give_up(const Error& error);
  [[nodiscard]] bool is_stopping() const;
  /// False if asked to stop meanwhile.
  bool pause(std::chrono::milliseconds time);

  const std::string name_;
  const TopicPartition token_;
  source::SourceRunner runner_;
  std::unique_ptr<SourceTurn> turn_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::string failure_;    // guarded by mutex_
  std::thread thread_;     // last: uses everything above
};

}  // namespace freshet::app
