// What a request names more than once is answered once.
//
// An answer may be thousands of times as large as the few bytes that ask for it: a topic with its
// 10,000 partitions, a group with the metadata of its members. With an answer for each repetition a
// request of a megabyte would take all memory there is.
#pragma once

#include <set>
#include <type_traits>
#include <vector>

namespace freshet::broker {

/// Drops those whose name stands further to the front already.
template <class Wanted, class NameOf>
void drop_repeated(std::vector<Wanted>& all, const NameOf& name_of) {
  if (all.size() < 2) return;
  std::set<std::decay_t<std::invoke_result_t<NameOf, const Wanted&>>> seen;
  std::erase_if(all, [&](const Wanted& one) { return !seen.insert(name_of(one)).second; });
}

}  // namespace freshet::broker
