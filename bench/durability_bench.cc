// What an acknowledged append costs under each durability design: one process, one commit loop,
// P partitions with one batch each per commit.
//
//   durability_bench DIR [batch bytes] [seconds per case]
//
// Designs: serial    write + fdatasync of each partition file, one after another
//          parallel  the same on 8 threads, so that they share journal commits
//          syncfs    write all, then one syncfs
//          wal       one pwritev of all batches into a preallocated file, one fdatasync, then the
//                    partition files through the page cache
//          wal_zero  the same, the file overwritten once before (recycled), so no extent changes
// The decision taken from its figures is docs/decisions/0001-durability.md.
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using SteadyClock = std::chrono::steady_clock;

void require(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::exit(1);
}

struct Files {
  std::vector<int> fds;
  std::vector<off_t> ends;

  Files(const std::filesystem::path& directory, size_t count) : ends(count, 0) {
    std::filesystem::create_directories(directory);
    for (size_t i = 0; i < count; ++i) {
      const auto path = directory / std::to_string(i);
      fds.push_back(::open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644));
      require(fds.back() >= 0, "open");
      ::unlink(path.c_str());
    }
  }
  ~Files() {
    for (const int fd : fds) ::close(fd);
  }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  void append(size_t i, std::string_view batch) {
    require(
        ::pwrite(fds[i], batch.data(), batch.size(), ends[i]) == static_cast<ssize_t>(batch.size()),
        "pwrite");
    ends[i] += static_cast<off_t>(batch.size());
  }
};

class Wal {
 public:
  static constexpr off_t kSize = off_t{256} << 20;

  Wal(const std::filesystem::path& path, bool overwrite) {
    fd_ = ::open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
    require(fd_ >= 0, "open");
    ::unlink(path.c_str());
    require(::posix_fallocate(fd_, 0, kSize) == 0, "posix_fallocate");
    if (overwrite) {
      const std::string zeros(size_t{1} << 20, '\0');
      for (off_t at = 0; at < kSize; at += static_cast<off_t>(zeros.size())) {
        require(::pwrite(fd_, zeros.data(), zeros.size(), at) > 0, "pwrite");
      }
    }
    require(::fsync(fd_) == 0, "fsync");
  }
  ~Wal() { ::close(fd_); }
  Wal(const Wal&) = delete;
  Wal& operator=(const Wal&) = delete;

  void commit(std::string_view batch, size_t count) {
    const auto bytes = static_cast<off_t>(batch.size() * count);
    if (end_ + bytes > kSize) end_ = 0;
    std::vector<iovec> pieces(std::min<size_t>(count, 1024),
                              {const_cast<char*>(batch.data()), batch.size()});
    for (size_t left = count; left > 0;) {
      const size_t now = std::min(left, pieces.size());
      const ssize_t written = ::pwritev(fd_, pieces.data(), static_cast<int>(now), end_);
      require(written == static_cast<ssize_t>(now * batch.size()), "pwritev");
      end_ += written;
      left -= now;
    }
    require(::fdatasync(fd_) == 0, "fdatasync");
  }

 private:
  int fd_ = -1;
  off_t end_ = 0;
};

void measure(const char* design, size_t partitions, size_t batch_bytes, double seconds,
             const std::function<void()>& commit) {
  std::vector<double> millis;
  const auto start = SteadyClock::now();
  double elapsed = 0;
  while (elapsed < seconds || millis.size() < 3) {
    const auto before = SteadyClock::now();
    commit();
    const auto after = SteadyClock::now();
    millis.push_back(std::chrono::duration<double, std::milli>(after - before).count());
    elapsed = std::chrono::duration<double>(after - start).count();
  }
  std::sort(millis.begin(), millis.end());
  const double mb = static_cast<double>(millis.size() * partitions * batch_bytes) / 1e6;
  std::printf(
      "%-9s %5zu partitions  %8zu B  commits %6zu  p50 %8.2f ms  p99 %8.2f ms  %7.0f MB/s\n",
      design, partitions, batch_bytes, millis.size(), millis[millis.size() / 2],
      millis[millis.size() * 99 / 100], mb / elapsed);
  std::fflush(stdout);
}

void append_all(Files& files, std::string_view batch) {
  for (size_t i = 0; i < files.fds.size(); ++i) files.append(i, batch);
}

void measure_partitions(const std::filesystem::path& directory, size_t partitions,
                        std::string_view batch, double seconds) {
  {
    Files files(directory, partitions);
    measure("serial", partitions, batch.size(), seconds, [&] {
      for (size_t i = 0; i < partitions; ++i) {
        files.append(i, batch);
        require(::fdatasync(files.fds[i]) == 0, "fdatasync");
      }
    });
  }
  if (partitions > 1) {
    Files files(directory, partitions);
    measure("parallel", partitions, batch.size(), seconds, [&] {
      append_all(files, batch);
      std::vector<std::jthread> threads;
      const size_t step = std::min<size_t>(8, partitions);
      for (size_t t = 0; t < step; ++t) {
        threads.emplace_back([&files, partitions, step, t] {
          for (size_t i = t; i < partitions; i += step) {
            require(::fdatasync(files.fds[i]) == 0, "fdatasync");
          }
        });
      }
    });
  }
  {
    Files files(directory, partitions);
    measure("syncfs", partitions, batch.size(), seconds, [&] {
      append_all(files, batch);
      require(::syncfs(files.fds[0]) == 0, "syncfs");
    });
  }
  for (const bool overwrite : {false, true}) {
    Files files(directory, partitions);
    Wal wal(directory / "wal", overwrite);
    measure(overwrite ? "wal_zero" : "wal", partitions, batch.size(), seconds, [&] {
      wal.commit(batch, partitions);
      append_all(files, batch);
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: durability_bench DIR [batch bytes] [seconds per case]\n");
    return 2;
  }
  const std::string batch(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 16384, 'x');
  const double seconds = argc > 3 ? std::strtod(argv[3], nullptr) : 2;
  for (const size_t partitions : {1, 6, 1000}) {
    measure_partitions(argv[1], partitions, batch, seconds);
  }
  return 0;
}
