#pragma once
// The names by which an origin wants responses to be purged together. No RFC: Surrogate-Key and xkey separate them by
// spaces, Cache-Tag by commas; here any of them may do either. For this cache alone: clients do not see the fields.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/rules/message.hpp"
#include "proxy/rules/policy.hpp"

namespace proxy::rules {

// A response that names more is not stored: purged by some of its keys only, it would be a trap.
inline constexpr std::size_t max_surrogate_key_bytes = 16'384;
inline constexpr std::size_t max_surrogate_keys = 512;

// Without doubles, in order; nothing where they are too many. Values are taken as they are, letter case included.
[[nodiscard]] std::optional<std::vector<std::string>> surrogate_keys(Fields fields, const Policy& policy);

[[nodiscard]] bool is_surrogate_key_field(std::string_view name, const Policy& policy) noexcept;

// Whether any field names surrogate keys, or says that there are none.
[[nodiscard]] bool has_surrogate_keys(Fields fields, const Policy& policy) noexcept;

// Field lines, each ended by CRLF, without those fields.
[[nodiscard]] std::string without_surrogate_keys(std::string_view lines, const Policy& policy);

// What may name one.
[[nodiscard]] bool is_surrogate_key(std::string_view text) noexcept;

}  // namespace proxy::rules
