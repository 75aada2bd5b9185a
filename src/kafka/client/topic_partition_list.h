// Owner of librdkafka's list of partitions with offsets. Included by .cc files only.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <span>

#include "model/offset.h"

namespace freshet::kafka {

struct TopicPartitionListDestroy {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using TopicPartitionList =
    std::unique_ptr<rd_kafka_topic_partition_list_t, TopicPartitionListDestroy>;

inline TopicPartitionList make_list(size_t size) {
  return TopicPartitionList(rd_kafka_topic_partition_list_new(static_cast<int>(size)));
}

inline rd_kafka_topic_partition_t& add(TopicPartitionList& list, const TopicPartition& tp) {
  return *rd_kafka_topic_partition_list_add(list.get(), tp.topic.c_str(), tp.partition);
}

inline std::span<rd_kafka_topic_partition_t> elements(const rd_kafka_topic_partition_list_t& list) {
  return {list.elems, static_cast<size_t>(list.cnt)};
}

}  // namespace freshet::kafka
