// Whole sessions of a stranger: the input is a chain of frames, each i16 length and bytes. No chain
// gets in, because there is no user.
#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/endian.h"
#include "broker/security/sasl_session.h"
#include "broker/security/user_store.h"
#include "broker/storage/keyed_log.h"
#include "broker/storage/log_store.h"
#include "broker/topic_registry.h"

namespace freshet::broker {
namespace {

/// A store without users, made once and removed with the program.
struct NoUsers {
  NoUsers() {
    std::string pattern = (std::filesystem::temp_directory_path() / "freshet-sasl-XXXXXX").string();
    directory = mkdtemp(pattern.data());
    LogStoreOptions options;
    options.directory = directory;
    options.wal_file_bytes = kWalFileBytesMin;
    store = std::move(*LogStore::open(std::move(options)));
    meta = std::move(*KeyedLog::open(*TopicRegistry::ensure_internal(*store, kMetaTopic)));
    users = std::move(*UserStore::open(*meta, {}));
  }
  ~NoUsers() {
    users.reset();
    meta.reset();
    store.reset();
    std::filesystem::remove_all(directory);
  }
  std::filesystem::path directory;
  std::unique_ptr<LogStore> store;
  std::unique_ptr<KeyedLog> meta;
  std::unique_ptr<UserStore> users;
};

}  // namespace
}  // namespace freshet::broker

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace freshet;
  using namespace freshet::broker;
  static const NoUsers world;
  SaslSession session({SaslMechanism::kPlain, SaslMechanism::kScramSha256}, *world.users);
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (rest.size() >= 2 && session.state() != SaslSession::State::kRefused) {
    const auto length = static_cast<size_t>(load_be<uint16_t>(rest.data()));
    rest.remove_prefix(2);
    const std::string_view frame = rest.substr(0, length);
    rest.remove_prefix(frame.size());
    static_cast<void>(session.step(frame));
    FRESHET_CHECK(session.state() != SaslSession::State::kAccepted, "nobody came in as {}",
                  session.user());
  }
  return 0;
}
