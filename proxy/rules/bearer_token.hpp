#pragma once
// Authorization: Bearer. RFC 6750 §2.1

#include "proxy/rules/fields.hpp"

namespace proxy::rules {

// Never where `token` is empty. How long it takes says nothing about the token but its length.
[[nodiscard]] bool bears_token(Fields fields, std::string_view token) noexcept;

[[nodiscard]] bool is_bearer_of(std::string_view authorization, std::string_view token) noexcept;

}  // namespace proxy::rules
