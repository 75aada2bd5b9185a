// Network threads: N named threads, each with an io_context of its own. A connection and all that
// belongs to it lives on one of them, so it needs no locks and no strands inside.
//
// Nothing that blocks may run here: that is what WorkerPool is for.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}  // namespace boost::asio

namespace freshet::io {

class IoThreads {
 public:
  /// Starts the threads; they run until stop(). `name` is shown in ps and debuggers.
  IoThreads(const std::string& name, size_t count);
  /// stop()s.
  ~IoThreads();
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  [[nodiscard]] size_t size() const;
  [[nodiscard]] boost::asio::io_context& at(size_t index);
  /// The next one in turn; any thread.
  [[nodiscard]] boost::asio::io_context& next();

  /// Ends the threads without waiting for what is outstanding, and joins them: owners close their
  /// gates first. Handlers that never ran are destroyed when this object is. May be called twice,
  /// from a thread that is not one of these.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace freshet::io
