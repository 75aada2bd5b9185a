// Names for new members of a group.
#pragma once

#include <string>
#include <string_view>

#include "model/topic_id.h"

namespace freshet::broker {

/// Kafka's rule: the client's own name for people, then something nobody else can guess or repeat.
/// A long name is cut: ids go into strings of at most 32,767 bytes.
[[nodiscard]] inline std::string make_member_id(std::string_view client_name) {
  constexpr size_t kNameBytesMax = 255;
  std::string id(client_name.substr(0, kNameBytesMax));
  id += '-';
  id += TopicId::random().to_string();
  return id;
}

}  // namespace freshet::broker
