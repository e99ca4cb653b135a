#pragma once

#include <string>
#include <string_view>

#include "proxy/config/load_config.hpp"

namespace proxy::config {

// `text` with ${NAME} and ${NAME:-default} replaced; as in a shell the default also stands for an empty value.
// $${ is a literal ${, and any other $ stands for itself. Throws BadValue where a variable is unset and has no default.
[[nodiscard]] std::string expand_variables(std::string_view text, const Environment& environment);

// The text that expand_variables turns into `text`.
[[nodiscard]] std::string escape_variables(std::string_view text);

}  // namespace proxy::config
