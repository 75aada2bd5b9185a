// A record as one JSON object, for `freshet consume --output`.
#pragma once

#include <string>

#include "kafka/client/consumer.h"

namespace freshet::app {

/// Appends {"topic":…,"partition":…,"offset":…,"timestamp_ms":…,"headers":[{"name":…,"value":…}],
/// "key":…,"value":…}. Missing keys, values and timestamps are null. Bytes that are not UTF-8 stand
/// in "key_base64", "value_base64" instead, so nothing is lost.
void append_json(const kafka::ConsumedRecord& record, std::string& out);

}  // namespace freshet::app
