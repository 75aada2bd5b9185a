// A value of a column as the JSON that stands for it.
#pragma once

#include <string>

#include "model/column_batch.h"

namespace freshet::pipeline {

/// The one row of `constant` as JSON text that the decoder reads back to the same value.
[[nodiscard]] std::string constant_json(const Column& constant);

}  // namespace freshet::pipeline
