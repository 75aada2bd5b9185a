// What our clients of librdkafka share: creation, error translation, log redirection. Included by
// their .cc files only.
#pragma once

#include <librdkafka/rdkafka.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "kafka/client/client_settings.h"
#include "kafka/client/handles.h"

namespace freshet::kafka {

/// Properties of `settings`, then `properties`, then the user's raw ones. kInvalidArgument names
/// the property that librdkafka refuses.
Result<ConfigurationHandle> make_configuration(
    const ClientSettings& settings,
    std::initializer_list<std::pair<std::string_view, std::string>> properties);

/// Takes the configuration only if it succeeds, as rd_kafka_new() does.
Result<ClientHandle> make_client(rd_kafka_type_t type, ConfigurationHandle configuration);

/// `what` did not work: the protocol's own codes keep their meaning, librdkafka's get the closest.
[[nodiscard]] Error client_error(rd_kafka_resp_err_t code, std::string_view what);
/// As above, with the longer text that came with the code; `text` may be null.
[[nodiscard]] Error client_error(rd_kafka_resp_err_t code, const char* text, std::string_view what);

[[nodiscard]] inline int to_millis(std::chrono::milliseconds wait) {
  return static_cast<int>(wait.count());
}

}  // namespace freshet::kafka
