#include "source/coverage.h"

#include <algorithm>
#include <utility>

#include "kafka/record_batch.h"
#include "kafka/record_iterator.h"
#include "source/partitioner.h"

namespace freshet::source {
namespace {

constexpr size_t kReadBytes = 1 << 20;
// A mark is the end of its batch; an uncompressed batch without the word there has none.
constexpr size_t kMarkTail = 20 * 1024;

/// The mark of `source` in the last record of a batch, if there is one.
Result<std::optional<SourceMark>> mark_of(kafka::RecordBatchView batch, std::string_view source,
                                          std::string& scratch) {
  if (batch.is_control()) return std::nullopt;
  if (batch.codec() == kafka::Codec::kNone) {
    const auto bytes = batch.bytes();
    const auto tail = bytes.substr(bytes.size() - std::min(bytes.size(), kMarkTail));
    if (tail.find(kSourceMarkHeader) == std::string_view::npos) return std::nullopt;
  }
  FRESHET_ASSIGN(auto records, kafka::RecordIterator::open(batch, scratch));
  RecordView record;
  while (records.next(record)) {
  }
  FRESHET_TRY(records.finish());
  const auto text = kafka::find_header(record.headers, kSourceMarkHeader);
  if (!text || !text->starts_with(source) || text->substr(source.size(), 1) != ";") {
    return std::nullopt;
  }
  FRESHET_ASSIGN(auto mark, SourceMark::parse(*text));
  return mark;
}

/// Walks one partition from its end to its beginning, as far as asked.
class BackwardReader {
 public:
  BackwardReader(kafka::RecordProducer& producer, TopicPartition tp, std::string_view source)
      : producer_(producer), tp_(std::move(tp)), source_(source) {}

  [[nodiscard]] int32_t partition() const { return tp_.partition; }

  /// The next older mark; nullopt at the beginning of the log.
  Result<std::optional<SourceMark>> next() {
    while (true) {
      while (!batches_.empty()) {
        const auto batch = batches_.back();
        batches_.pop_back();
        auto mark = mark_of(batch, source_, scratch_);
        if (!mark) {
          return std::unexpected(std::move(mark).error().with_context(
              fmt::format("{}: batch at offset {}", tp_, batch.base_offset())));
        }
        if (*mark) return mark;
      }
      if (at_start_) return std::nullopt;
      FRESHET_TRY(read());
    }
  }

 private:
  Result<void> read() {
    FRESHET_ASSIGN_CONTEXT(slices_, producer_.read_backwards(tp_, before_, kReadBytes), "{}", tp_);
    at_start_ = slices_.empty();
    // Slices come newest first, batches inside a slice oldest first.
    for (auto slice = slices_.rbegin(); slice != slices_.rend(); ++slice) {
      auto bytes = slice->bytes;
      while (true) {
        FRESHET_ASSIGN_CONTEXT(const auto batch, kafka::next_batch(bytes), "{}", tp_);
        if (!batch) break;
        batches_.push_back(*batch);
      }
    }
    if (batches_.empty()) {
      at_start_ = true;
    } else {
      before_ = batches_.front().base_offset();
    }
    return {};
  }

  kafka::RecordProducer& producer_;
  const TopicPartition tp_;
  const std::string_view source_;
  Offset before_ = kNoOffset;
  bool at_start_ = false;
  std::vector<kafka::LogSlice> slices_;
  std::vector<kafka::RecordBatchView> batches_;  // oldest first
  std::string scratch_;
};

}  // namespace

bool Coverage::contains(std::optional<std::string_view> key, uint64_t number) const {
  if (number < everywhere_.next) return true;
  if (number >= end_) return false;
  return std::ranges::any_of(held_, [&](const Held& held) {
    return held.range.contains(number) &&
           held.partition == partition_of(key, number, held.partitions);
  });
}

std::vector<EventRange> Coverage::ranges_above(int32_t partition, int32_t partitions,
                                               uint64_t above) const {
  std::vector<EventRange> ranges;
  for (const Held& held : held_) {
    if (held.partition == partition && held.partitions == partitions && held.range.to > above) {
      ranges.push_back(held.range);
    }
  }
  return ranges;
}

void Coverage::add(int32_t partition, const SourceMark& mark) {
  if (!fingerprint_) fingerprint_ = mark.fingerprint;
  if (mark.everywhere.next > everywhere_.next) everywhere_ = mark.everywhere;
  end_ = std::max(end_, mark.everywhere.next);
  for (const auto& range : mark.covered) {
    end_ = std::max(end_, range.to);
    const Held held{.partition = partition, .partitions = mark.partitions, .range = range};
    if (std::ranges::find(held_, held) == held_.end()) held_.push_back(held);
  }
  std::erase_if(held_, [&](const Held& held) { return held.range.to <= everywhere_.next; });
}

Result<Coverage> read_coverage(kafka::RecordProducer& producer, const std::string& topic,
                               int32_t partitions, std::string_view source) {
  Coverage coverage;
  std::vector<std::pair<BackwardReader, uint64_t>> readers;  // with the own end of the newest mark
  for (int32_t partition = 0; partition < partitions; ++partition) {
    BackwardReader reader(producer, {.topic = topic, .partition = partition}, source);
    FRESHET_ASSIGN(const auto mark, reader.next());
    if (!mark) continue;
    coverage.add(partition, *mark);
    readers.emplace_back(std::move(reader), mark->covered.front().to);
  }
  // Now it is known below which event nothing matters any more.
  for (auto& [reader, newest_end] : readers) {
    uint64_t end = newest_end;
    while (end > coverage.everywhere().next) {
      FRESHET_ASSIGN(const auto mark, reader.next());
      if (!mark) break;
      coverage.add(reader.partition(), *mark);
      end = mark->covered.front().to;
    }
  }
  return coverage;
}

}  // namespace freshet::source
