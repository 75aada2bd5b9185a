#include "broker/groups/state_writer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "broker/storage/storage_fixture.h"

namespace freshet::broker {
namespace {

class StateWriterTest : public testing::Test {
 protected:
  void open(size_t append_queue_bytes_max) {
    LogStoreOptions options = small_options(directory_.path());
    options.append_queue_bytes_max = append_queue_bytes_max;
    store_ = open_store(options);
    auto log = KeyedLog::open(create_partition(*store_, {"state", 0}));
    ASSERT_TRUE(log) << log.error().message();
    writer_ = std::make_unique<StateWriter>(std::move(*log));
    writer_->set_on_room([store = store_.get()](std::move_only_function<void()> ready) {
      store->on_room(std::move(ready));
    });
  }
  std::optional<std::string> value(const std::string& wanted) const {
    std::optional<std::string> found;
    writer_->visit([&](std::string_view key, std::string_view value) {
      if (key == wanted) found = value;
    });
    return found;
  }
  /// Threads that decide one after the other what to write, and write at the same time.
  void race(size_t threads_count, size_t each, size_t bytes) {
    std::mutex decisions;
    uint64_t decided = 0;
    std::atomic<uint64_t> done = 0;
    std::atomic<uint64_t> last_done = 0;
    std::vector<std::thread> threads;
    for (size_t t = 0; t < threads_count; ++t) {
      threads.emplace_back([&] {
        for (size_t i = 0; i < each; ++i) {
          {
            const std::lock_guard lock(decisions);
            const uint64_t number = ++decided;
            std::string text = fmt::format("{} {}", number, std::string(bytes, 'x'));
            writer_->add({{"key", std::move(text)}}, [&, number](Result<void> written) {
              EXPECT_TRUE(written) << written.error().message();
              EXPECT_LT(last_done.exchange(number), number) << "the log has another order";
              done.fetch_add(1);
              done.notify_all();
            });
          }
          writer_->flush();
        }
      });
    }
    for (auto& thread : threads) thread.join();
    for (uint64_t n = done.load(); n < threads_count * each; n = done.load()) done.wait(n);
    const auto last = value("key");
    ASSERT_TRUE(last);
    EXPECT_TRUE(last->starts_with(fmt::format("{} ", decided))) << last->substr(0, 10);
  }

  TemporaryDirectory directory_;
  std::unique_ptr<LogStore> store_;
  std::unique_ptr<StateWriter> writer_;
};

TEST_F(StateWriterTest, writes_land_in_the_order_in_which_they_were_decided) {
  open(64 << 20);
  race(4, 200, 10);
}

TEST_F(StateWriterTest, a_full_log_makes_them_wait_and_does_not_change_their_order) {
  open(8 << 10);
  race(4, 50, 2'000);
}

TEST_F(StateWriterTest, what_was_never_handed_in_is_cancelled) {
  open(64 << 20);
  std::optional<Errc> code;
  writer_->add({{"key", "value"}}, [&](Result<void> written) { code = written.error().code(); });
  writer_->close();
  EXPECT_EQ(code, Errc::kCancelled);
}

}  // namespace
}  // namespace freshet::broker
