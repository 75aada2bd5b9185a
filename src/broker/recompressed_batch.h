// compression.type of a topic that is not "producer": the batch of a client in another codec.
#pragma once

#include <string>

#include "base/error.h"
#include "kafka/record_batch.h"

namespace freshet::broker {

/// The same records under the same header but for codec, length and CRC. `batch` has been checked.
/// kCorrupt: its records cannot be decompressed. kTooLarge: the result, or the plain records, are
/// larger than any batch may be, or the result is over `batch_bytes_max`.
Result<std::string> recompress_batch(kafka::RecordBatchView batch, kafka::Codec codec,
                                     size_t batch_bytes_max);

}  // namespace freshet::broker
