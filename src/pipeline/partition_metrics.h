// The series of single partitions, written when somebody asks for /metrics: a partition that moves
// to another process takes its series along. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "observe/metric_text.h"
#include "pipeline/status.h"

namespace freshet::pipeline {

struct PipelinePartitions {
  std::string platform;
  std::string pipeline;
  std::vector<PartitionStatus> partitions;
};

/// Of more partitions of a pipeline only that many have series; its sums are of all of them.
inline constexpr size_t kPartitionSeriesMax = 1000;

void write_partition_metrics(MetricText& text, std::span<const PipelinePartitions> pipelines);

}  // namespace freshet::pipeline
