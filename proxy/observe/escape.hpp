#pragma once
// Bytes from strangers made safe for a line of text.

#include <string>
#include <string_view>

namespace proxy::observe {

// Appends a JSON string, quotes included. What is not UTF-8 becomes U+FFFD, a byte each. RFC 8259 §7, §8.1
void append_json_string(std::string& out, std::string_view bytes);

// Control characters and what is not UTF-8 as \x0a, the backslash doubled: one line, and nothing a terminal obeys.
[[nodiscard]] std::string printable(std::string_view bytes);

}  // namespace proxy::observe
