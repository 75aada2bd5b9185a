#include "pipeline/partition_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace freshet::pipeline {
namespace {

struct Family {
  std::string_view name;
  std::string_view help;
  MetricKind kind;
  double (*value)(const PartitionStatus& partition);
};

constexpr auto kCounter = MetricKind::kCounter;
constexpr auto kGauge = MetricKind::kGauge;

// Counters begin with 0 when the partition comes to this process.
constexpr std::array kFamilies = {
    Family{"freshet_pipeline_partition_records_total",
           "Records of ranges that landed, rejected ones included", kCounter,
           [](const PartitionStatus& p) { return static_cast<double>(p.records); }},
    Family{"freshet_pipeline_partition_rows_total", "Rows that are visible in the destination",
           kCounter, [](const PartitionStatus& p) { return static_cast<double>(p.rows); }},
    Family{"freshet_pipeline_partition_bytes_total",
           "Uncompressed bytes of the record batches of landed ranges", kCounter,
           [](const PartitionStatus& p) { return static_cast<double>(p.bytes); }},
    Family{"freshet_pipeline_partition_ranges_total", "Ranges that landed", kCounter,
           [](const PartitionStatus& p) { return static_cast<double>(p.ranges); }},
    Family{"freshet_pipeline_partition_retries_total", "Steps that failed and are tried again",
           kCounter, [](const PartitionStatus& p) { return static_cast<double>(p.retries); }},
    Family{"freshet_pipeline_partition_in_doubt_ranges",
           "Ranges of which it is not known now whether they are in the destination", kGauge,
           [](const PartitionStatus& p) { return static_cast<double>(p.in_doubt); }},
    Family{"freshet_pipeline_partition_lag_records",
           "Offsets in the log, as seen last, that are not in the destination yet", kGauge,
           [](const PartitionStatus& p) { return static_cast<double>(p.lag_records); }},
    Family{
        "freshet_pipeline_partition_lag_seconds",
        "Age of the newest record in the destination while there is a lag, else 0; while nothing "
        "has landed yet: how long the partition has been here",
        kGauge, [](const PartitionStatus& p) { return p.lag_seconds_min; }},
    Family{"freshet_pipeline_partition_confirmed_offset",
           "Offset that the group has committed: everything before it is done; -1: none yet",
           kGauge,
           [](const PartitionStatus& p) {
             return static_cast<double>(std::max<int64_t>(-1, p.confirmed.value()));
           }},
};

std::span<const PartitionStatus> shown(const PipelinePartitions& of) {
  return std::span(of.partitions).first(std::min(of.partitions.size(), kPartitionSeriesMax));
}

void write_rejected(MetricText& text, std::span<const PipelinePartitions> pipelines) {
  text.family("freshet_pipeline_partition_rejected_total",
              "Records that went to the dead-letter topic, by reason", kCounter);
  for (const auto& of : pipelines) {
    for (const auto& partition : shown(of)) {
      const auto number = fmt::format("{}", partition.tp.partition);
      for (const auto& [reason, count] : partition.rejected) {
        text.sample({{"platform", of.platform},
                     {"pipeline", of.pipeline},
                     {"topic", partition.tp.topic},
                     {"partition", number},
                     {"reason", reject_reason_name(reason)}},
                    static_cast<int64_t>(count));
      }
    }
  }
}

}  // namespace

void write_partition_metrics(MetricText& text, std::span<const PipelinePartitions> pipelines) {
  for (const Family& family : kFamilies) {
    text.family(family.name, family.help, family.kind);
    for (const auto& of : pipelines) {
      for (const auto& partition : shown(of)) {
        const auto number = fmt::format("{}", partition.tp.partition);
        text.sample_real({{"platform", of.platform},
                          {"pipeline", of.pipeline},
                          {"topic", partition.tp.topic},
                          {"partition", number}},
                         family.value(partition));
      }
    }
  }
  write_rejected(text, pipelines);
  text.family("freshet_pipeline_partitions",
              "Partitions that this process reads for the pipeline; only the first 1,000 have "
              "series of their own",
              kGauge);
  for (const auto& of : pipelines) {
    text.sample({{"platform", of.platform}, {"pipeline", of.pipeline}},
                static_cast<int64_t>(of.partitions.size()));
  }
}

}  // namespace freshet::pipeline
