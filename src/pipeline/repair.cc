#include "pipeline/repair.h"

#include <algorithm>
#include <map>

#include "decode/json_decoder.h"
#include "kafka/record_iterator.h"
#include "observe/log.h"
#include "pipeline/column_plan.h"
#include "pipeline/json_text.h"
#include "pipeline/log_reader.h"
#include "pipeline/mend_ledger.h"
#include "pipeline/row_mender.h"

namespace freshet::pipeline {
namespace {

const Logger logger("pipeline.repair");

/// Offsets of each kind that one pass takes on; what is more is found by the next pass.
constexpr size_t kOffsetsOfPass = 200'000;
constexpr int kInVainMax = 3;  // passes after which nothing is better
/// Records further apart than this are read one by one instead of through all between them.
constexpr int64_t kGapRead = 10'000;
constexpr size_t kCopiesAtOnce = 2'000;

struct Wounds {
  std::vector<Offset> missing;
  std::vector<Offset> doubled;
  std::vector<Offset> row_and_letter;
  std::vector<Offset> foreign;
};
using WoundsByPartition = std::map<TopicPartition, Wounds>;

std::vector<Offset>& of_kind(Wounds& wounds, Finding finding) {
  switch (finding) {
    case Finding::kMissing:
      return wounds.missing;
    case Finding::kDoubled:
      return wounds.doubled;
    case Finding::kRowAndLetter:
      return wounds.row_and_letter;
    case Finding::kForeign:
      break;
  }
  return wounds.foreign;
}

class Repair {
 public:
  Repair(const VerifyInput& input, const Clock& clock, decode::JsonDecoder decoder,
         RepairReport& report)
      : input_(input),
        clock_(clock),
        decoder_(std::move(decoder)),
        queue_(input.producer, input.dead_letter_topic, input.settings.name),
        mender_({.pipeline = input.settings.name,
                 .group = input.consumer.group(),
                 .sink = input.sink,
                 .letters = queue_,
                 .clock = clock}),
        report_(report) {}

  Result<void> finish_begun() {
    FRESHET_TRY(read_topic_ids());
    std::map<TopicPartition, std::string> names;
    for (const auto& [tp, id] : topic_ids_) names[tp] = id.to_string();
    MendLedger ledger(names);
    using Place = DeadLetterQueue::Place;
    FRESHET_TRY(
        queue_.visit({.on_letter = [](const Place&, const DeadLetterOrigin&, const RecordView&) {},
                      .on_mark =
                          [&](const Place&, const MendMark& mark, const RecordView& record) {
                            ledger.add(mark, WallMillis(Millis(record.timestamp_ms)));
                          }}));
    for (const auto& [id, intent] : ledger.unfinished()) {
      if (intent.mark.kind != MendMark::Kind::kRepair) continue;
      std::vector<Offset> offsets;
      for (const auto& range : intent.mark.offsets) {
        for (Offset offset = range.first; offset <= range.last; offset = offset + 1) {
          offsets.push_back(offset);
        }
      }
      Records records(decoder_.schema());
      FRESHET_TRY(read(intent.mark.tp, offsets, records));
      FRESHET_ASSIGN_CONTEXT(const auto outcome,
                             mender_.finish(intent.mark, intent.written, rows_of(records, intent)),
                             "completing the repair that was begun before");
      report_.finished += outcome.landed.size();
    }
    return {};
  }

