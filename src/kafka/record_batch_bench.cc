// Records per second of the two hot loops: what sources write and what pipelines read.
#include <benchmark/benchmark.h>

#include <string>

#include "kafka/messages/fetch.h"
#include "kafka/messages/produce.h"
#include "kafka/record_batch_builder.h"
#include "kafka/record_iterator.h"
#include "kafka/wire/codec.h"

namespace freshet::kafka {
namespace {

constexpr int kRecords = 2000;
const std::string key = "user-123456";
// 126 bytes of JSON: the size of a reference event.
const std::string value =
    R"({"event_id":"5f1c2d3e4b5a69788796a5b4","user":123456,"type":"page_view","ts":1700000000123,)"
    R"("page":"/products/4711","amount":12.5})";

std::string make_batch(Codec codec) {
  RecordBatchBuilder builder({.codec = codec});
  for (int i = 0; i < kRecords; ++i) builder.append(1'700'000'000'000 + i, key, value);
  return builder.build();
}

void read_batch(benchmark::State& state) {
  const std::string bytes = make_batch(static_cast<Codec>(state.range(0)));
  state.SetLabel(std::string(codec_name(static_cast<Codec>(state.range(0)))));
  std::string scratch;
  for (auto _ : state) {
    auto records = RecordIterator::open(RecordBatchView(bytes), scratch).value();
    size_t sum = 0;
    for (RecordView record; records.next(record);) {
      sum += record.value->size() + static_cast<size_t>(record.timestamp_ms & 1);
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * kRecords);
}
BENCHMARK(read_batch)->DenseRange(0, 4);

void build_batch(benchmark::State& state) {
  RecordBatchBuilder builder(
      {.codec = static_cast<Codec>(state.range(0)), .reserve_bytes = size_t{kRecords} * 160});
  state.SetLabel(std::string(codec_name(static_cast<Codec>(state.range(0)))));
  for (auto _ : state) {
    for (int i = 0; i < kRecords; ++i) builder.append(1'700'000'000'000 + i, key, value);
    auto batch = builder.build();
    benchmark::DoNotOptimize(batch.data());
  }
  state.SetItemsProcessed(state.iterations() * kRecords);
}
BENCHMARK(build_batch)->DenseRange(0, 4);

void check_produced_batch(benchmark::State& state) {
  const std::string bytes = make_batch(Codec::kNone);
  for (auto _ : state) {
    auto batch = check_producer_batch(bytes, bytes.size());
    benchmark::DoNotOptimize(batch);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
BENCHMARK(check_produced_batch);

void decode_produce_request(benchmark::State& state) {
  ProduceRequest request;
  request.topic_data.resize(1);
  request.topic_data[0].name = "events";
  request.topic_data[0].partition_data.resize(static_cast<size_t>(state.range(0)));
  for (auto& partition : request.topic_data[0].partition_data) partition.records = value;
  wire::Writer writer;
  encode_message(request, 7, writer);
  const std::string body = std::move(writer).finish().flatten();
  for (auto _ : state) {
    auto decoded = decode_message<ProduceRequest>(body, 7);
    benchmark::DoNotOptimize(decoded);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(decode_produce_request)->Arg(1)->Arg(6)->Arg(1000);

void encode_fetch_response(benchmark::State& state) {
  const auto log = std::make_shared<const std::string>(make_batch(Codec::kNone));
  FetchResponse response;
  response.responses.resize(1);
  response.responses[0].topic = "events";
  response.responses[0].partitions.resize(static_cast<size_t>(state.range(0)));
  for (auto& partition : response.responses[0].partitions) partition.records = {{log, *log}};
  for (auto _ : state) {
    auto frame = encode_response(1, 11, response);
    benchmark::DoNotOptimize(frame);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(encode_fetch_response)->Arg(1)->Arg(6)->Arg(1000);

}  // namespace
}  // namespace freshet::kafka
