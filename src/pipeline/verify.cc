#include "pipeline/verify.h"

#include <algorithm>
#include <map>
#include <memory>

#include "decode/json_decoder.h"
#include "kafka/record_iterator.h"
#include "pipeline/column_plan.h"
#include "pipeline/commit_metadata.h"
#include "pipeline/dead_letters.h"
#include "pipeline/json_text.h"
#include "pipeline/log_reader.h"
#include "pipeline/mend_ledger.h"
#include "pipeline/offset_set.h"

namespace freshet::pipeline {
namespace {

constexpr int64_t kWindow = int64_t{1} << 20;
constexpr size_t kAccountChunk = 8192;

/// What the dead-letter topic says about the records of one partition.
struct Letters {
  OffsetSet written;
  OffsetSet replayed;   // and done: like any other record
  OffsetSet replaying;  // intended, and it is not known how far that came: in the table or not
  [[nodiscard]] bool rejects(Offset offset) const {
    return written.contains(offset) && !replayed.contains(offset);
  }
};
using LettersByPartition = std::map<TopicPartition, Letters>;

/// Judges one partition window by window.
class PartitionVerifier {
 public:
  PartitionVerifier(const VerifyInput& input, decode::JsonDecoder& decoder, const Letters& letters,
                    PartitionVerdict& verdict)
      : input_(input),
        decoder_(decoder),
        letters_(letters),
        verdict_(verdict),
        batch_(decoder.schema()) {}

  Result<void> judge(OffsetRange window) {
    FRESHET_ASSIGN(const auto presence, input_.sink.probe(verdict_.tp, window));
    Offset next = window.first;  // first offset not looked at yet
    LogReader reader(input_.consumer, verdict_.tp, window.first);
    std::string scratch;
    while (reader.position() <= window.last) {
      FRESHET_ASSIGN(const auto batch, reader.next());
      if (!batch) {
        return fail(Errc::kOutOfRange, "{}: the log ends at {}, below the committed offset {}",
                    verdict_.tp, reader.high_watermark(), verdict_.judged.last + 1);
      }
      if (batch->is_control()) continue;
      FRESHET_ASSIGN(auto records, kafka::RecordIterator::open(*batch, scratch));
      RecordView record;
      while (records.next(record)) {
        if (record.offset < window.first || record.offset > window.last) continue;
        add_foreign(presence, next, record.offset);
        next = record.offset + 1;
        judge_record(presence, record);
      }
      FRESHET_TRY_CONTEXT(records.finish(), "{} batch at offset {}", verdict_.tp,
                          batch->base_offset());
      decode_absent();
      if (absent_offsets_.size() >= kAccountChunk) FRESHET_TRY(account_absent());
      reader.release_read();
    }
    add_foreign(presence, next, window.last + 1);
    return account_absent();
  }

 private:
  void judge_record(const sink::OffsetPresence& presence, const RecordView& record) {
    ++verdict_.records;
    const bool rejected = letters_.rejects(record.offset);
    const bool replaying = letters_.replaying.contains(record.offset);
    if (presence.contains(record.offset)) {
      ++verdict_.in_table;
      if (replaying || letters_.replayed.contains(record.offset)) ++verdict_.replayed;
      if (presence.is_doubled(record.offset)) {
        verdict_.doubled.add(record.offset);
        tell(Finding::kDoubled, record.offset);
      } else if (rejected && !replaying) {
        verdict_.doubled.add(record.offset);
        tell(Finding::kRowAndLetter, record.offset);
      }
    } else if (rejected) {
      ++verdict_.rejected;
    } else {
      absent_.push_back(record);
    }
  }

  /// Rows at offsets in [from, to), where the log has no record.
  void add_foreign(const sink::OffsetPresence& presence, Offset from, Offset to) {
    for (; from < to; from = from + 1) {
      if (!presence.contains(from)) continue;
      verdict_.foreign.add(from);
      tell(Finding::kForeign, from);
    }
  }

