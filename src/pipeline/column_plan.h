// From the destination's columns and the pipeline's `columns:` to the decoder's plan. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/platform.h"
#include "decode/json_plan.h"
#include "sink/clickhouse_sink.h"

namespace freshet::pipeline {

/// One plan column per destination column, in the destination's order. A column without an entry in
/// `columns:` is looked for under its own name at the top of the record. The columns of a Nested
/// (Arrays named items.id, items.price …) are the members of the objects in the array `items`, or
/// where `columns:` says that `items` is; one that has an entry of its own is an Array like others.
///
/// A field that a record lacks becomes the column's DEFAULT, else null or the type's zero; with
/// `on_missing_field: reject` it rejects the record, except for columns that declare a DEFAULT.
/// The same goes for what an object inside a column's value lacks of the elements of its Tuple.
///
/// kInvalidArgument: ONE message with every entry of `columns:` that names a column the table lacks
/// (and the nearest name it has), names one twice, or has a malformed path.
Result<decode::JsonPlan> plan_columns(const std::vector<sink::SinkColumn>& columns,
                                      const config::PipelineSettings& settings,
                                      std::string_view destination);

/// Of everything that decides which rows a record becomes and where they land: topics, table,
/// columns with their types, paths and policies. Flush, memory and workers do not count: they never
/// change a row.
[[nodiscard]] uint64_t pipeline_hash(const std::vector<sink::SinkColumn>& columns,
                                     const config::PipelineSettings& settings);

}  // namespace freshet::pipeline
