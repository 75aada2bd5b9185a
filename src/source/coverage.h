// What the log already holds of a source, read from its marks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kafka/record_producer.h"
#include "source/event_source.h"
#include "source/source_mark.h"

namespace freshet::source {

/// Built once at the start of a run by read_coverage(). Values only.
class Coverage {
 public:
  /// Every event below is in the log, whatever its partition.
  [[nodiscard]] const SourcePosition& everywhere() const { return everywhere_; }
  /// No event from here on is in the log.
  [[nodiscard]] uint64_t end() const { return end_; }
  /// Fingerprint of the source that wrote the marks; nullopt if there are none.
  [[nodiscard]] const std::optional<std::string>& fingerprint() const { return fingerprint_; }

  /// True if the event is in the log. Partition counts that were true when it was written decide.
  [[nodiscard]] bool contains(std::optional<std::string_view> key, uint64_t number) const;

  /// Ranges of a partition that lie above `above`: a mark written below them repeats them, so that
  /// the newest mark alone always says everything.
  [[nodiscard]] std::vector<EventRange> ranges_above(int32_t partition, int32_t partitions,
                                                     uint64_t above) const;

  void add(int32_t partition, const SourceMark& mark);

 private:
  struct Held {
    int32_t partition = 0;
    int32_t partitions = 0;
    EventRange range;
    friend auto operator<=>(const Held&, const Held&) = default;
  };

  SourcePosition everywhere_;
  uint64_t end_ = 0;
  std::optional<std::string> fingerprint_;
  std::vector<Held> held_;
};

/// Reads each partition backwards until the marks say all there is to know: usually a few batches,
/// or the whole partition if only others wrote to it.
Result<Coverage> read_coverage(kafka::RecordProducer& producer, const std::string& topic,
                               int32_t partitions, std::string_view source);

}  // namespace freshet::source