  Result<void> mend(const TopicPartition& tp, const Wounds& wounds) {
    for (size_t at = 0; at < wounds.doubled.size(); at += kCopiesAtOnce) {
      const auto some = std::span(wounds.doubled)
                            .subspan(at, std::min(kCopiesAtOnce, wounds.doubled.size() - at));
      FRESHET_ASSIGN_CONTEXT(const size_t deleted, input_.sink.remove_copies(tp, some),
                             "{}: deleting doubled rows", tp);
      report_.rows_deleted += deleted;
    }
    FRESHET_TRY(mender_.mark_landed(tp, topic_ids_.at(tp), wounds.row_and_letter));
    for (size_t at = 0; at < wounds.missing.size(); at += RowMender::kRowsMax) {
      const size_t count = std::min(RowMender::kRowsMax, wounds.missing.size() - at);
      FRESHET_TRY(put_back(tp, {wounds.missing.begin() + static_cast<std::ptrdiff_t>(at),
                                wounds.missing.begin() + static_cast<std::ptrdiff_t>(at + count)}));
    }
    return {};
  }

 private:
  struct Records {
    explicit Records(const std::shared_ptr<const Schema>& schema) : batch(schema) {}
    ColumnBatch batch;
    std::vector<Offset> offsets;
    std::vector<DeadLetter> letters;  // records that do not fit
  };

  Result<void> read_topic_ids() {
    std::vector<TopicPartition> tps;
    for (const auto& partition : report_.before.partitions) tps.push_back(partition.tp);
    FRESHET_ASSIGN(const auto committed, input_.consumer.committed(tps));
    for (const auto& one : committed) topic_ids_[one.tp] = one.topic_id;
    return {};
  }

  RowMender::Rows rows_of(const Records& records, const MendLedger::Intent& intent) const {
    return {.tp = intent.mark.tp,
            .topic_id = topic_ids_.at(intent.mark.tp),
            .batch = records.batch,
            .offsets = records.offsets};
  }

  Result<void> put_back(const TopicPartition& tp, const std::vector<Offset>& offsets) {
    Records records(decoder_.schema());
    FRESHET_TRY(read(tp, offsets, records));
    FRESHET_ASSIGN(const auto outcome,
                   mender_.land(MendMark::Kind::kRepair, {.tp = tp,
                                                          .topic_id = topic_ids_.at(tp),
                                                          .batch = records.batch,
                                                          .offsets = records.offsets}));
    for (const auto& reject : outcome.refused) {
      Records one(decoder_.schema());
      FRESHET_TRY(read(tp, {reject.offset}, one, &reject));
      std::ranges::move(one.letters, std::back_inserter(records.letters));
    }
    return write_letters(tp, records.letters);
  }

  Result<void> write_letters(const TopicPartition& tp, const std::vector<DeadLetter>& letters) {
    if (letters.empty()) return {};
    if (input_.settings.on_reject == config::OnReject::kStop) {
      return fail(Errc::kRefused,
                  "{}: record {} does not fit ({} at {}: {}), and on_reject: stop has no dead "
                  "letters; mend the table or `columns:` and repair again",
                  tp, letters.front().offset, reject_reason_name(letters.front().reason),
                  letters.front().path, letters.front().detail);
    }
    if (auto stored = queue_.write(tp, topic_ids_.at(tp), letters, clock_.wall()).get(); !stored) {
      return std::unexpected(kafka::failure_of_fresh_records(std::move(stored).error()));
    }
    report_.letters_written += letters.size();
    return {};
  }

  /// Decodes the records at these offsets. With `refused` each becomes that letter instead.
  Result<void> read(const TopicPartition& tp, const std::vector<Offset>& offsets, Records& out,
                    const Reject* refused = nullptr) {
    for (size_t at = 0; at < offsets.size();) {
      size_t end = at + 1;
      while (end < offsets.size() && offsets[end] - offsets[end - 1] < kGapRead) ++end;
      FRESHET_TRY(read_run(tp, std::span(offsets).subspan(at, end - at), out, refused));
      at = end;
    }
    return {};
  }

