#include "broker/storage/storage_probe.h"

namespace freshet::broker {

StorageProbe::StorageProbe(MetricRegistry* registry) {
  if (registry == nullptr) return;
  commits_ = &registry->counter("freshet_broker_log_commits_total",
                                "Group commits: one sync of the write-ahead log each.");
  appends_ = &registry->counter("freshet_broker_log_appends_total",
                                "Appends answered after a group commit.");
  bytes_ = &registry->counter("freshet_broker_log_append_bytes_total",
                              "Bytes of record batches made durable.");
  refused_ = &registry->counter("freshet_broker_log_appends_refused_total",
                                "Appends refused at once: queue or disk full, or the log failed.");
  checkpoints_ = &registry->counter(
      "freshet_broker_log_wal_switches_total",
      "Write-ahead log files filled; each brings a checkpoint in the background.");
  commit_seconds_ = &registry->histogram(
      "freshet_broker_log_commit_seconds",
      "Time of a group commit from assigning offsets to readers seeing it. A rise means a slow "
      "disk.",
      latency_buckets());
  sync_seconds_ = &registry->histogram(
      "freshet_broker_log_sync_seconds",
      "Time of one fdatasync of the write-ahead log. A rise means a slow or busy disk.",
      latency_buckets());
}

void StorageProbe::group_committed(size_t appends, size_t bytes, double seconds) {
  if (commits_ == nullptr) return;
  commits_->increment();
  appends_->increment(static_cast<double>(appends));
  bytes_->increment(static_cast<double>(bytes));
  commit_seconds_->observe(seconds);
}

void StorageProbe::synced(double seconds) {
  if (sync_seconds_ != nullptr) sync_seconds_->observe(seconds);
}

void StorageProbe::append_refused() {
  if (refused_ != nullptr) refused_->increment();
}

void StorageProbe::checkpoint_wanted() {
  if (checkpoints_ != nullptr) checkpoints_->increment();
}

}  // namespace freshet::broker
