#include "pipeline/range_preparer.h"

#include <algorithm>

#include "kafka/record_iterator.h"
#include "pipeline/log_reader.h"

namespace freshet::pipeline {
namespace {

constexpr size_t kChunkRecords = 4096;
constexpr size_t kChunkBytes = 1 << 20;
// A range ends early when its rows take so many times the bytes that a range of records may have:
// "[{},{},{}]" is short, and the defaults that it stands for are not.
constexpr size_t kGrowthMax = 4;

/// Collects records of consecutive batches and decodes them together: small batches then cost no
/// more than large ones. Views stay valid until flush(), which releases what they point into.
class RangeDecoder {
 public:
  RangeDecoder(Workbench& bench, const TopicPartition& tp, LogReader& reader, PreparedRange& out,
               bool stop_on_reject)
      : bench_(bench), tp_(tp), reader_(reader), out_(out), stop_on_reject_(stop_on_reject) {
    bench_.batch.clear();
    bench_.offsets.clear();
    bench_.records.clear();
  }

  Result<kafka::RecordIterator> open(kafka::RecordBatchView batch) {
    if (scratch_used_ == bench_.scratch.size()) {
      bench_.scratch.push_back(std::make_unique<std::string>());
    }
    auto& scratch = *bench_.scratch[scratch_used_];
    auto records = kafka::RecordIterator::open(batch, scratch);
    opened_bytes_ = batch.codec() == kafka::Codec::kNone ? batch.size() : scratch.size();
    return records;
  }
  /// Uncompressed size of the batch opened last.
  [[nodiscard]] size_t opened_bytes() const { return opened_bytes_; }

  /// Takes at most `records_max` records with offsets in [from, last] off the batch; returns how
  /// many, and through `last_taken` where the last one was.
  Result<int64_t> take(kafka::RecordIterator& records, Offset from, Offset last,
                       int64_t records_max, Offset& last_taken) {
    ++scratch_used_;
    bytes_pending_ += opened_bytes_;
    int64_t taken = 0;
    RecordView record;
    while (taken < records_max && records.next(record)) {
      if (record.offset < from) continue;
      if (record.offset > last) return taken;
      bench_.records.push_back(record);
      out_.timestamps.add(record.timestamp_ms);
      last_taken = record.offset;
      ++taken;
    }
    if (taken < records_max) FRESHET_TRY(records.finish());
    return taken;
  }

  /// Decodes what is collected once it is enough. False: a record was rejected and the range ends
  /// before it.
  bool flush_if_large() {
    if (bench_.records.size() < kChunkRecords && bytes_pending_ < kChunkBytes) return true;
    return flush();
  }

  /// Of the rows decoded so far.
  [[nodiscard]] size_t row_bytes() const { return row_bytes_; }

  bool flush() {
    const auto& records = bench_.records;
    const size_t rows_before = bench_.batch.rows();
    bench_.rejects.clear();
    bench_.decoder.decode(records, {tp_.topic, tp_.partition}, bench_.batch, bench_.rejects);
    bool goes_on = true;
    size_t taken = records.size();
    if (stop_on_reject_ && !bench_.rejects.empty()) {
      taken = bench_.rejects.front().index;
      bench_.batch.truncate(rows_before + taken);
      out_.stops_before = DeadLetter::of(records[taken], bench_.rejects.front());
      bench_.rejects.clear();
      goes_on = false;
    }
    auto reject = bench_.rejects.begin();
    for (size_t i = 0; i < taken; ++i) {
      if (reject != bench_.rejects.end() && reject->index == i) {
        out_.letters.push_back(DeadLetter::of(records[i], *reject));
        ++reject;
      } else {
        bench_.offsets.push_back(records[i].offset);
      }
    }
    FRESHET_CHECK_EQ(bench_.offsets.size(), bench_.batch.rows());
    row_bytes_ = bench_.batch.byte_size();
    out_.records += static_cast<int64_t>(taken);
    bench_.records.clear();
    scratch_used_ = 0;
    bytes_pending_ = 0;
    reader_.release_read();
    return goes_on;
  }

 private:
  Workbench& bench_;
  const TopicPartition& tp_;
  LogReader& reader_;
  PreparedRange& out_;
  const bool stop_on_reject_;
  size_t scratch_used_ = 0;
  size_t opened_bytes_ = 0;
  size_t bytes_pending_ = 0;  // that collected records point into
  size_t row_bytes_ = 0;
};

size_t letter_bytes(const std::vector<DeadLetter>& letters) {
  size_t sum = 0;
  for (const auto& letter : letters) sum += letter.byte_size();
  return sum;
}

}  // namespace

RangePreparer::RangePreparer(Settings settings, kafka::GroupConsumer& consumer,
                             const RangeSink& sink)
    : settings_(std::move(settings)), consumer_(consumer), sink_(sink) {}

Result<std::unique_ptr<RangePreparer>> RangePreparer::create(Settings settings,
                                                             kafka::GroupConsumer& consumer,
                                                             const RangeSink& sink) {
  FRESHET_ASSIGN(auto decoder, decode::JsonDecoder::create(settings.plan));
  std::unique_ptr<RangePreparer> preparer(new RangePreparer(std::move(settings), consumer, sink));
  preparer->free_.push_back(std::make_unique<Workbench>(std::move(decoder)));
  return preparer;
}

std::unique_ptr<Workbench> RangePreparer::take_bench() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      auto bench = std::move(free_.back());
      free_.pop_back();
      return bench;
    }
  }
  auto decoder = decode::JsonDecoder::create(settings_.plan);
  FRESHET_CHECK(decoder.has_value(), "{}", decoder.error());  // create() made one of the same plan
  return std::make_unique<Workbench>(std::move(*decoder));
}

