#include "pipeline/letter_replay.h"

#include <algorithm>

#include "base/check.h"
#include "decode/json_decoder.h"
#include "kafka/record_iterator.h"
#include "pipeline/column_plan.h"
#include "pipeline/json_text.h"
#include "pipeline/mend_ledger.h"
#include "pipeline/row_mender.h"

namespace freshet::pipeline {
namespace {

constexpr size_t kBatchBytes = 16 << 20;

/// The newest letter of one record.
struct NewestLetter {
  DeadLetterQueue::Place place;
  uint32_t attempt = 0;
  uint32_t bytes = 0;
  bool wanted = false;
};
using LettersOfPartition = std::map<Offset, NewestLetter>;

/// Everything of one replay.
class LetterReplay {
 public:
  LetterReplay(const VerifyInput& input, const LetterFilter& filter, bool dry_run,
               const Clock& clock, decode::JsonDecoder decoder)
      : filter_(filter),
        clock_(clock),
        decoder_(std::move(decoder)),
        queue_(input.producer, input.dead_letter_topic, input.settings.name),
        mender_({.pipeline = input.settings.name,
                 .group = input.consumer.group(),
                 .sink = input.sink,
                 .letters = queue_,
                 .clock = clock}) {
    report_.pipeline = input.settings.name;
    report_.dry_run = dry_run;
  }

  Result<ReplayReport> run(const std::vector<kafka::AssignedPartition>& committed) {
    std::map<TopicPartition, std::string> topic_ids;
    for (const auto& one : committed) {
      committed_[one.tp] = one;
      topic_ids[one.tp] = one.topic_id.to_string();
    }
    MendLedger ledger(topic_ids);
    FRESHET_TRY(read_topic(ledger));
    if (!report_.dry_run) FRESHET_TRY(finish_begun(ledger));
    FRESHET_TRY(select(ledger));
    for (const auto& [tp, letters] : newest_) FRESHET_TRY(replay_partition(tp, letters));
    return report_;
  }

 private:
  using Letters = std::vector<DeadLetter>;

  Result<void> read_topic(MendLedger& ledger) {
    return queue_.visit(
        {.on_letter =
             [&](const DeadLetterQueue::Place& place, const DeadLetterOrigin& letter,
                 const RecordView& record) {
               const auto known = committed_.find(letter.tp);
               if (known == committed_.end() ||
                   known->second.topic_id.to_string() != letter.topic_id) {
                 ++report_.other_topic;
                 return;
               }
               NewestLetter& newest = newest_[letter.tp][letter.offset];
               if (std::pair(letter.attempt, place) < std::pair(newest.attempt, newest.place)) {
                 return;
               }
               const size_t bytes = record.value ? record.value->size() : 0;
               newest = {
                   .place = place,
                   .attempt = letter.attempt,
                   .bytes = static_cast<uint32_t>(std::min<size_t>(bytes, UINT32_MAX)),
                   .wanted = filter_.matches(letter, WallMillis(Millis(record.timestamp_ms)))};
             },
         .on_mark =
             [&](const DeadLetterQueue::Place&, const MendMark& mark, const RecordView& record) {
               ledger.add(mark, WallMillis(Millis(record.timestamp_ms)));
             }});
  }

  /// What an earlier replay intended and may have landed is completed before anything else.
  Result<void> finish_begun(const MendLedger& ledger) {
    for (const auto& [id, intent] : ledger.unfinished()) {
      if (intent.mark.kind != MendMark::Kind::kReplay) continue;
      std::vector<Offset> offsets;
      for (const auto& range : intent.mark.offsets) {
        for (Offset offset = range.first; offset <= range.last; offset = offset + 1) {
          offsets.push_back(offset);
        }
      }
      FRESHET_ASSIGN(const Letters letters, fetch(intent.mark.tp, offsets));
      ColumnBatch batch(decoder_.schema());
      std::vector<Offset> rows;
      std::vector<Reject> rejects;
      decode(intent.mark.tp, letters, batch, rows, rejects);
      FRESHET_ASSIGN_CONTEXT(const auto outcome,
                             mender_.finish(intent.mark, intent.written,
                                            {.tp = intent.mark.tp,
                                             .topic_id = committed_.at(intent.mark.tp).topic_id,
                                             .batch = batch,
                                             .offsets = rows}),
                             "completing the replay that was begun before");
      report_.finished += outcome.landed.size();
      for (const Offset offset : outcome.landed) newest_[intent.mark.tp].erase(offset);
    }
    return {};
  }

