#include "broker/groups/subscribed_topics.h"

#include "kafka/consumer_protocol.h"

namespace freshet::broker {

SubscribedTopics SubscribedTopics::of(const Group& group) {
  SubscribedTopics subscribed;
  if (group.protocol_type() != kafka::kConsumerProtocolType) return subscribed;
  for (const auto& [id, member] : group.members()) {
    auto subscription = group.protocol().empty()
                            ? Result<kafka::Subscription>(fail(Errc::kNotFound, "no generation"))
                            : kafka::decode_subscription(group.metadata_of(member));
    if (!subscription) {
      subscribed.any_ = true;
      return subscribed;
    }
    for (std::string& topic : subscription->topics) subscribed.topics_.insert(std::move(topic));
  }
  return subscribed;
}

}  // namespace freshet::broker
