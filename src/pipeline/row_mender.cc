#include "pipeline/row_mender.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "base/crash_point.h"
#include "sink/row_selection.h"

namespace freshet::pipeline {
namespace {

constexpr size_t kDetailBytesMax = 2000;

}  // namespace

MendMark RowMender::mark(MendMark::Kind kind, const Rows& rows) const {
  return {.state = MendMark::State::kIntent,
          .kind = kind,
          .id = new_mend_id(),
          .pipeline = parts_.pipeline,
          .tp = rows.tp,
          .topic_id = rows.topic_id.to_string(),
          .offsets = to_ranges({rows.offsets.begin(), rows.offsets.end()})};
}

Result<RowMender::Outcome> RowMender::land(MendMark::Kind kind, const Rows& rows) {
  FRESHET_CHECK_LE(rows.offsets.size(), kRowsMax);
  Outcome outcome;
  if (!rows.offsets.empty()) FRESHET_TRY(land_part(kind, rows, 0, outcome));
  return outcome;
}

Result<RowMender::Outcome> RowMender::finish(const MendMark& intent, WallMillis intended,
                                             const Rows& rows) {
  Outcome outcome;
  if (rows.offsets.empty()) {
    // Its records are gone or no longer fit: whatever has landed stands, the rest is void.
    auto done = intent;
    done.state = MendMark::State::kDone;
    done.offsets.clear();
    FRESHET_TRY(parts_.letters.write_mark(done, parts_.clock.wall()));
    return outcome;
  }
  FRESHET_TRY(write(intent, intended, rows, 0, outcome));
  return outcome;
}

Result<void> RowMender::mark_landed(const TopicPartition& tp, const TopicId& topic_id,
                                    const std::vector<Offset>& offsets) {
  for (size_t at = 0; at < offsets.size(); at += kRowsMax) {
    const auto begin = offsets.begin() + static_cast<std::ptrdiff_t>(at);
    const auto count = static_cast<std::ptrdiff_t>(std::min(kRowsMax, offsets.size() - at));
    FRESHET_TRY(parts_.letters.write_mark({.state = MendMark::State::kDone,
                                           .kind = MendMark::Kind::kReplay,
                                           .id = new_mend_id(),
                                           .pipeline = parts_.pipeline,
                                           .tp = tp,
                                           .topic_id = topic_id.to_string(),
                                           .offsets = to_ranges({begin, begin + count})},
                                          parts_.clock.wall()));
  }
  return {};
}

Result<void> RowMender::land_part(MendMark::Kind kind, const Rows& rows, size_t first_row,
                                  Outcome& outcome) {
  const MendMark intent = mark(kind, rows);
  const WallMillis now = parts_.clock.wall();
  crash_point("before_mend_intent");
  FRESHET_TRY(parts_.letters.write_mark(intent, now));
  crash_point("after_mend_intent");
  return write(intent, now, rows, first_row, outcome);
}

Result<void> RowMender::write(const MendMark& intent, WallMillis intended, const Rows& rows,
                              size_t first_row, Outcome& outcome) {
  const sink::RangeWrite write{.tp = rows.tp,
                               .topic_id = rows.topic_id,
                               .range = {rows.offsets.front(), rows.offsets.back()},
                               .token = fmt::format("v1:{}:mend:{}", parts_.group, intent.id),
                               .intent_time_ms = intended.time_since_epoch().count()};
  auto done = intent;
  done.state = MendMark::State::kDone;
  if (const auto written = parts_.sink.replay(write, rows.batch, rows.offsets); !written) {
    if (parts_.sink.classify(written.error()) != WriteFailure::kRefused) {
      return std::unexpected(written.error());
    }
    FRESHET_TRY_CONTEXT(parts_.sink.check_divisible(rows.tp, rows.offsets), "{} {}: {}", rows.tp,
                        write.range, written.error());
    done.offsets.clear();
    FRESHET_TRY(parts_.letters.write_mark(done, parts_.clock.wall()));
    return divide(intent.kind, rows, first_row, written.error(), outcome);
  }
  crash_point("before_mend_done");
  done.offsets = to_ranges({rows.offsets.begin(), rows.offsets.end()});
  FRESHET_TRY(parts_.letters.write_mark(done, parts_.clock.wall()));
  crash_point("after_mend_done");
  outcome.landed.insert(outcome.landed.end(), rows.offsets.begin(), rows.offsets.end());
  return {};
}

Result<void> RowMender::divide(MendMark::Kind kind, const Rows& rows, size_t first_row,
                               const Error& why, Outcome& outcome) {
  const size_t count = rows.offsets.size();
  if (count == 1) {
    outcome.refused.push_back({.offset = rows.offsets.front(),
                               .index = first_row,
                               .reason = parts_.sink.refusal(why),
                               .path = "",
                               .detail = why.message().substr(0, kDetailBytesMax)});
    return {};
  }
  const size_t middle = count / 2;
  for (const auto& [begin, end] : {std::pair(size_t{0}, middle), std::pair(middle, count)}) {
    std::vector<size_t> chosen(end - begin);
    std::iota(chosen.begin(), chosen.end(), begin);
    const ColumnBatch half = sink::select_rows(rows.batch, chosen);
    FRESHET_TRY(land_part(kind,
                          {.tp = rows.tp,
                           .topic_id = rows.topic_id,
                           .batch = half,
                           .offsets = rows.offsets.subspan(begin, end - begin)},
                          first_row + begin, outcome));
  }
  return {};
}

}  // namespace freshet::pipeline
