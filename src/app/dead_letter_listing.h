// Dead letters as a user sees them: read through any Kafka connection, filtered, counted. A letter
// is open until its record was replayed, and only the newest of a record counts.
//
// Thread: blocks; one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/listing.h"
#include "base/error.h"
#include "kafka/client/client_settings.h"
#include "pipeline/letter_replay.h"

namespace freshet::app {

struct DeadLetterTopic {
  std::string pipeline;
  std::string topic;
};

struct LetterQuery {
  pipeline::LetterFilter filter;
  bool all = false;  // also those that were replayed, or that a later attempt replaced
  uint64_t limit = 100;
  OutputFormat format = OutputFormat::kTable;
};

/// One row a letter: origin, reason, state, payload. The topic is read twice: once for the marks of
/// replays, which come after what they are about.
Result<Listing> list_letters(const kafka::ClientSettings& client,
                             const std::vector<DeadLetterTopic>& topics, const LetterQuery& query);

/// One row a pipeline and reason: how many, and the first and last time.
Result<Listing> count_letters(const kafka::ClientSettings& client,
                              const std::vector<DeadLetterTopic>& topics, const LetterQuery& query);

}  // namespace freshet::app
