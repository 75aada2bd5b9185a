// What must hold on a disk that lost its power after `cut` changes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "broker/power_cut/continuation.h"
#include "broker/power_cut/recovered_state.h"

namespace freshet::broker::power_cut {

/// Opens a node on what is left, compares it with the history, goes on as the clients would, and
/// opens it once more. Returns what is wrong; empty is good.
inline std::vector<std::string> inspect(Clients& clients, const History& history, size_t cut) {
  Evidence evidence(clients, history, cut);
  if (const auto opened = clients.open_node(); !opened) {
    return {"the node does not open: " + opened.error().message()};
  }
  RecoveredState(evidence).check();
  if (evidence.faults.empty()) Continuation(evidence).check();
  return std::move(evidence.faults);
}

}  // namespace freshet::broker::power_cut
