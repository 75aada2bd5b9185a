// The decoder beside a bare simdjson pass over the same bytes, on the events of reference
// platform 1.
//
// bare_iterate_many   simdjson on demand over one contiguous run, five fields touched, nothing kept
// decode              all checks, rows into columns, provenance columns included
// decode_documents    the same, each record parsed alone: what a run with many broken records costs
// decode_orders       records of about 1.6 kB of arrays and objects into Nested, Array and Map
// columns
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <simdjson.h>

#include <random>
#include <string>
#include <vector>

#include "decode/json_decoder.h"

namespace freshet::decode {
namespace {

constexpr size_t kRecords = 20'000;

/// One fetch of events as they lie in a log: with other bytes between the values.
class Events {
 public:
  Events() {
    constexpr const char* kTypes[] = {"login", "purchase", "view", "logout", "search"};
    constexpr const char* kDevices[] = {"mobile", "desktop", "tablet"};
    std::mt19937_64 random(42);
    std::vector<std::pair<size_t, size_t>> places;
    for (size_t i = 0; i < kRecords; ++i) {
      const size_t begin = log_.size();
      const auto second = i / 1000;
      log_ += fmt::format(
          R"({{"user_id":"user_{}","event_type":"{}","timestamp":"2025-09-18T10:{:02}:{:02}Z",)"
          R"("session_id":"sess_{:016x}","device":"{}"}})",
          random() % 100'000, kTypes[random() % 5], 30 + second / 60 % 30, second % 60, random(),
          kDevices[random() % 3]);
      places.emplace_back(begin, log_.size() - begin);
      bytes_ += log_.size() - begin;
      log_ += "12345678";
    }
    for (size_t i = 0; i < kRecords; ++i) {
      records_.push_back({.offset = Offset(static_cast<int64_t>(i)),
                          .timestamp_ms = 1'700'000'000'000,
                          .key = std::nullopt,
                          .value = std::string_view(log_).substr(places[i].first, places[i].second),
                          .headers = {}});
    }
  }
  [[nodiscard]] const std::vector<RecordView>& records() const { return records_; }
  [[nodiscard]] size_t bytes() const { return bytes_; }

 private:
  std::string log_;
  std::vector<RecordView> records_;
  size_t bytes_ = 0;
};

const Events& events() {
  static const Events kEvents;
  return kEvents;
}

void count(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRecords));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(events().bytes()));
}

void bare_iterate_many(benchmark::State& state) {
  std::string run;
  for (const auto& record : events().records()) run += *record.value;
  const simdjson::padded_string padded(run);
  simdjson::ondemand::parser parser;
  size_t sum = 0;
  for (auto _ : state) {
    simdjson::ondemand::document_stream stream;
    size_t documents = 0;
    if (parser.iterate_many(padded).get(stream) != simdjson::SUCCESS) state.SkipWithError("parse");
    for (auto document : stream) {
      simdjson::ondemand::object object;
      if (document.get_object().get(object) != simdjson::SUCCESS) break;
      for (auto field : object) {
        const auto key = field.key();
        std::string_view value;
        if (field.value().get_string().get(value) == simdjson::SUCCESS) sum += value.size();
        benchmark::DoNotOptimize(key);
      }
      ++documents;
    }
    if (documents != kRecords) state.SkipWithError("documents are missing");
  }
  benchmark::DoNotOptimize(sum);
  count(state);
}
// simdjson runs its stage 1 in a thread of its own: count that too.
BENCHMARK(bare_iterate_many)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

JsonPlan plan(size_t run_bytes) {
  JsonPlan plan;
  plan.run_bytes = run_bytes;
  const auto path = [&](std::string name, std::string_view type) {
    plan.columns.push_back({.field = {name, parse_clickhouse_type(type).value()}, .path = {name}});
  };
  path("user_id", "String");
  path("event_type", "LowCardinality(String)");
  path("timestamp", "DateTime64(3, 'UTC')");
  path("session_id", "String");
  path("device", "LowCardinality(String)");
  const auto provenance = [&](std::string name, std::string_view type, ColumnSource source) {
    plan.columns.push_back(
        {.field = {std::move(name), parse_clickhouse_type(type).value()}, .source = source});
  };
  provenance("inserted_at", "DateTime", ColumnSource::kTimestamp);
  provenance("_topic", "LowCardinality(String)", ColumnSource::kTopic);
  provenance("_partition", "UInt32", ColumnSource::kPartition);
  provenance("_offset", "UInt64", ColumnSource::kOffset);
  return plan;
}

