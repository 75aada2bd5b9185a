// Rejected records on their way to the dead-letter topic, and back out of it.
//
// A dead letter is the original record, key, value and headers untouched, with these headers added:
//   freshet.pipeline            name
//   freshet.origin.topic, .topic_id, .partition, .offset, .timestamp (milliseconds)
//   freshet.reject.reason       such as wrong_type (model/reject.h)
//   freshet.reject.path         where in the record; absent for the whole record
//   freshet.reject.detail       what was found and expected
//   freshet.attempt             1; a letter that a replay could not bring in counts on
// Letters of one origin partition go to dead-letter partition (origin partition mod count).
//
// Between them stand the marks of replays and repairs (mend_mark.h).
//
// Once and only once: letters of a range are durable before the range is confirmed, and a range
// that is written again first looks for its letters at the tail of the topic and adds what is
// missing. Letters of later attempts stand out of that order and do not end the search.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "kafka/record_producer.h"
#include "model/offset.h"
#include "model/record.h"
#include "model/reject.h"
#include "model/topic_id.h"
#include "pipeline/mend_mark.h"

namespace freshet::pipeline {

struct DeadLetterOrigin;

struct DeadLetter {
  Offset offset;
  int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::string headers;  // of the original, in Kafka's encoding
  RejectReason reason = RejectReason::kMalformed;
  std::string path;
  std::string detail;
  uint32_t attempt = 1;

  static DeadLetter of(const RecordView& record, const Reject& reject);
  /// The same letter again, read back from the dead-letter topic.
  static DeadLetter of_letter(const DeadLetterOrigin& origin, const RecordView& record);
  [[nodiscard]] size_t byte_size() const;
};

/// What a record of a dead-letter topic says about itself.
struct DeadLetterOrigin {
  std::string pipeline;
  TopicPartition tp;
  std::string topic_id;
  Offset offset;
  int64_t timestamp_ms = 0;
  std::string reason;
  std::string path;
  std::string detail;
  uint32_t attempt = 1;
};

/// kCorrupt if the headers are not those of a dead letter.
Result<DeadLetterOrigin> parse_dead_letter(const RecordView& record);

/// Any thread.
class DeadLetterQueue {
 public:
  /// `producer` outlives the queue.
  DeadLetterQueue(kafka::RecordProducer& producer, std::string topic, std::string pipeline)
      : producer_(producer), topic_(std::move(topic)), pipeline_(std::move(pipeline)) {}

  /// kNotFound, with how to create it, if the topic is not there.
  Result<void> check_topic() const;

  /// Starts writing; ready when all of them are durable. On error any of them may be there.
  std::future<Result<std::vector<Offset>>> write(const TopicPartition& origin,
                                                 const TopicId& topic_id,
                                                 std::span<const DeadLetter> letters,
                                                 WallMillis now);

  /// Writes those that are not in the topic yet and waits until they are durable. Looks back until
  /// a letter of an earlier range of the same origin, or of a time well before `intent_time`.
  Result<size_t> write_missing(const TopicPartition& origin, const TopicId& topic_id,
                               OffsetRange range, std::span<const DeadLetter> letters,
                               WallMillis intent_time, WallMillis now);

  /// Every letter of this pipeline, newest batches first; for verify.
  Result<void> visit(const std::function<void(const DeadLetterOrigin&)>& on_letter) const;

  /// Where a record stands in the dead-letter topic.
  struct Place {
    int32_t partition = 0;
    Offset offset;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  /// Every letter of this pipeline, and every mark, newest batches first. The views live as long as
  /// the call.
  struct Visitor {
    std::function<void(const Place&, const DeadLetterOrigin&, const RecordView&)> on_letter;
    std::function<void(const Place&, const MendMark&, const RecordView&)> on_mark;
  };
  Result<void> visit(const Visitor& visitor) const;

  /// Durable when it returns.
  Result<void> write_mark(const MendMark& mark, WallMillis now);

  [[nodiscard]] const std::string& topic() const { return topic_; }

 private:
  Result<std::vector<Offset>> letters_in(const TopicPartition& origin, const TopicId& topic_id,
                                         OffsetRange range, WallMillis not_before) const;
  kafka::RecordProducer& producer_;
  const std::string topic_;
  const std::string pipeline_;
};

}  // namespace freshet::pipeline