  void tell(Finding finding, Offset offset) const {
    if (input_.on_finding) input_.on_finding(finding, verdict_.tp, offset);
  }

  /// Records that are neither in the table nor rejected become rows, while their bytes are there.
  void decode_absent() {
    if (absent_.empty()) return;
    rejects_.clear();
    decoder_.decode(absent_, {verdict_.tp.topic, verdict_.tp.partition}, batch_, rejects_);
    auto reject = rejects_.begin();
    for (size_t i = 0; i < absent_.size(); ++i) {
      if (reject != rejects_.end() && reject->index == i) {
        missing_.push_back(absent_[i].offset);  // belongs into the dead-letter topic: not there
        ++reject;
      } else {
        absent_offsets_.push_back(absent_[i].offset);
      }
    }
    absent_.clear();
  }

  /// Asks the table whether those rows were collapsed by its key, or are missing.
  Result<void> account_absent() {
    if (!absent_offsets_.empty()) {
      FRESHET_ASSIGN_CONTEXT(const auto verdicts,
                             input_.sink.account(verdict_.tp, batch_, absent_offsets_), "{}",
                             verdict_.tp);
      FRESHET_CHECK_EQ(verdicts.size(), absent_offsets_.size());
      for (size_t i = 0; i < verdicts.size(); ++i) {
        switch (verdicts[i]) {
          case sink::RowVerdict::kPresent:
            ++verdict_.in_table;
            break;
          case sink::RowVerdict::kReplaced:
            ++verdict_.replaced;
            break;
          case sink::RowVerdict::kMissing:
            missing_.push_back(absent_offsets_[i]);
            break;
        }
      }
    }
    std::ranges::sort(missing_);
    for (const Offset offset : missing_) {
      verdict_.missing.add(offset);
      tell(Finding::kMissing, offset);
    }
    missing_.clear();
    absent_offsets_.clear();
    batch_.clear();
    return {};
  }

