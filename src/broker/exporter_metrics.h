// The state of topics and consumer groups under the metric names and help texts of kafka_exporter
// (github.com/danielqsj/kafka_exporter), so that its dashboards and alerts work on this broker
// without it; and the sizes of logs under our own.
#pragma once

#include "broker/services.h"
#include "observe/metric_text.h"

namespace freshet::broker {

/// Any thread but those of connections: it looks at every partition and every group. The lag of a
/// group counts from its durable commits. As in kafka_exporter, a partition without a commit in a
/// topic of which the group has read others has offset and lag -1.
void write_exporter_metrics(const Services& services, MetricText& text);

}  // namespace freshet::broker