void RangePreparer::give_back(std::unique_ptr<Workbench> bench) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(bench));
}

Result<std::optional<PreparedRange>> RangePreparer::cut(const TopicPartition& tp, Offset first,
                                                        BudgetShare share) {
  Rows rows(*this);
  rows.bench_ = take_bench();
  PreparedRange& out = rows.prepared;
  out.share = std::move(share);
  LogReader reader(consumer_, tp, first);
  RangeDecoder decoder(*rows.bench_, tp, reader, out, settings_.stop_on_reject);
  RangeCutter cutter(settings_.limits, first);
  Offset next = first;
  bool full = false;
  while (!full) {
    FRESHET_ASSIGN(const auto batch, reader.next());
    if (!batch) break;
    if (batch->is_control()) {
      next = batch->next_offset();
      continue;
    }
    FRESHET_ASSIGN_CONTEXT(auto records, decoder.open(*batch), "{} batch at offset {}", tp,
                           batch->base_offset());
    const Offset begin = std::max(batch->base_offset(), next);
    const BatchExtent extent{
        .first = begin,
        .last = batch->last_offset(),
        .records = std::min<int64_t>(batch->record_count(), batch->last_offset() - begin + 1),
        .bytes = decoder.opened_bytes()};
    const auto verdict = cutter.offer(extent);
    full = verdict.full;
    if (verdict.records == 0 && !verdict.whole) break;
    Offset last_taken = next - 1;
    FRESHET_ASSIGN_CONTEXT(
        const int64_t taken,
        decoder.take(records, next, extent.last,
                     verdict.whole ? std::numeric_limits<int64_t>::max() : verdict.records,
                     last_taken),
        "{} batch at offset {}", tp, batch->base_offset());
    out.payload_bytes += extent.bytes;
    next = verdict.whole || taken < verdict.records ? batch->next_offset() : last_taken + 1;
    if (!decoder.flush_if_large()) break;
    full = full || decoder.row_bytes() > kGrowthMax * settings_.limits.bytes;
  }
  if (!out.stops_before) decoder.flush();
  out.high_watermark = reader.high_watermark();
  if (out.stops_before) next = out.stops_before->offset;
  if (next == first && !out.stops_before) return std::nullopt;
  out.range = {first, next - 1};
  out.block = sink_.encode(tp, rows.batch(), rows.offsets());
  out.share.resize(out.block.bytes.size() + letter_bytes(out.letters));
  return std::optional<PreparedRange>(std::move(out));
}

Result<RangePreparer::Rows> RangePreparer::read(const TopicPartition& tp, OffsetRange range,
                                                BudgetShare share) {
  Rows rows(*this);
  rows.bench_ = take_bench();
  PreparedRange& out = rows.prepared;
  out.share = std::move(share);
  out.range = range;
  LogReader reader(consumer_, tp, range.first);
  RangeDecoder decoder(*rows.bench_, tp, reader, out, /*stop_on_reject=*/false);
  while (reader.position() <= range.last) {
    const Offset from = reader.position();
    FRESHET_ASSIGN(const auto batch, reader.next());
    if (!batch) {
      return fail(Errc::kOutOfRange, "{}: the log ends at offset {}, inside the range {}", tp,
                  reader.high_watermark(), range);
    }
    if (batch->is_control()) continue;
    FRESHET_ASSIGN_CONTEXT(auto records, decoder.open(*batch), "{} batch at offset {}", tp,
                           batch->base_offset());
    out.payload_bytes += decoder.opened_bytes();
    Offset last_taken = kNoOffset;
    FRESHET_TRY_CONTEXT(
        decoder.take(records, from, range.last, std::numeric_limits<int64_t>::max(), last_taken),
        "{} batch at offset {}", tp, batch->base_offset());
    decoder.flush_if_large();
  }
  decoder.flush();
  out.high_watermark = reader.high_watermark();
  out.share.resize(rows.batch().byte_size() + letter_bytes(out.letters));
  return rows;
}

Result<DeadLetter> RangePreparer::letter(const TopicPartition& tp, const Reject& reject) {
  LogReader reader(consumer_, tp, reject.offset);
  FRESHET_ASSIGN(const auto batch, reader.next());
  std::string scratch;
  if (batch && !batch->is_control()) {
    FRESHET_ASSIGN_CONTEXT(auto records, kafka::RecordIterator::open(*batch, scratch),
                           "{} batch at offset {}", tp, batch->base_offset());
    RecordView record;
    while (records.next(record)) {
      if (record.offset == reject.offset) return DeadLetter::of(record, reject);
    }
  }
  return fail(Errc::kOutOfRange, "{}: record {} is no longer in the log", tp, reject.offset);
}

RangePreparer::Rows::~Rows() {
  if (bench_ != nullptr) owner_->give_back(std::move(bench_));
}

}  // namespace freshet::pipeline
