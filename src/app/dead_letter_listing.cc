#include "app/dead_letter_listing.h"

#include <algorithm>
#include <functional>
#include <map>

#include "app/start_position.h"
#include "config/units.h"
#include "kafka/client/admin.h"
#include "kafka/client/consumer.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"
#include "pipeline/dead_letters.h"
#include "pipeline/mend_mark.h"
#include "pipeline/offset_set.h"

namespace freshet::app {
namespace {

using pipeline::DeadLetterOrigin;
using pipeline::MendMark;

constexpr std::chrono::milliseconds kPollWait{200};
constexpr size_t kValueShown = 60;  // characters of a payload in the table

/// The partition of one incarnation of a topic.
using Origin = std::pair<TopicPartition, std::string>;

/// What a dead-letter topic says about the state of its letters.
struct States {
  using Newest = std::pair<uint32_t, std::pair<int32_t, Offset>>;  // attempt, place of the letter
  std::map<Origin, std::map<Offset, Newest>> newest;
  std::map<Origin, pipeline::OffsetSet> replayed;

  [[nodiscard]] const char* of(const DeadLetterOrigin& letter, int32_t partition,
                               Offset offset) const {
    const Origin origin{letter.tp, letter.topic_id};
    const auto done = replayed.find(origin);
    if (done != replayed.end() && done->second.contains(letter.offset)) return "replayed";
    const bool is_newest =
        newest.at(origin).at(letter.offset).second == std::pair(partition, offset);
    return is_newest ? "open" : "tried again";
  }
};

using OnRecord = std::function<Result<bool>(const RecordView&, int32_t partition)>;

/// Every record of the topic, until `on_record` returns false.
Result<void> read_topic(const kafka::ClientSettings& client, const std::string& topic,
                        const OnRecord& on_record) {
  FRESHET_ASSIGN(auto admin, kafka::Admin::create(client));
  FRESHET_ASSIGN(const auto info, admin.topic(topic));
  std::vector<TopicPartition> partitions;
  for (const auto& partition : info.partitions) partitions.push_back({topic, partition.id});
  FRESHET_ASSIGN(const auto positions,
                 resolve_start(admin, partitions, {.kind = StartRule::Kind::kBeginning}));
  FRESHET_ASSIGN(auto consumer, kafka::Consumer::create(client, {}));
  FRESHET_TRY(consumer.assign(positions));
  size_t ended = 0;
  bool more = true;
  while (more && ended < partitions.size()) {
    FRESHET_ASSIGN(const auto event, consumer.poll(kPollWait));
    if (const auto* record = std::get_if<kafka::ConsumedRecord>(&event)) {
      const std::string headers = kafka::encode_headers(record->headers());
      FRESHET_ASSIGN_CONTEXT(more,
                             on_record({.offset = record->offset(),
                                        .timestamp_ms = record->timestamp_ms(),
                                        .key = record->key(),
                                        .value = record->value(),
                                        .headers = headers},
                                       record->partition()),
                             "{} offset {}", topic, record->offset());
    }
    if (std::holds_alternative<kafka::PartitionEnd>(event)) ++ended;
  }
  return consumer.close();
}

Result<States> read_states(const kafka::ClientSettings& client, const std::string& topic) {
  States states;
  FRESHET_TRY(
      read_topic(client, topic, [&](const RecordView& record, int32_t partition) -> Result<bool> {
        if (const auto mark = pipeline::mend_mark_of(record)) {
          if (mark->state == MendMark::State::kDone && mark->kind == MendMark::Kind::kReplay) {
            auto& replayed = states.replayed[{mark->tp, mark->topic_id}];
            for (const auto& range : mark->offsets) replayed.add(range);
          }
          return true;
        }
        FRESHET_ASSIGN(const auto letter, pipeline::parse_dead_letter(record));
        auto& newest = states.newest[{letter.tp, letter.topic_id}][letter.offset];
        newest =
            std::max(newest, States::Newest{letter.attempt, std::pair(partition, record.offset)});
        return true;
      }));
  return states;
}

using OnLetter =
    std::function<bool(const DeadLetterOrigin&, const RecordView&, const std::string& state)>;

/// Those that the query asks for, until `on_letter` returns false.
Result<void> visit_letters(const kafka::ClientSettings& client, const std::string& topic,
                           const LetterQuery& query, const OnLetter& on_letter) {
  FRESHET_ASSIGN(const States states, read_states(client, topic));
  return read_topic(
      client, topic, [&](const RecordView& record, int32_t partition) -> Result<bool> {
        if (pipeline::mend_mark_of(record)) return true;
        FRESHET_ASSIGN(const auto letter, pipeline::parse_dead_letter(record));
        if (!query.filter.matches(letter, WallMillis(Millis(record.timestamp_ms)))) return true;
        const auto origin = states.newest.find({letter.tp, letter.topic_id});
        // Written since the states were read: as new as can be.
        const bool known = origin != states.newest.end() && origin->second.contains(letter.offset);
        const std::string state = known ? states.of(letter, partition, record.offset) : "open";
        if (!query.all && state != "open") return true;
        return on_letter(letter, record, state);
      });
}

Value shortened(std::optional<std::string_view> bytes, OutputFormat format) {
  if (!bytes) return {};
  std::string text(*bytes);
  if (format != OutputFormat::kTable) return text;
  if (text.size() > kValueShown) {
    size_t cut = kValueShown;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
    text = text.substr(0, cut) + "…";
  }
  return text;
}

std::string time_text(int64_t milliseconds) {
  return config::print_utc_time(std::chrono::milliseconds(milliseconds));
}

}  // namespace

Result<Listing> list_letters(const kafka::ClientSettings& client,
                             const std::vector<DeadLetterTopic>& topics, const LetterQuery& query) {
  Listing listing({{"pipeline", topics.size() > 1 ? "pipeline" : ""},
                   {"topic", "topic"},
                   {"partition", "partition"},
                   {"offset", "offset"},
                   {"timestamp_ms", ""},
                   {"rejected", "rejected"},
                   {"reason", "reason"},
                   {"path", "path"},
                   {"detail", "detail"},
                   {"attempt", ""},
                   {"state", query.all ? "state" : ""},
                   {"key", ""},
                   {"value", "value"}});
  for (const auto& topic : topics) {
    if (listing.rows() >= query.limit) break;
    FRESHET_TRY(visit_letters(
        client, topic.topic, query,
        [&](const DeadLetterOrigin& letter, const RecordView& record, const std::string& state) {
          listing.add({letter.pipeline, letter.tp.topic, int64_t{letter.tp.partition},
                       letter.offset.value(), letter.timestamp_ms, time_text(record.timestamp_ms),
                       letter.reason, letter.path, letter.detail,
                       static_cast<int64_t>(letter.attempt), state,
                       shortened(record.key, query.format), shortened(record.value, query.format)});
          return listing.rows() < query.limit;
        }));
  }
  return listing;
}

Result<Listing> count_letters(const kafka::ClientSettings& client,
                              const std::vector<DeadLetterTopic>& topics,
                              const LetterQuery& query) {
  struct Count {
    int64_t letters = 0;
    int64_t first_ms = INT64_MAX;
    int64_t last_ms = INT64_MIN;
  };
  std::map<std::tuple<std::string, std::string, std::string>, Count> counts;
  for (const auto& topic : topics) {
    FRESHET_TRY(visit_letters(
        client, topic.topic, query,
        [&](const DeadLetterOrigin& letter, const RecordView& record, const std::string&) {
          Count& count = counts[{letter.pipeline, letter.reason, letter.path}];
          ++count.letters;
          count.first_ms = std::min(count.first_ms, record.timestamp_ms);
          count.last_ms = std::max(count.last_ms, record.timestamp_ms);
          return true;
        }));
  }
  Listing listing({{"pipeline", "pipeline"},
                   {"reason", "reason"},
                   {"path", "path"},
                   {"records", "records"},
                   {"first", "first"},
                   {"last", "last"}});
  for (const auto& [key, count] : counts) {
    listing.add({std::get<0>(key), std::get<1>(key), std::get<2>(key), count.letters,
                 time_text(count.first_ms), time_text(count.last_ms)});
  }
  return listing;
}

}  // namespace freshet::app
