// How many connections every client address has.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstddef>
#include <map>
#include <mutex>

namespace freshet::broker {

/// Any thread. Knows only addresses that have connections.
class AddressCounts {
 public:
  /// Counts one more connection, unless the address has `max` already.
  [[nodiscard]] bool enter(const boost::asio::ip::address& address, size_t max) {
    const std::lock_guard lock(mutex_);
    const auto it = counts_.try_emplace(address, 0).first;
    if (it->second >= max) return false;
    ++it->second;
    return true;
  }
  void leave(const boost::asio::ip::address& address) {
    const std::lock_guard lock(mutex_);
    const auto it = counts_.find(address);
    if (it != counts_.end() && --it->second == 0) counts_.erase(it);
  }

 private:
  std::mutex mutex_;
  std::map<boost::asio::ip::address, size_t> counts_;  // guarded by mutex_
};

}  // namespace freshet::broker
