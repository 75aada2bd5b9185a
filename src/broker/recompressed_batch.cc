#include "broker/recompressed_batch.h"

#include <algorithm>

#include "base/endian.h"

namespace freshet::broker {

namespace {

/// What a batch of a client may expand to.
constexpr size_t kPlainBytesMax = 256 << 20;

}  // namespace

Result<std::string> recompress_batch(kafka::RecordBatchView batch, kafka::Codec codec,
                                     size_t batch_bytes_max) {
  namespace layout = kafka::batch_layout;
  std::string plain;
  if (batch.codec() == kafka::Codec::kNone) {
    plain = batch.records();
  } else {
    FRESHET_TRY(kafka::decompress(batch.codec(), batch.records(), kPlainBytesMax, plain));
  }
  std::string out(batch.bytes().substr(0, layout::kRecords));
  kafka::compress(codec, plain, out);
  const size_t limit = std::min(batch_bytes_max, kafka::kBatchBytesMax);
  if (out.size() > limit) {
    return fail(Errc::kTooLarge,
                "record batch of {} bytes is over the limit of {} in the topic's compression.type: "
                "lower the producer's batch size or raise the topic's max.message.bytes",
                out.size(), limit);
  }
  store_be<int32_t>(out.data() + layout::kLength,
                    static_cast<int32_t>(out.size() - layout::kLengthOverhead));
  const auto attributes = static_cast<uint16_t>(batch.attributes());
  store_be<int16_t>(out.data() + layout::kAttributes,
                    static_cast<int16_t>((attributes & ~uint16_t{layout::kCodecMask}) |
                                         static_cast<uint16_t>(codec)));
  store_be<uint32_t>(out.data() + layout::kCrc, kafka::RecordBatchView(out).computed_crc());
  return out;
}

}  // namespace freshet::broker
