#pragma once
// The names by which an origin wants responses to be purged together. No RFC: Surrogate-Key and xkey separate them by
// spaces, Cache-Tag by commas; here any of them may do either. For this cache alone: clients do not see the fields.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/rules/message.hpp"
#include "proxy/rules/policy.hpp"

namespace proxy::rules {

// A response that names more is not stored: purged by some of its keys only, it would be a trap.
inline constexpr std::size_t max_surrogate_key_bytes = 16'384;
inline constexpr std::size_t max_surrogate_keys = 512;

// Without doubles, in order, separated by spaces; nothing where they are too many. Values are taken as they are, letter
// case included.
[[nodiscard]] std::optional<std::string> surrogate_keys(Fields fields, const Policy& policy);

// Calls take(std::string_view) with each of a list so separated.
template <class Take>
void for_each_surrogate_key(std::string_view list, Take take) {
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(' '), list.size());
        take(list.substr(0, end));
        list.remove_prefix(std::min(end + 1, list.size()));
    }
}

[[nodiscard]] bool is_surrogate_key_field(std::string_view name, const Policy& policy) noexcept;

// Whether any field names surrogate keys, or says that there are none.
[[nodiscard]] bool has_surrogate_keys(Fields fields, const Policy& policy) noexcept;

// Field lines, each ended by CRLF, without those fields.
[[nodiscard]] std::string without_surrogate_keys(std::string_view lines, const Policy& policy);

// What may name one.
[[nodiscard]] bool is_surrogate_key(std::string_view text) noexcept;

}  // namespace proxy::rules
