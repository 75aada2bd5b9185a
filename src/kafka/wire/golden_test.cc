// Every message in every version against bytes and values that Apache Kafka's own classes made:
// testdata/README.md says how.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>

#include "base/check.h"
#include "base/testing/source_tree.h"
#include "kafka/messages/all.h"
#include "kafka/wire/codec.h"

namespace freshet::kafka {
namespace {

namespace fs = std::filesystem;

// ---- values as text, in the form of Kafka's JSON converters ----

std::string camel_case(std::string_view snake) {
  std::string camel;
  for (size_t i = 0; i < snake.size(); ++i) {
    if (snake[i] == '_') {
      camel += static_cast<char>(snake[++i] - 'a' + 'A');
    } else {
      camel += snake[i];
    }
  }
  return camel;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t word = 0;
    for (size_t j = 0; j < 3; ++j) {
      word = word << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      text += i + j <= bytes.size() ? kDigits[word >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

struct JsonWriter {
  int16_t version;
  std::string text = {};

  template <class T>
  void number(const void* value) {
    T copy;
    std::memcpy(&copy, value, sizeof copy);
    text += fmt::format("{}", copy);
  }

  void value(const wire::TypeInfo& type, const void* object) {
    using wire::Kind;
    switch (type.kind) {
      case Kind::kBool:
        text += *static_cast<const bool*>(object) ? "true" : "false";
        return;
      case Kind::kInt8:
        text += std::to_string(*static_cast<const int8_t*>(object));
        return;
      case Kind::kInt16:
        return number<int16_t>(object);
      case Kind::kUint16:
        return number<uint16_t>(object);
      case Kind::kInt32:
        return number<int32_t>(object);
      case Kind::kInt64:
        return number<int64_t>(object);
      case Kind::kFloat64:
        return number<double>(object);
      case Kind::kUuid:
        text += fmt::format("\"{}\"", static_cast<const TopicId*>(object)->to_string());
        return;
      case Kind::kString:
        text += fmt::format("\"{}\"", *static_cast<const std::string*>(object));
        return;
      case Kind::kBytes:
        text += fmt::format("\"{}\"", base64(*static_cast<const std::string*>(object)));
        return;
      case Kind::kRecordsView:
        text += std::to_string(
            static_cast<const std::optional<std::string_view>*>(object)->value().size());
        return;
      case Kind::kRecordSlices:
        text +=
            std::to_string(static_cast<const std::vector<LogSlice>*>(object)->at(0).bytes.size());
        return;
      case Kind::kArray:
        text += '[';
        for (size_t i = 0; i < type.count(object); ++i) {
          if (i > 0) text += ',';
          value(*type.inner, type.at(object, i));
        }
        text += ']';
        return;
      case Kind::kOptional:
        if (const void* inner = type.value(object); inner != nullptr) {
          return value(*type.inner, inner);
        }
        text += "null";
        return;
      case Kind::kStruct:
        return fields(type, object);
    }
  }

  void fields(const wire::TypeInfo& type, const void* object) {
    text += '{';
    bool first = true;
    for (const auto& field : type.fields) {
      if (!field.versions.contains(version)) continue;
      if (field.tagged_versions.contains(version) && field.is_default(object)) continue;
      const bool records = field.type->kind == wire::Kind::kRecordsView ||
                           field.type->kind == wire::Kind::kRecordSlices;
      text += fmt::format("{}\"{}{}\":", first ? "" : ",", camel_case(field.name),
                          records ? "SizeInBytes" : "");
      first = false;
      value(*field.type, field.member_of(object));
    }
    text += '}';
  }
};

// ---- one line of test data ----

struct Golden {
  std::string message;
  int16_t version = 0;
  std::string variant;
  std::string bytes;
  std::string json;
};

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

std::vector<Golden> load_goldens() {
  std::vector<Golden> goldens;
  const auto directory = freshet::testing::source_tree() / "src/kafka/testdata/messages";
  for (const auto& entry : fs::directory_iterator(directory)) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      std::array<std::string, 4> words;  // the hex of an empty body is an empty word
      size_t from = 0;
      for (auto& word : words) {
        const size_t to = line.find(' ', from);
        word = line.substr(from, to - from);
        from = to + 1;
      }
      Golden golden{.message = words[0],
                    .version = static_cast<int16_t>(std::stoi(words[1])),
                    .variant = words[2],
                    .bytes = from_hex(words[3]),
                    .json = line.substr(from)};
      goldens.push_back(std::move(golden));
    }
  }
  return goldens;
}

/// What a test does with one golden of a message type it does not know by name.
struct Driver {
  std::function<void(const Golden&)> compare;
  std::function<bool(std::string_view, int16_t)> decodes;
};

template <Message M>
Driver make_driver() {
  return {
      .compare =
          [](const Golden& golden) {
            const auto message = decode_message<M>(golden.bytes, golden.version);
            ASSERT_TRUE(message) << message.error().message();
            JsonWriter json{.version = golden.version};
            json.fields(wire::kMessageType<M>, &*message);
            EXPECT_EQ(json.text, golden.json);
            wire::Writer writer;
            encode_message(*message, golden.version, writer);
            EXPECT_EQ(std::move(writer).finish().flatten(), golden.bytes);
          },
      .decodes = [](std::string_view bytes,
                    int16_t version) { return decode_message<M>(bytes, version).has_value(); },
  };
}

std::map<std::string, Driver, std::less<>> make_drivers() {
  std::map<std::string, Driver, std::less<>> drivers;
  std::apply(
      [&](const auto&... message) {
        (drivers.emplace(std::decay_t<decltype(message)>::kName,
                         make_driver<std::decay_t<decltype(message)>>()),
         ...);
      },
      AllMessages());
  return drivers;
}

TEST(GoldenMessages, values_and_bytes_agree_with_apache_kafka) {
  const auto drivers = make_drivers();
  for (const auto& golden : load_goldens()) {
    SCOPED_TRACE(fmt::format("{} {} {}", golden.message, golden.version, golden.variant));
    drivers.at(golden.message).compare(golden);
  }
}

TEST(GoldenMessages, cover_every_version_of_every_api) {
  std::map<std::string, std::set<int16_t>> seen;
  for (const auto& golden : load_goldens()) seen[golden.message].insert(golden.version);
  for (const auto& api : kApis) {
    for (const auto* direction : {"Request", "Response"}) {
      const auto& versions = seen[std::string(api.name) + direction];
      ASSERT_FALSE(versions.empty()) << api.name;
      EXPECT_EQ(*versions.begin(), api.version_min) << api.name;
      EXPECT_EQ(*versions.rbegin(), api.version_max) << api.name;
      EXPECT_EQ(versions.size(), size_t(api.version_max - api.version_min + 1)) << api.name;
    }
  }
}

TEST(GoldenMessages, a_message_cut_anywhere_is_refused) {
  const auto drivers = make_drivers();
  for (const auto& golden : load_goldens()) {
    const auto& driver = drivers.at(golden.message);
    for (size_t size = 0; size < golden.bytes.size(); ++size) {
      // A copy of exactly that size, so that a read past the end is a read past an allocation.
      const std::string cut = golden.bytes.substr(0, size);
      EXPECT_FALSE(driver.decodes({cut.data(), cut.size()}, golden.version))
          << golden.message << " " << golden.version << " cut to " << size;
    }
  }
}

TEST(GoldenMessages, a_damaged_byte_never_crashes) {
  const auto drivers = make_drivers();
  for (const auto& golden : load_goldens()) {
    if (golden.version % 3 != 0) continue;
    const auto& driver = drivers.at(golden.message);
    for (size_t at = 0; at < golden.bytes.size(); ++at) {
      for (const char damage : {'\x00', '\x7f', '\xff'}) {
        std::string damaged = golden.bytes;
        damaged[at] = damage;
        static_cast<void>(driver.decodes(damaged, golden.version));
      }
    }
  }
}

}  // namespace
}  // namespace freshet::kafka