void run_decoder(benchmark::State& state, size_t run_bytes) {
  auto decoder = JsonDecoder::create(plan(run_bytes)).value();
  ColumnBatch out(decoder.schema());
  std::vector<Reject> rejects;
  for (auto _ : state) {
    out.clear();
    decoder.decode(events().records(), {.topic = "events", .partition = 3}, out, rejects);
    if (out.rows() != kRecords) state.SkipWithError("rows are missing");
    benchmark::DoNotOptimize(out);
  }
  count(state);
}

void decode(benchmark::State& state) { run_decoder(state, JsonPlan{}.run_bytes); }
BENCHMARK(decode)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

void decode_documents(benchmark::State& state) { run_decoder(state, 0); }
BENCHMARK(decode_documents)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

std::vector<std::string> orders() {
  std::mt19937_64 random(43);
  std::vector<std::string> records;
  for (size_t i = 0; i < kRecords / 10; ++i) {
    std::string lines;
    for (size_t line = 0; line < 12; ++line) {
      lines += fmt::format(
          R"({}{{"sku":"sku-{:08x}","name":"A thing of size {}","quantity":{},"price":{}.{:02},)"
          R"("tags":["new","tag {}"]}})",
          line > 0 ? "," : "", random() % 1'000'000, line, random() % 20 + 1, random() % 900,
          random() % 100, random() % 50);
    }
    records.push_back(fmt::format(
        R"({{"id":{},"customer":{{"id":"{:016x}","name":"Customer {}"}},"lines":[{}],)"
        R"("attributes":{{"channel":"web","campaign":"c{}","region":"eu"}},"total":{}.5}})",
        i, random(), i % 1000, lines, random() % 10, random() % 10'000));
  }
  return records;
}

void decode_orders(benchmark::State& state) {
  JsonPlan plan;
  const auto add = [&](std::string name, std::string_view type, std::string_view path) {
    plan.columns.push_back({.field = {std::move(name), parse_clickhouse_type(type).value()},
                            .path = parse_json_path(path).value()});
  };
  add("id", "UInt64", "id");
  add("customer", "String", "customer.name");
  add("attributes", "Map(LowCardinality(String), String)", "attributes");
  add("total", "Decimal(18, 2)", "total");
  for (const auto& [member, type] : std::initializer_list<std::pair<std::string, std::string_view>>{
           {"sku", "Array(String)"},
           {"quantity", "Array(UInt32)"},
           {"price", "Array(Decimal(9, 2))"},
           {"tags", "Array(Array(LowCardinality(String)))"}}) {
    add("lines." + member, type, "lines");
    plan.columns.back().nested_member = member;
  }
  auto decoder = JsonDecoder::create(std::move(plan)).value();
  const auto texts = orders();
  std::vector<RecordView> records;
  size_t bytes = 0;
  for (const auto& text : texts) {
    records.push_back({.offset = Offset(static_cast<int64_t>(records.size())),
                       .timestamp_ms = 1'700'000'000'000,
                       .key = std::nullopt,
                       .value = text,
                       .headers = {}});
    bytes += text.size();
  }
  ColumnBatch out(decoder.schema());
  std::vector<Reject> rejects;
  for (auto _ : state) {
    out.clear();
    decoder.decode(records, {.topic = "orders", .partition = 3}, out, rejects);
    if (out.rows() != records.size()) state.SkipWithError("rows are missing");
    benchmark::DoNotOptimize(out);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(records.size()));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}
BENCHMARK(decode_orders)->Unit(benchmark::kMillisecond)->MeasureProcessCPUTime();

}  // namespace
}  // namespace freshet::decode
