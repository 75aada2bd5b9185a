// Identities and positions as types of their own: an offset is never mistaken for a count.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstddef>
#include <functional>

namespace freshet {

/// A value of type Rep that only converts explicitly. Tag is any (incomplete) type.
template <class Tag, class Rep>
class Strong {
 public:
  using rep = Rep;
  constexpr Strong() = default;
  constexpr explicit Strong(Rep value) : value_(value) {}
  [[nodiscard]] constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;

 private:
  Rep value_{};
};

}  // namespace freshet

template <class Tag, class Rep>
struct std::hash<freshet::Strong<Tag, Rep>> {
  size_t operator()(const freshet::Strong<Tag, Rep>& id) const {
    return std::hash<Rep>()(id.value());
  }
};

template <class Tag, class Rep>
struct fmt::formatter<freshet::Strong<Tag, Rep>> : fmt::formatter<Rep> {
  auto format(const freshet::Strong<Tag, Rep>& id, format_context& ctx) const {
    return fmt::formatter<Rep>::format(id.value(), ctx);
  }
};
