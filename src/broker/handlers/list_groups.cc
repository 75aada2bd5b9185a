#include "kafka/messages/list_groups.h"

#include <algorithm>

#include "broker/handlers/handlers.h"

namespace freshet::broker {

namespace {

constexpr std::string_view kClassic = "classic";

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return (x | 0x20) == (y | 0x20);  // KIP-518: case does not matter; names are letters only
  });
}

bool passes(const std::vector<std::string>& filter, std::string_view value) {
  return filter.empty() ||
         std::ranges::any_of(filter, [&](const auto& word) { return same_word(word, value); });
}

}  // namespace

void handle_list_groups(CallPtr call, kafka::ListGroupsRequest request) {
  kafka::ListGroupsResponse response;
  for (auto& group : call->services().groups.list()) {
    const std::string_view state = group_state_name(group.state);
    if (!passes(request.states_filter, state) || !passes(request.types_filter, kClassic)) continue;
    response.groups.push_back({std::move(group.group), std::move(group.protocol_type),
                               std::string(state), std::string(kClassic)});
  }
  call->answer(response);
}

}  // namespace freshet::broker