  const VerifyInput& input_;
  decode::JsonDecoder& decoder_;
  const Letters& letters_;
  PartitionVerdict& verdict_;
  ColumnBatch batch_;
  std::vector<Reject> rejects_;
  std::vector<RecordView> absent_;      // of the batch being read
  std::vector<Offset> absent_offsets_;  // of the rows in batch_
  std::vector<Offset> missing_;         // known already
};

/// Where judging begins: what the commit says, else the beginning of the log.
Offset group_start(const kafka::AssignedPartition& committed, Offset log_start) {
  const auto parsed = parse_commit_metadata(committed.metadata);
  const auto* ours = std::get_if<CommitMetadata>(&parsed);
  return ours != nullptr ? ours->start : log_start;
}

Result<void> verify_partition(const VerifyInput& input, decode::JsonDecoder& decoder,
                              const LettersByPartition& letters,
                              const std::vector<sink::OriginSummary>& origins,
                              const kafka::AssignedPartition& committed,
                              PartitionVerdict& verdict) {
  FRESHET_ASSIGN(const auto bounds, input.consumer.bounds(verdict.tp));
  const Offset end = committed.committed == kNoOffset ? bounds.log_start : committed.committed;
  const Offset start = group_start(committed, bounds.log_start);
  verdict.unconfirmed = static_cast<uint64_t>(
      std::max<int64_t>(0, bounds.high_watermark - std::max(end, bounds.log_start)));
  verdict.unjudged_deleted =
      static_cast<uint64_t>(std::max<int64_t>(0, std::min(bounds.log_start, end) - start));
  const Offset first = std::max(start, bounds.log_start);

  if (first < end) {
    verdict.any_judged = true;
    verdict.judged = {first, end - 1};
    static const Letters kNone;
    const auto it = letters.find(verdict.tp);
    PartitionVerifier verifier(input, decoder, it == letters.end() ? kNone : it->second, verdict);
    for (Offset from = first; from < end; from = from + kWindow) {
      FRESHET_TRY(verifier.judge({from, std::min(from + kWindow, end) - 1}));
    }
  }
  // Rows from the future: offsets that the log has never had.
  for (const auto& origin : origins) {
    if (origin.tp != verdict.tp || origin.last < bounds.high_watermark) continue;
    FRESHET_ASSIGN(const auto now, input.consumer.bounds(verdict.tp));
    for (Offset from = now.high_watermark; from <= origin.last; from = from + kWindow) {
      FRESHET_ASSIGN(
          const auto presence,
          input.sink.probe(verdict.tp, {from, std::min(from + kWindow - 1, origin.last)}));
      for (const Offset offset : presence.offsets()) {
        verdict.foreign.add(offset);
        if (input.on_finding) input.on_finding(Finding::kForeign, verdict.tp, offset);
      }
    }
  }
  return {};
}

Result<LettersByPartition> read_letters(const VerifyInput& input,
                                        const std::vector<kafka::AssignedPartition>& committed) {
  std::map<TopicPartition, std::string> topic_ids;
  for (const auto& one : committed) topic_ids[one.tp] = one.topic_id.to_string();
  MendLedger ledger(topic_ids);
  const DeadLetterQueue queue(input.producer, input.dead_letter_topic, input.settings.name);
  LettersByPartition letters;
  using Place = DeadLetterQueue::Place;
  FRESHET_TRY(
      queue.visit({.on_letter =
                       [&](const Place&, const DeadLetterOrigin& letter, const RecordView&) {
                         const auto id = topic_ids.find(letter.tp);
                         if (id == topic_ids.end() || id->second != letter.topic_id) return;
                         letters[letter.tp].written.add(letter.offset);
                       },
                   .on_mark =
                       [&](const Place&, const MendMark& mark, const RecordView& record) {
                         ledger.add(mark, WallMillis(Millis(record.timestamp_ms)));
                       }}));
  for (const auto& [tp, offsets] : ledger.replayed()) letters[tp].replayed = offsets;
  for (const auto& [id, intent] : ledger.unfinished()) {
    if (intent.mark.kind != MendMark::Kind::kReplay) continue;
    for (const auto& range : intent.mark.offsets) letters[intent.mark.tp].replaying.add(range);
  }
  return letters;
}

void sum_up(PipelineVerdict& verdict) {
  for (const auto& partition : verdict.partitions) {
    verdict.records += partition.records;
    verdict.in_table += partition.in_table;
    verdict.replaced += partition.replaced;
    verdict.rejected += partition.rejected;
    verdict.replayed += partition.replayed;
    verdict.missing += partition.missing.count;
    verdict.doubled += partition.doubled.count;
    verdict.foreign += partition.foreign.count;
    verdict.unjudged_deleted += partition.unjudged_deleted;
    verdict.unconfirmed += partition.unconfirmed;
  }
}

std::string ranges_json(const OffsetFindings& findings) {
  std::string text;
  for (const auto& range : findings.ranges) {
    text += fmt::format("{}[{},{}]", text.empty() ? "" : ",", range.first, range.last);
  }
  return text;
}

std::string ranges_text(const OffsetFindings& findings) {
  std::string text;
  for (const auto& range : findings.ranges) {
    if (!text.empty()) text += ", ";
    text += range.first == range.last ? fmt::format("{}", range.first) : fmt::format("{}", range);
  }
  return text;
}

struct Kind {
  const char* name;
  OffsetFindings PartitionVerdict::* findings;
};
constexpr Kind kKinds[] = {{"missing", &PartitionVerdict::missing},
                           {"doubled", &PartitionVerdict::doubled},
                           {"foreign", &PartitionVerdict::foreign}};

}  // namespace

void OffsetFindings::add(Offset offset) {
  ++count;
  if (!ranges.empty() && ranges.back().last + 1 == offset) {
    ranges.back().last = offset;
  } else if (ranges.size() < kRangesMax) {
    ranges.push_back({offset, offset});
  }
}

Result<PipelineVerdict> verify(const VerifyInput& input) {
  const auto& settings = input.settings;
  if (!input.sink.proof().by_provenance) {
    return fail(Errc::kUnsupported, "pipeline {}: nothing can be proven in {}: {}", settings.name,
                input.sink.display(), input.sink.proof().reason);
  }
  FRESHET_ASSIGN(auto plan, plan_columns(input.sink.columns(), settings, input.sink.display()));
  FRESHET_ASSIGN(auto decoder, decode::JsonDecoder::create(std::move(plan)));

  PipelineVerdict verdict{.pipeline = settings.name};
  std::vector<TopicPartition> tps;
  for (const auto& topic : settings.from) {
    verdict.topic += verdict.topic.empty() ? topic : "," + topic;
    FRESHET_ASSIGN(const int32_t partitions, input.producer.partition_count(topic));
    for (int32_t p = 0; p < partitions; ++p) {
      tps.push_back({topic, p});
      verdict.partitions.push_back({.tp = {topic, p}});
    }
  }
  // In this order: what is confirmed now was in the table, or durable as a letter, before it was
  // confirmed. What is written meanwhile is not judged.
  FRESHET_ASSIGN(const auto committed, input.consumer.committed(tps));
  FRESHET_CHECK_EQ(committed.size(), tps.size());
  LettersByPartition letters;
  if (settings.on_reject == config::OnReject::kDeadLetter) {
    FRESHET_ASSIGN(letters, read_letters(input, committed));
  }
  FRESHET_ASSIGN(const auto origins, input.sink.origins());
  for (size_t i = 0; i < tps.size(); ++i) {
    FRESHET_TRY(
        verify_partition(input, decoder, letters, origins, committed[i], verdict.partitions[i]));
  }
  sum_up(verdict);
  return verdict;
}

std::string to_json(const PipelineVerdict& verdict) {
  std::string findings;
  for (const auto& kind : kKinds) {
    for (const auto& partition : verdict.partitions) {
      const auto& found = partition.*kind.findings;
      if (found.count == 0) continue;
      findings += fmt::format(
          R"({}{{"kind":"{}","topic":{},"partition":{},"count":{},"first_ranges":[{}]}})",
          findings.empty() ? "" : ",", kind.name, json_text(partition.tp.topic),
          partition.tp.partition, found.count, ranges_json(found));
    }
  }
  return fmt::format(
      R"({{"pipeline":{},"topic":{},"records":{},"in_table":{},"replaced":{},"rejected":{},)"
      R"("missing":{},"doubled":{},"foreign":{},"exact":{},"unconfirmed":{},)"
      R"("unjudged_deleted":{},"replayed":{},"findings":[{}]}})",
      json_text(verdict.pipeline), json_text(verdict.topic), verdict.records, verdict.in_table,
      verdict.replaced, verdict.rejected, verdict.missing, verdict.doubled, verdict.foreign,
      verdict.exact(), verdict.unconfirmed, verdict.unjudged_deleted, verdict.replayed, findings);
}

std::vector<std::string> findings_text(const PipelineVerdict& verdict) {
  std::vector<std::string> lines;
  for (const auto& kind : kKinds) {
    for (const auto& partition : verdict.partitions) {
      const auto& found = partition.*kind.findings;
      if (found.count == 0) continue;
      lines.push_back(fmt::format("{} in {}: {} ({} offsets)", kind.name, partition.tp,
                                  ranges_text(found), found.count));
    }
  }
  if (verdict.unjudged_deleted > 0) {
    lines.push_back(fmt::format("not judged: {} offsets that retention deleted from the log",
                                verdict.unjudged_deleted));
  }
  if (verdict.unconfirmed > 0) {
    lines.push_back(fmt::format("not judged: {} records whose landing is not committed yet",
                                verdict.unconfirmed));
  }
  return lines;
}

}  // namespace freshet::pipeline
