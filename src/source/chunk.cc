#include "source/chunk.h"

namespace freshet::source {

void Chunk::add(int32_t partition, int64_t timestamp_ms, std::optional<std::string_view> key,
                std::string_view value) {
  partitions_[static_cast<size_t>(partition)].push_back(
      {.at = text_.size(),
       .key_size = static_cast<uint32_t>(key ? key->size() : 0),
       .value_size = static_cast<uint32_t>(value.size()),
       .timestamp_ms = timestamp_ms,
       .has_key = key.has_value()});
  if (key) text_.append(*key);
  text_.append(value);
  ++events_;
}

std::string Chunk::build(int32_t partition, kafka::RecordBatchBuilder& builder,
                         std::string_view headers) const {
  const auto& entries = partitions_[static_cast<size_t>(partition)];
  const std::string_view text = text_;
  for (const Entry& entry : entries) {
    std::optional<std::string_view> key;
    if (entry.has_key) key = text.substr(entry.at, entry.key_size);
    builder.append(entry.timestamp_ms, key,
                   text.substr(entry.at + entry.key_size, entry.value_size),
                   &entry == &entries.back() ? headers : std::string_view());
  }
  return builder.build();
}

void Chunk::clear() {
  text_.clear();
  for (auto& entries : partitions_) entries.clear();
  events_ = 0;
}

}  // namespace freshet::source