  Result<void> read_run(const TopicPartition& tp, std::span<const Offset> offsets, Records& out,
                        const Reject* refused) {
    LogReader reader(input_.consumer, tp, offsets.front());
    std::string scratch;
    while (reader.position() <= offsets.back()) {
      FRESHET_ASSIGN(const auto batch, reader.next());
      if (!batch) break;
      if (batch->is_control()) continue;
      FRESHET_ASSIGN(auto records, kafka::RecordIterator::open(*batch, scratch));
      std::vector<RecordView> wanted;
      RecordView record;
      while (records.next(record)) {
        if (std::ranges::binary_search(offsets, record.offset)) wanted.push_back(record);
      }
      FRESHET_TRY_CONTEXT(records.finish(), "{} batch at offset {}", tp, batch->base_offset());
      if (refused != nullptr) {
        for (const auto& one : wanted) out.letters.push_back(DeadLetter::of(one, *refused));
      } else {
        decode(tp, wanted, out);
      }
      reader.release_read();
    }
    return {};
  }

  void decode(const TopicPartition& tp, const std::vector<RecordView>& records, Records& out) {
    std::vector<Reject> rejects;
    decoder_.decode(records, {tp.topic, tp.partition}, out.batch, rejects);
    auto reject = rejects.begin();
    for (size_t i = 0; i < records.size(); ++i) {
      if (reject != rejects.end() && reject->index == i) {
        out.letters.push_back(DeadLetter::of(records[i], *reject));
        ++reject;
      } else {
        out.offsets.push_back(records[i].offset);
      }
    }
  }

