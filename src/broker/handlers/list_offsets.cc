#include "kafka/messages/list_offsets.h"

#include <map>
#include <string_view>
#include <utility>

#include "broker/handlers/handlers.h"
#include "broker/handlers/leader_epoch_check.h"
#include "observe/log.h"

namespace freshet::broker {

namespace {

using kafka::ErrorCode;
using Response = kafka::ListOffsetsResponse;

const Logger logger("broker");

constexpr int64_t kLatest = -1;
constexpr int64_t kEarliest = -2;
constexpr int64_t kMaxTimestamp = -3;
constexpr int64_t kEarliestLocal = -4;  // KIP-405: the log start, without remote storage
constexpr int64_t kLatestTiered = -5;   // KIP-1005: nothing is in remote storage
constexpr int8_t kReadCommitted = 1;

void find_by_time(const PartitionLog& log, int64_t timestamp, Offset end,
                  Response::Partition& out) {
  auto found = timestamp == kMaxTimestamp ? log.max_timestamp() : log.find_by_time(timestamp);
  if (!found) {
    logger.error("a time lookup failed", kv("partition", log.tp()), kv("error", found.error()));
    out.error_code = ErrorCode::kKafkaStorageError;
    return;
  }
  // Nothing that late, or only what a reader of this isolation cannot see: offset and time -1.
  if (!*found || (*found)->offset >= end) return;
  out.timestamp = (*found)->timestamp_ms;
  out.offset = (*found)->offset.value();
  out.leader_epoch = (*found)->leader_epoch;
}

// From which version on a client may ask for it; times themselves are served in all.
int16_t version_min_of(int64_t timestamp) {
  if (timestamp >= kEarliest) return 0;
  if (timestamp == kMaxTimestamp) return 7;
  if (timestamp == kEarliestLocal) return 8;
  return timestamp == kLatestTiered ? 9 : INT16_MAX;
}

void look_up(const PartitionLog& log, const kafka::ListOffsetsRequest::Partition& wanted,
             bool read_committed, Response::Partition& out) {
  out.error_code = check_leader_epoch(log, wanted.current_leader_epoch);
  if (out.error_code != ErrorCode::kNone) return;
  const Offset end = read_committed ? log.last_stable_offset() : log.high_watermark();
  switch (wanted.timestamp) {
    case kLatest:
      out.offset = end.value();
      out.leader_epoch = log.leader_epoch();
      return;
    case kEarliest:
    case kEarliestLocal:
      out.offset = log.log_start().value();
      out.leader_epoch = log.leader_epoch();
      return;
    case kLatestTiered:
      return;
    default:
      return find_by_time(log, wanted.timestamp, end, out);
  }
}

}  // namespace

void handle_list_offsets(CallPtr call, kafka::ListOffsetsRequest request) {
  Response response;
  // A look-up by time may decompress a batch: one for each partition, as Apache Kafka has it.
  std::map<std::pair<std::string_view, int32_t>, int> times;
  for (const auto& topic : request.topics) {
    for (const auto& wanted : topic.partitions) ++times[{topic.name, wanted.partition_index}];
  }
  for (const auto& topic : request.topics) {
    const TopicPtr found = call->services().topics.find(topic.name);
    Response::Topic& topic_out = response.topics.emplace_back();
    topic_out.name = topic.name;
    for (const auto& wanted : topic.partitions) {
      Response::Partition& out = topic_out.partitions.emplace_back();
      out.partition_index = wanted.partition_index;
      const PartitionLogPtr log = found ? found->partition(wanted.partition_index) : nullptr;
      if (times[{topic.name, wanted.partition_index}] > 1) {
        out.error_code = ErrorCode::kInvalidRequest;
      } else if (call->version() < version_min_of(wanted.timestamp)) {
        out.error_code = ErrorCode::kUnsupportedVersion;
      } else if (log) {
        look_up(*log, wanted, request.isolation_level == kReadCommitted, out);
      } else {
        out.error_code = ErrorCode::kUnknownTopicOrPartition;
      }
    }
  }
  call->answer(response);
}

}  // namespace freshet::broker
