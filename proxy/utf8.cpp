#include "proxy/utf8.hpp"

namespace proxy {

Utf8Character decode_utf8(std::string_view bytes) {
    const auto first = static_cast<unsigned char>(bytes[0]);
    if (first < 0x80) return {first, 1};
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || bytes.size() < length) return {};

    char32_t code = first & (0x7fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        const auto byte = static_cast<unsigned char>(bytes[i]);
        if ((byte & 0xc0u) != 0x80) return {};
        code = code << 6 | (byte & 0x3fu);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (overlong || surrogate || code > 0x10ffff) return {};
    return {code, length};
}

bool is_text(std::string_view bytes) {
    while (!bytes.empty()) {
        const Utf8Character character = decode_utf8(bytes);
        if (character.length == 0 || is_control(character.code)) return false;
        bytes.remove_prefix(character.length);
    }
    return true;
}

}  // namespace proxy