  Result<void> select(const MendLedger& ledger) {
    for (auto& [tp, letters] : newest_) {
      const Offset end = committed_.at(tp).committed;
      std::erase_if(letters, [&](const auto& one) { return ledger.replayed(tp, one.first); });
      report_.open += letters.size();
      std::erase_if(letters, [&](const auto& one) {
        if (!one.second.wanted) return true;
        if (one.first < end) return false;
        ++report_.not_confirmed;
        return true;
      });
      report_.selected += letters.size();
    }
    return {};
  }

  Result<void> replay_partition(const TopicPartition& tp, const LettersOfPartition& letters) {
    std::vector<Offset> offsets;
    size_t bytes = 0;
    for (auto it = letters.begin(); it != letters.end(); ++it) {
      offsets.push_back(it->first);
      bytes += it->second.bytes;
      const bool full = offsets.size() == RowMender::kRowsMax || bytes > kBatchBytes;
      if (!full && std::next(it) != letters.end()) continue;
      FRESHET_TRY(replay_batch(tp, offsets));
      offsets.clear();
      bytes = 0;
    }
    return {};
  }

  Result<void> replay_batch(const TopicPartition& tp, const std::vector<Offset>& offsets) {
    FRESHET_ASSIGN(Letters letters, fetch(tp, offsets));
    ColumnBatch batch(decoder_.schema());
    std::vector<Offset> rows;
    std::vector<Reject> rejects;
    decode(tp, letters, batch, rows, rejects);
    if (report_.dry_run) {
      report_.landed += rows.size();
    } else {
      const TopicId& topic_id = committed_.at(tp).topic_id;
      FRESHET_ASSIGN(
          auto outcome,
          mender_.land(MendMark::Kind::kReplay,
                       {.tp = tp, .topic_id = topic_id, .batch = batch, .offsets = rows}));
      report_.landed += outcome.landed.size();
      std::ranges::move(outcome.refused, std::back_inserter(rejects));
      FRESHET_TRY(write_again(tp, letters, rejects));
    }
    for (const auto& reject : rejects) ++report_.reasons[std::string(name_of(reject))];
    report_.left += rejects.size();
    return {};
  }

  static std::string_view name_of(const Reject& reject) {
    return reject_reason_name(reject.reason);
  }

  /// A letter more for each that did not fit this time either.
  Result<void> write_again(const TopicPartition& tp, Letters& letters,
                           const std::vector<Reject>& rejects) {
    Letters again;
    for (const auto& reject : rejects) {
      const auto it = std::ranges::lower_bound(letters, reject.offset, {}, &DeadLetter::offset);
      FRESHET_CHECK(it != letters.end() && it->offset == reject.offset);
      DeadLetter letter = std::move(*it);
      letter.reason = reject.reason;
      letter.path = reject.path;
      letter.detail = reject.detail;
      ++letter.attempt;
      again.push_back(std::move(letter));
    }
    if (auto stored = queue_.write(tp, committed_.at(tp).topic_id, again, clock_.wall()).get();
        !stored) {
      return std::unexpected(kafka::failure_of_fresh_records(std::move(stored).error()));
    }
    return {};
  }

