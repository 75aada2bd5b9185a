#include "model/arrow_export.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace freshet {
namespace {

constexpr std::string_view kUtc = "UTC";

/// Decimal digits of a fraction of a second in Arrow's unit for this scale: 0, 3, 6 or 9.
int arrow_scale(int scale) { return (scale + 2) / 3 * 3; }

std::string arrow_format(const ColumnType& type) {
  const auto zone = type.timezone.empty() ? kUtc : std::string_view(type.timezone);
  switch (type.kind) {
    case ColumnKind::kString:
    case ColumnKind::kJson:
      return "u";
    case ColumnKind::kLowCardinalityString:
      return "i";
    case ColumnKind::kBool:
      return "b";
    case ColumnKind::kInt8:
    case ColumnKind::kEnum8:
      return "c";
    case ColumnKind::kInt16:
    case ColumnKind::kEnum16:
      return "s";
    case ColumnKind::kInt32:
      return "i";
    case ColumnKind::kInt64:
      return "l";
    case ColumnKind::kUInt8:
      return "C";
    case ColumnKind::kUInt16:
      return "S";
    case ColumnKind::kUInt32:
    case ColumnKind::kIpv4:
      return "I";
    case ColumnKind::kUInt64:
      return "L";
    case ColumnKind::kFloat32:
      return "f";
    case ColumnKind::kFloat64:
      return "g";
    case ColumnKind::kDate:
    case ColumnKind::kDate32:
      return "tdD";
    case ColumnKind::kDateTime:
      return fmt::format("tss:{}", zone);
    case ColumnKind::kDateTime64:
      return fmt::format("ts{}:{}", "smun"[arrow_scale(type.scale) / 3], zone);
    case ColumnKind::kDecimal32:
    case ColumnKind::kDecimal64:
    case ColumnKind::kDecimal128:
      return fmt::format("d:{},{}", type.precision, type.scale);
    case ColumnKind::kDecimal256:
      return fmt::format("d:{},{},256", type.precision, type.scale);
    case ColumnKind::kFixedString:
    case ColumnKind::kUuid:
    case ColumnKind::kIpv6:
    case ColumnKind::kInt128:
    case ColumnKind::kUInt128:
    case ColumnKind::kInt256:
    case ColumnKind::kUInt256:
      return fmt::format("w:{}", fixed_width(type));
    case ColumnKind::kArray:
      return "+l";
    case ColumnKind::kTuple:
      return "+s";
    case ColumnKind::kMap:
      return "+m";
  }
  check_failed("column kind", std::to_string(static_cast<int>(type.kind)));
}

/// What one ArrowSchema owns. Released children are left alone: a consumer may have moved them.
struct SchemaHolder {
  std::string format;
  std::string name;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> child_pointers;
  std::unique_ptr<ArrowSchema> dictionary;
};

void release_schema(ArrowSchema* schema) {
  auto* holder = static_cast<SchemaHolder*>(schema->private_data);
  for (auto& child : holder->children) {
    if (child.release != nullptr) child.release(&child);
  }
  if (holder->dictionary && holder->dictionary->release != nullptr) {
    holder->dictionary->release(holder->dictionary.get());
  }
  delete holder;
  schema->release = nullptr;
}

void fill_schema(std::string format, std::string name, bool nullable, ArrowSchema* out,
                 std::unique_ptr<SchemaHolder> holder = std::make_unique<SchemaHolder>()) {
  holder->format = std::move(format);
  holder->name = std::move(name);
  for (auto& child : holder->children) holder->child_pointers.push_back(&child);
  *out = {.format = holder->format.c_str(),
          .name = holder->name.c_str(),
          .metadata = nullptr,
          .flags = nullable ? ARROW_FLAG_NULLABLE : 0,
          .n_children = static_cast<int64_t>(holder->children.size()),
          .children = holder->child_pointers.empty() ? nullptr : holder->child_pointers.data(),
          .dictionary = holder->dictionary.get(),
          .release = &release_schema,
          .private_data = nullptr};
  out->private_data = holder.release();
}

struct ArrayHolder {
  std::shared_ptr<const ColumnBatch> batch;
  ByteBuffer converted;  // values in Arrow's width, if that is another
  std::array<const void*, 3> buffers{};
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> child_pointers;
  std::unique_ptr<ArrowArray> dictionary;
};

void release_array(ArrowArray* array) {
  auto* holder = static_cast<ArrayHolder*>(array->private_data);
  for (auto& child : holder->children) {
    if (child.release != nullptr) child.release(&child);
  }
  if (holder->dictionary && holder->dictionary->release != nullptr) {
    holder->dictionary->release(holder->dictionary.get());
  }
  delete holder;
  array->release = nullptr;
}

void fill_array(size_t length, size_t nulls, int64_t buffers, std::unique_ptr<ArrayHolder> holder,
                ArrowArray* out) {
  for (auto& child : holder->children) holder->child_pointers.push_back(&child);
  *out = {.length = static_cast<int64_t>(length),
          .null_count = static_cast<int64_t>(nulls),
          .offset = 0,
          .n_buffers = buffers,
          .n_children = static_cast<int64_t>(holder->children.size()),
          .buffers = holder->buffers.data(),
          .children = holder->child_pointers.empty() ? nullptr : holder->child_pointers.data(),
          .dictionary = holder->dictionary.get(),
          .release = &release_array,
          .private_data = nullptr};
  out->private_data = holder.release();
}

template <class From, class To>
void widen(const Column& column, ByteBuffer& to) {
  to.reserve(column.size() * sizeof(To));
  for (const From value : column.fixed<From>()) to.push(static_cast<To>(value));
}

void pack_bits(const Column& column, ByteBuffer& to) {
  const auto values = column.fixed<uint8_t>();
  to.append_zeros((values.size() + 7) / 8);
  for (size_t i = 0; i < values.size(); ++i) {
    to.data()[i / 8] = static_cast<char>(to.data()[i / 8] | ((values[i] & 1) << (i % 8)));
  }
}

Result<void> rescale(const Column& column, std::string_view name, ByteBuffer& to) {
  const int scale = column.type().scale;
  int64_t factor = 1;
  for (int digit = scale; digit < arrow_scale(scale); ++digit) factor *= 10;
  to.reserve(column.size() * sizeof(int64_t));
  for (const int64_t ticks : column.fixed<int64_t>()) {
    int64_t finer = 0;
    if (__builtin_mul_overflow(ticks, factor, &finer)) {
      return fail(Errc::kOutOfRange,
                  "column {}: time {} of scale {} does not fit Arrow's 64-bit nanoseconds (years "
                  "1677 to 2262)",
                  name, ticks, scale);
    }
    to.push(finer);
  }
  return {};
}

/// The values buffer in Arrow's width: converted into `to`, or the column's own.
Result<const void*> arrow_values(const Column& column, std::string_view name, ByteBuffer& to) {
  switch (column.type().kind) {
    case ColumnKind::kBool:
      pack_bits(column, to);
      break;
    case ColumnKind::kDate:
      widen<uint16_t, int32_t>(column, to);
      break;
    case ColumnKind::kDateTime:
      widen<uint32_t, int64_t>(column, to);
      break;
    case ColumnKind::kDecimal32:
      widen<int32_t, int128>(column, to);
      break;
    case ColumnKind::kDecimal64:
      widen<int64_t, int128>(column, to);
      break;
    case ColumnKind::kDateTime64:
      if (column.type().scale % 3 == 0) return column.values().data();
      FRESHET_TRY(rescale(column, name, to));
      break;
    default:
      return column.values().data();
  }
  return to.data();
}

std::unique_ptr<ArrowArray> export_dictionary(const std::shared_ptr<const ColumnBatch>& batch,
                                              const StringDictionary& dictionary) {
  auto holder = std::make_unique<ArrayHolder>();
  holder->batch = batch;
  holder->buffers[1] = dictionary.offsets().data();
  holder->buffers[2] = dictionary.chars().data();
  auto array = std::make_unique<ArrowArray>();
  fill_array(dictionary.size(), 0, 3, std::move(holder), array.get());
  return array;
}

void release_all(std::vector<ArrowArray>& arrays) {
  for (ArrowArray& array : arrays) {
    if (array.release != nullptr) array.release(&array);
  }
}

Result<void> export_column(const std::shared_ptr<const ColumnBatch>& batch, const Column& column,
                           std::string_view name, ArrowArray* out) {
  auto holder = std::make_unique<ArrayHolder>();
  holder->batch = batch;
  holder->buffers[0] = column.null_count() > 0 ? column.validity().data() : nullptr;
  int64_t buffers = 2;
  switch (column.type().kind) {
    case ColumnKind::kString:
    case ColumnKind::kJson:
      holder->buffers[1] = column.offsets().data();
      holder->buffers[2] = column.chars().data();
      buffers = 3;
      break;
    case ColumnKind::kArray:
    case ColumnKind::kMap:
      holder->buffers[1] = column.offsets().data();
      break;
    case ColumnKind::kTuple:
      buffers = 1;
      break;
    default:
      FRESHET_ASSIGN(holder->buffers[1], arrow_values(column, name, holder->converted));
  }
  if (column.type().kind == ColumnKind::kLowCardinalityString) {
    holder->dictionary = export_dictionary(batch, column.dictionary());
  }
  holder->children.resize(column.child_count());
  for (size_t i = 0; i < holder->children.size(); ++i) {
    if (auto exported = export_column(batch, column.child(i), name, &holder->children[i]);
        !exported) {
      release_all(holder->children);
      return exported;
    }
  }
  fill_array(column.size(), column.null_count(), buffers, std::move(holder), out);
  return {};
}

void export_field(const ColumnType& type, std::string name, ArrowSchema* out) {
  auto holder = std::make_unique<SchemaHolder>();
  if (type.kind == ColumnKind::kLowCardinalityString) {
    holder->dictionary = std::make_unique<ArrowSchema>();
    fill_schema("u", "", /*nullable=*/false, holder->dictionary.get());
  } else if (type.kind == ColumnKind::kArray) {
    holder->children.resize(1);
    export_field(type.parts[0], "item", holder->children.data());
  } else if (type.kind == ColumnKind::kMap) {
    const ColumnType entry{
        .kind = ColumnKind::kTuple, .parts = type.parts, .part_names = {"key", "value"}};
    holder->children.resize(1);
    export_field(entry, "entries", holder->children.data());
  } else if (type.kind == ColumnKind::kTuple) {
    holder->children.resize(type.parts.size());
    for (size_t i = 0; i < type.parts.size(); ++i) {
      export_field(type.parts[i],
                   type.part_names.empty() ? fmt::to_string(i + 1) : type.part_names[i],
                   &holder->children[i]);
    }
  }
  fill_schema(arrow_format(type), std::move(name), type.nullable, out, std::move(holder));
}

}  // namespace

void export_arrow_schema(const Schema& schema, ArrowSchema* out) {
  auto holder = std::make_unique<SchemaHolder>();
  holder->children.resize(schema.size());
  for (size_t i = 0; i < schema.size(); ++i) {
    export_field(schema[i].type, schema[i].name, &holder->children[i]);
  }
  fill_schema("+s", "", /*nullable=*/false, out, std::move(holder));
}

Result<void> export_arrow_array(std::shared_ptr<const ColumnBatch> batch, ArrowArray* out) {
  auto holder = std::make_unique<ArrayHolder>();
  holder->children.resize(batch->column_count());
  for (size_t i = 0; i < holder->children.size(); ++i) {
    FRESHET_CHECK_EQ(batch->column(i).size(), batch->rows());
    if (auto exported =
            export_column(batch, batch->column(i), batch->schema()[i].name, &holder->children[i]);
        !exported) {
      release_all(holder->children);
      return exported;
    }
  }
  const size_t rows = batch->rows();
  holder->batch = std::move(batch);
  fill_array(rows, 0, 1, std::move(holder), out);
  return {};
}

}  // namespace freshet
