// Bytes that only grow at the end, without ever being zeroed first: what columns are made of.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace freshet {

/// Keeps kSlack bytes of capacity behind its end once it holds anything, so that a writer may
/// overrun by that much. Moves leave an empty buffer behind.
class ByteBuffer {
 public:
  static constexpr size_t kSlack = 64;

  ByteBuffer() = default;
  ByteBuffer(const ByteBuffer& other) { append(other.data_, other.size_); }
  ByteBuffer(ByteBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  ByteBuffer& operator=(ByteBuffer other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~ByteBuffer() { std::free(data_); }

  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const char* data() const { return data_; }
  [[nodiscard]] char* data() { return data_; }
  [[nodiscard]] std::string_view view() const { return {data_, size_}; }
  template <class T>
  [[nodiscard]] std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data_), size_ / sizeof(T)};
  }

  void reserve(size_t bytes) {
    if (bytes > capacity_) grow(bytes);
  }
  /// Where `bytes` more (plus kSlack) may be written; advance() makes them part of the buffer.
  [[nodiscard]] char* room(size_t bytes) {
    if (size_ + bytes >= capacity_) [[unlikely]]
      grow(size_ + bytes + 1);
    return data_ + size_;
  }
  void advance(size_t bytes) { size_ += bytes; }

  void append(const void* from, size_t bytes) {
    if (bytes == 0) return;
    std::memcpy(room(bytes), from, bytes);
    size_ += bytes;
  }
  template <class T>
  void push(T value) {
    std::memcpy(room(sizeof(T)), &value, sizeof(T));
    size_ += sizeof(T);
  }
  /// As append(), when kSlack bytes behind `from + bytes` can be read: copies in whole words.
  void append_padded(const char* from, size_t bytes) {
    char* to = room(bytes);
    std::memcpy(to, from, 16);
    if (bytes > 16) {
      std::memcpy(to + 16, from + 16, 32);
      if (bytes > 48) std::memcpy(to + 48, from + 48, bytes - 48);
    }
    size_ += bytes;
  }
  void append_zeros(size_t bytes) {
    if (bytes == 0) return;
    std::memset(room(bytes), 0, bytes);
    size_ += bytes;
  }

  void truncate(size_t bytes) {
    FRESHET_DCHECK(bytes <= size_, "{} > {}", bytes, size_);
    size_ = bytes;
  }

 private:
  [[gnu::noinline]] void grow(size_t bytes) {
    size_t capacity = capacity_ < 256 ? 256 : capacity_ * 2;
    if (capacity < bytes) capacity = bytes;
    auto* data = static_cast<char*>(std::realloc(data_, capacity + kSlack));
    FRESHET_CHECK(data != nullptr, "out of memory: {} bytes for a column", capacity);
    data_ = data;
    capacity_ = capacity;
  }

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;  // kSlack more are allocated
};

}  // namespace freshet