  /// The newest letters of those records, in ascending order; those that are gone are left out.
  Result<Letters> fetch(const TopicPartition& tp, const std::vector<Offset>& offsets) {
    Letters found;
    const auto& newest = newest_[tp];
    FRESHET_TRY(queue_.visit({.on_letter =
                                  [&](const DeadLetterQueue::Place& place,
                                      const DeadLetterOrigin& letter, const RecordView& record) {
                                    if (letter.tp != tp ||
                                        !std::ranges::binary_search(offsets, letter.offset))
                                      return;
                                    const auto it = newest.find(letter.offset);
                                    if (it == newest.end() || it->second.place != place) return;
                                    found.push_back(DeadLetter::of_letter(letter, record));
                                  },
                              .on_mark = {}}));
    std::ranges::sort(found, {}, &DeadLetter::offset);
    return found;
  }

  void decode(const TopicPartition& tp, const Letters& letters, ColumnBatch& batch,
              std::vector<Offset>& rows, std::vector<Reject>& rejects) {
    std::vector<RecordView> records;
    for (const auto& letter : letters) {
      records.push_back({.offset = letter.offset,
                         .timestamp_ms = letter.timestamp_ms,
                         .key = letter.key,
                         .value = letter.value,
                         .headers = letter.headers});
    }
    decoder_.decode(records, {tp.topic, tp.partition}, batch, rejects);
    auto reject = rejects.begin();
    for (size_t i = 0; i < letters.size(); ++i) {
      if (reject != rejects.end() && reject->index == i) {
        reject->offset = letters[i].offset;
        ++reject;
      } else {
        rows.push_back(letters[i].offset);
      }
    }
  }

  const LetterFilter& filter_;
  const Clock& clock_;
  decode::JsonDecoder decoder_;
  DeadLetterQueue queue_;
  RowMender mender_;
  std::map<TopicPartition, kafka::AssignedPartition> committed_;
  std::map<TopicPartition, LettersOfPartition> newest_;
  ReplayReport report_;
};

}  // namespace

bool LetterFilter::matches(const DeadLetterOrigin& letter, WallMillis rejected) const {
  return (!reason || *reason == letter.reason) && (!path || *path == letter.path) &&
         (!topic || *topic == letter.tp.topic) &&
         (!partition || *partition == letter.tp.partition) && (!since || rejected >= *since) &&
         (!until || rejected < *until);
}

std::string to_json(const ReplayReport& report) {
  std::string reasons;
  for (const auto& [reason, count] : report.reasons) {
    reasons += fmt::format("{}{}:{}", reasons.empty() ? "" : ",", json_text(reason), count);
  }
  return fmt::format(
      R"({{"pipeline":{},"dry_run":{},"open":{},"selected":{},"finished":{},"landed":{},"left":{},)"
      R"("reasons":{{{}}},"not_confirmed":{},"other_topic":{}}})",
      json_text(report.pipeline), report.dry_run, report.open, report.selected, report.finished,
      report.landed, report.left, reasons, report.not_confirmed, report.other_topic);
}

Result<ReplayReport> replay_letters(const VerifyInput& input, const LetterFilter& filter,
                                    bool dry_run, const Clock& clock) {
  const auto& settings = input.settings;
  if (!input.sink.proof().by_provenance) {
    return fail(Errc::kUnsupported,
                "pipeline {}: letters cannot be replayed exactly once into {}: {}", settings.name,
                input.sink.display(), input.sink.proof().reason);
  }
  FRESHET_ASSIGN(auto plan, plan_columns(input.sink.columns(), settings, input.sink.display()));
  FRESHET_ASSIGN(auto decoder, decode::JsonDecoder::create(std::move(plan)));
  std::vector<TopicPartition> tps;
  for (const auto& topic : settings.from) {
    FRESHET_ASSIGN(const int32_t partitions, input.producer.partition_count(topic));
    for (int32_t p = 0; p < partitions; ++p) tps.push_back({topic, p});
  }
  FRESHET_ASSIGN(const auto committed, input.consumer.committed(tps));
  return LetterReplay(input, filter, dry_run, clock, std::move(decoder)).run(committed);
}

}  // namespace freshet::pipeline
