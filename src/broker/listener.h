// What the connections of one listener share.
#pragma once

#include <memory>
#include <vector>

#include "broker/request_memory.h"
#include "broker/security/sasl_mechanism.h"

namespace freshet::io {
class TlsContext;
class WorkerPool;
}  // namespace freshet::io

namespace freshet::broker {

/// Constant once clients connect, but for the memory's count; any thread.
struct Listener {
  explicit Listener(size_t request_memory_max) : memory(request_memory_max) {}

  RequestMemory memory;
  std::shared_ptr<io::TlsContext> tls;    // nullptr: plain TCP
  std::vector<SaslMechanism> mechanisms;  // empty: nobody has to log in
  /// Where passwords are checked; nullptr without mechanisms. Its one thread is all the processor
  /// time that guessing can take.
  io::WorkerPool* logins = nullptr;
};

}  // namespace freshet::broker
