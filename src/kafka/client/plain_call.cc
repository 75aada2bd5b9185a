#include "kafka/client/plain_call.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "kafka/client/broker_link.h"

namespace freshet::kafka {

bool can_call_plainly(const ClientSettings& client) { return BrokerLink::can_reach(client); }

Result<std::string> wire::exchange(const ClientSettings& client, const std::string& frame) {
  std::string_view rest = client.bootstrap;
  std::optional<Error> failure;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string address(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    auto link = BrokerLink::open(address, client);
    // Once sent it may have been done: nobody else is asked.
    if (link) return link->ask(frame);
    failure = std::move(link).error();
  }
  return std::unexpected(
      std::move(failure).value_or(Error(Errc::kInvalidArgument, "no bootstrap address is given")));
}

}  // namespace freshet::kafka
