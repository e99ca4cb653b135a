#pragma once
// The id of an entry of a Redis Stream as one number in the same order.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace proxy::store {

// "<milliseconds>-<number>": 42 bits of milliseconds (to the year 2109), 22 bits of number. Nothing where the text is
// no id, or an id beyond that.
[[nodiscard]] std::optional<std::uint64_t> position_of(std::string_view id) noexcept;

[[nodiscard]] std::string stream_id(std::uint64_t position);

// The id in quotes; null where there is none (0).
[[nodiscard]] std::string position_as_json(std::uint64_t position);

[[nodiscard]] constexpr std::uint64_t milliseconds_of(std::uint64_t position) noexcept { return position >> 22; }

}  // namespace proxy::store
