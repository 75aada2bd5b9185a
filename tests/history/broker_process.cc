#include "broker_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>

#include "broker/storage/recovery_point.h"
#include "broker/storage/wal_reader.h"

namespace freshet::history {
namespace {

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string garbage(size_t bytes, std::mt19937_64& random) {
  std::string text(bytes, '\0');
  for (auto& byte : text) byte = static_cast<char>(random());
  return text;
}

void overwrite(const std::filesystem::path& path, uint64_t position, const std::string& bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(position));
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// Cuts the file somewhere behind `synced`, or writes garbage there.
void damage_behind(const std::filesystem::path& path, uint64_t synced, std::mt19937_64& random) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error || size <= synced) return;
  const uint64_t at = synced + random() % (size - synced);
  if (random() % 2 == 0) {
    std::filesystem::resize_file(path, at, error);
  } else {
    overwrite(path, at, garbage(std::min<uint64_t>(size - at, 1 + random() % 700), random));
  }
}

}  // namespace

BrokerProcess::~BrokerProcess() { kill(); }

Result<void> BrokerProcess::start(const std::string& crash_at) {
  std::vector<std::string> words{program_,
                                 directory_.native(),
                                 fmt::format("port={}", port_),
                                 "io_threads=1",
                                 "auto_create_topics=1",
                                 "wal_file_bytes=1048576",
                                 "free_bytes_min=0",
                                 "state_segment_bytes=65536",
                                 "retention_check_interval=200",
                                 "compaction_check_interval=200"};
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables;
  for (char** each = environ; *each != nullptr; ++each) variables.emplace_back(*each);
  if (!crash_at.empty()) variables.push_back("FRESHET_CRASH_AT=" + crash_at);
  std::vector<char*> envp;
  for (auto& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    return std::unexpected(errno_error("make a pipe for the broker", errno));
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, pipe[1], 1);
  ::posix_spawn_file_actions_addopen(&actions, 2, log_.c_str(), O_CREAT | O_APPEND | O_WRONLY,
                                     0600);
  const int spawned =
      ::posix_spawn(&pid_, program_.c_str(), &actions, nullptr, argv.data(), envp.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  std::string line;
  char byte = 0;
  while (spawned == 0 && ::read(pipe[0], &byte, 1) == 1 && byte != '\n') line.push_back(byte);
  ::close(pipe[0]);
  if (spawned != 0) return std::unexpected(errno_error("start " + program_, spawned));
  uint16_t port = 0;
  std::from_chars(line.data(), line.data() + line.size(), port);
  if (port != 0) {
    port_ = port;
    return {};
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  if (!crash_at.empty() && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return {};
  return fail(Errc::kInternal, "the broker did not start, status {}; its log is {}", status,
              log_.native());
}

bool BrokerProcess::is_running() {
  if (pid_ < 0) return false;
  if (::waitpid(pid_, nullptr, WNOHANG) == 0) return true;
  pid_ = -1;
  return false;
}

void BrokerProcess::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

Result<void> BrokerProcess::stop() {
  if (pid_ < 0) return {};
  ::kill(pid_, SIGTERM);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  if (status == 0) return {};
  return fail(Errc::kInternal, "the broker ended with status {}; its log is {}", status,
              log_.native());
}

void BrokerProcess::pause() {
  if (pid_ >= 0) ::kill(pid_, SIGSTOP);
}
void BrokerProcess::resume() {
  if (pid_ >= 0) ::kill(pid_, SIGCONT);
}

Result<void> BrokerProcess::damage_unsynced(std::mt19937_64& random) {
  FRESHET_TRY(damage_wal(random));
  return damage_partitions(random);
}

/// Garbage behind the last entry of the newest file, as a write that was torn leaves it.
Result<void> BrokerProcess::damage_wal(std::mt19937_64& random) {
  std::filesystem::path newest;
  uint64_t sequence = 0;
  uint64_t end = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "wal")) {
    const auto bytes = contents(entry.path());
    auto reader = broker::WalReader::open(bytes);
    if (!reader || reader->sequence() < sequence) continue;
    while (reader->next()) {
    }
    newest = entry.path();
    sequence = reader->sequence();
    end = reader->position();
  }
  if (newest.empty()) return {};
  const uint64_t size = std::filesystem::file_size(newest);
  const uint64_t room = size - std::min(size, end);
  overwrite(newest, end, garbage(std::min<uint64_t>(room, 1 + random() % 3000), random));
  return {};
}

Result<void> BrokerProcess::damage_partitions(std::mt19937_64& random) {
  const auto bytes = contents(directory_ / broker::RecoveryPoint::kFileName);
  if (bytes.empty()) return {};
  FRESHET_ASSIGN(const auto point, broker::RecoveryPoint::decode(bytes));
  for (const auto& partition : point.partitions) {
    const auto directory =
        directory_ / fmt::format("{}-{}", partition.tp.topic, partition.tp.partition);
    const auto base = fmt::format("{:020d}", partition.segment_base.value());
    if (random() % 2 == 0) damage_behind(directory / (base + ".log"), partition.position, random);
    if (random() % 3 == 0) {
      damage_behind(directory / (base + ".index"), 8 * partition.offset_index_entries, random);
    }
    if (random() % 3 == 0) {
      damage_behind(directory / (base + ".timeindex"), 12 * partition.time_index_entries, random);
    }
  }
  return {};
}

}  // namespace freshet::history
