// Which topics the members of a group read, as far as their coordinator can tell.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "broker/groups/group.h"

namespace freshet::broker {

/// Offsets of these topics neither expire nor may a tool delete them. Value type.
class SubscribedTopics {
 public:
  /// Groups that do not follow the protocol "consumer" (Kafka Connect) are subscribed to nothing. A
  /// member whose subscription cannot be read, or a group before its first generation, may read any
  /// topic.
  static SubscribedTopics of(const Group& group);

  [[nodiscard]] bool contains(std::string_view topic) const {
    return any_ || topics_.contains(topic);
  }

 private:
  bool any_ = false;
  std::set<std::string, std::less<>> topics_;
};

}  // namespace freshet::broker
