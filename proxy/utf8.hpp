#pragma once

#include <cstddef>
#include <string_view>

namespace proxy {

struct Utf8Character {
    char32_t code = 0;
    std::size_t length = 0;  // in bytes; 0: not UTF-8
};

// The first character of `bytes`, which are not empty. RFC 3629 §4
[[nodiscard]] Utf8Character decode_utf8(std::string_view bytes);

// C0, DEL or C1.
[[nodiscard]] constexpr bool is_control(char32_t code) { return code < 0x20 || (code >= 0x7f && code < 0xa0); }

// UTF-8 without control characters.
[[nodiscard]] bool is_text(std::string_view bytes);

}  // namespace proxy
