// Runs one source in a thread of its own: tries again after failures that may pass, and gives up,
// with a sentence, after those that will not.
//
// Life: constructor starts the thread; stop() or the destructor ends it. Any thread may ask.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "kafka/record_producer.h"
#include "source/source_runner.h"

namespace freshet::app {

class SourceThread {
 public:
  SourceThread(source::SourceRunnerSettings settings, std::unique_ptr<source::EventSource> source,
               kafka::RecordProducer& producer);
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
  /// False if asked to stop meanwhile.
  bool pause(std::chrono::milliseconds time);

  const std::string name_;
  source::SourceRunner runner_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::string failure_;    // guarded by mutex_
  std::thread thread_;     // last: uses everything above
};

}  // namespace freshet::app