  const VerifyInput& input_;
  const Clock& clock_;
  decode::JsonDecoder decoder_;
  DeadLetterQueue queue_;
  RowMender mender_;
  RepairReport& report_;
  std::map<TopicPartition, TopicId> topic_ids_;
};

/// Verifies, and remembers offsets of each kind as long as there is room.
Result<PipelineVerdict> find_wounds(const VerifyInput& input, WoundsByPartition& wounds) {
  VerifyInput with_findings = input;
  size_t kept = 0;
  with_findings.on_finding = [&](Finding finding, const TopicPartition& tp, Offset offset) {
    if (kept == kOffsetsOfPass) return;
    of_kind(wounds[tp], finding).push_back(offset);
    kept += finding == Finding::kForeign ? 0 : 1;
  };
  return verify(with_findings);
}

void note(const WoundsByPartition& wounds, RepairReport& report) {
  for (const auto& [tp, found] : wounds) {
    auto it = std::ranges::find(report.partitions, tp, &PartitionRepair::tp);
    if (it == report.partitions.end()) {
      it = report.partitions.insert(report.partitions.end(), PartitionRepair{.tp = tp});
    }
    for (const Offset offset : found.missing) it->put_back.add(offset);
    for (const Offset offset : found.doubled) it->deleted.add(offset);
    for (const Offset offset : found.row_and_letter) it->accepted.add(offset);
    if (it->left.count > 0) continue;  // of an earlier pass: they stay
    for (const Offset offset : found.foreign) it->left.add(offset);
  }
}

uint64_t count_mendable(const WoundsByPartition& wounds) {
  uint64_t count = 0;
  for (const auto& [tp, found] : wounds) {
    count += found.missing.size() + found.doubled.size() + found.row_and_letter.size();
  }
  return count;
}

struct Kind {
  const char* name;
  const char* sentence;
  OffsetFindings PartitionRepair::* offsets;
};
constexpr Kind kKinds[] = {
    {"put_back", "put back from the log", &PartitionRepair::put_back},
    {"deleted", "further rows deleted", &PartitionRepair::deleted},
    {"accepted", "row stands, its dead letter counts as replayed", &PartitionRepair::accepted},
    {"left", "row without a record, left alone", &PartitionRepair::left}};

std::string ranges_of(const OffsetFindings& found, std::string_view form) {
  std::string text;
  for (const auto& range : found.ranges) {
    if (!text.empty()) text += form == "json" ? "," : ", ";
    text += form == "json"              ? fmt::format("[{},{}]", range.first, range.last)
            : range.first == range.last ? fmt::format("{}", range.first)
                                        : fmt::format("{}", range);
  }
  return text;
}

}  // namespace

Result<RepairReport> repair(const VerifyInput& input, bool dry_run, const Clock& clock) {
  RepairReport report{.dry_run = dry_run};
  WoundsByPartition wounds;
  FRESHET_ASSIGN(report.before, find_wounds(input, wounds));
  report.has_views = input.sink.has_views();
  if (dry_run) {
    note(wounds, report);
    return report;
  }
  FRESHET_ASSIGN(auto plan,
                 plan_columns(input.sink.columns(), input.settings, input.sink.display()));
  FRESHET_ASSIGN(auto decoder, decode::JsonDecoder::create(std::move(plan)));
  Repair work(input, clock, std::move(decoder), report);
  FRESHET_TRY(work.finish_begun());
  if (report.finished > 0) {
    wounds.clear();
    FRESHET_ASSIGN(report.after, find_wounds(input, wounds));
  }
  uint64_t before = UINT64_MAX;
  int in_vain = 0;
  for (uint64_t wrong = count_mendable(wounds); wrong > 0; wrong = count_mendable(wounds)) {
    in_vain = wrong < before ? 0 : in_vain + 1;
    if (in_vain == kInVainMax) break;
    before = wrong;
    note(wounds, report);
    for (const auto& [tp, found] : wounds) FRESHET_TRY(work.mend(tp, found));
    wounds.clear();
    FRESHET_ASSIGN(report.after, find_wounds(input, wounds));
  }
  note(wounds, report);
  if (!report.after) report.after = report.before;
  logger.info("pipeline repaired", kv("pipeline", input.settings.name),
              kv("missing", report.before.missing), kv("doubled", report.before.doubled),
              kv("rows_deleted", report.rows_deleted), kv("exact_now", report.exact()));
  return report;
}

std::string to_json(const RepairReport& report) {
  std::string repairs;
  for (const auto& partition : report.partitions) {
    repairs += fmt::format(R"({}{{"topic":{},"partition":{})", repairs.empty() ? "" : ",",
                           json_text(partition.tp.topic), partition.tp.partition);
    for (const auto& kind : kKinds) {
      const auto& found = partition.*kind.offsets;
      repairs += fmt::format(R"(,"{}":{},"{}_ranges":[{}])", kind.name, found.count, kind.name,
                             ranges_of(found, "json"));
    }
    repairs += "}";
  }
  return fmt::format(
      R"({{"pipeline":{},"dry_run":{},"before":{},"repairs":[{}],"finished":{},"rows_deleted":{},)"
      R"("letters_written":{},"after":{},"exact":{}}})",
      json_text(report.before.pipeline), report.dry_run, to_json(report.before), repairs,
      report.finished, report.rows_deleted, report.letters_written,
      report.after ? to_json(*report.after) : "null", report.exact());
}

std::vector<std::string> repair_text(const RepairReport& report) {
  std::vector<std::string> lines;
  for (const auto& partition : report.partitions) {
    for (const auto& kind : kKinds) {
      const auto& found = partition.*kind.offsets;
      if (found.count == 0) continue;
      lines.push_back(fmt::format("{}{}: {} ({} offsets): {}", report.dry_run ? "would mend " : "",
                                  partition.tp, ranges_of(found, "text"), found.count,
                                  kind.sentence));
    }
  }
  if (report.finished > 0) {
    lines.push_back(fmt::format("{} rows of an earlier repair that had ended half-way: completed",
                                report.finished));
  }
  if (report.letters_written > 0) {
    lines.push_back(
        fmt::format("{} records do not fit and are dead letters now", report.letters_written));
  }
  if (report.has_views && !lines.empty()) {
    lines.emplace_back(
        "the targets of the table's materialized views hold no origins: rows that are put back go "
        "through the views, rows that are deleted stay in the targets");
  }
  return lines;
}

}  // namespace freshet::pipeline
