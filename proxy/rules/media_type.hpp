#pragma once
// Whether a response is what its path pretends. A page that a path such as /account/x.css brings out of a careless
// origin is one user's, and must not be kept as a style sheet for all (web cache deception).

#include <string_view>

namespace proxy::rules {

// Whether `content_type` (the field's value, maybe empty) is one of those that the extension of the target's path
// stands for. True where there is none, or one that says nothing of the kind, such as .php and .html.
[[nodiscard]] bool fits_extension(std::string_view target, std::string_view content_type) noexcept;

}  // namespace proxy::rules
