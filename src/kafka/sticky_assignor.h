// The assignor "cooperative-sticky" of Apache Kafka (KIP-429): members keep what they own while a
// group rebalances, and only what has to move moves.
//
// It takes two rebalances. In the first, a partition that is to move is assigned to nobody: its
// owner sees that it is missing, finishes what it was writing, and joins again without it. In the
// second it belongs to nobody, and its new owner gets it. So no partition ever has two owners.
#pragma once

#include <span>
#include <string_view>

#include "kafka/consumer_protocol.h"

namespace freshet::kafka {

inline constexpr std::string_view kCooperativeSticky = "cooperative-sticky";

/// As even as subscriptions allow: with equal ones, no member has more than one partition more than
/// another. Of two that say they own a partition, the one of the later generation does; of the same
/// generation, neither.
[[nodiscard]] GroupAssignment assign_cooperative_sticky(std::span<const GroupMember> members,
                                                        const PartitionCounts& partition_counts);

}  // namespace freshet::kafka
