#pragma once
// Entity tags. RFC 9110 §8.8.3. One that lacks its quotes is compared as it stands.

#include "proxy/rules/fields.hpp"

namespace proxy::rules {

enum class Comparison { strong, weak };

// RFC 9110 §8.8.3.2. An empty tag equals none.
[[nodiscard]] bool equal(std::string_view a, std::string_view b, Comparison comparison) noexcept;

// Whether the lines of If-Match or If-None-Match list `tag`, or are `*`.
[[nodiscard]] bool lists_entity_tag(Fields fields, http::field id, std::string_view tag,
                                    Comparison comparison) noexcept;

}  // namespace proxy::rules
