#include "proxy/observe/escape.hpp"

namespace proxy::observe {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

struct Character {
    char32_t code = 0;
    std::size_t length = 0;  // 0: not UTF-8
};

// The first character of `bytes`, which are not empty. RFC 3629 §4
Character decode_utf8(std::string_view bytes) {
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

void append_hex(std::string& out, std::string_view prefix, unsigned char byte) {
    out.append(prefix).append(1, hex_digits[byte >> 4]).append(1, hex_digits[byte & 0xf]);
}

bool is_control(char32_t code) { return code < 0x20 || (code >= 0x7f && code < 0xa0); }

// Moves the bytes that need no care, which is nearly all of them, from the front of `bytes` to `out`.
void move_plain(std::string& out, std::string_view& bytes) {
    std::size_t length = 0;
    while (length < bytes.size() && bytes[length] >= ' ' && bytes[length] <= '~' && bytes[length] != '"' &&
           bytes[length] != '\\')
        ++length;
    out.append(bytes.substr(0, length));
    bytes.remove_prefix(length);
}

}  // namespace

void append_json_string(std::string& out, std::string_view bytes) {
    out.push_back('"');
    for (move_plain(out, bytes); !bytes.empty(); move_plain(out, bytes)) {
        const Character character = decode_utf8(bytes);
        if (character.length == 0) {
            out.append("\xef\xbf\xbd");
            bytes.remove_prefix(1);
            continue;
        }
        if (is_control(character.code)) {
            append_hex(out, "\\u00", static_cast<unsigned char>(character.code));
        } else {
            if (character.code == '"' || character.code == '\\') out.push_back('\\');
            out.append(bytes.substr(0, character.length));
        }
        bytes.remove_prefix(character.length);
    }
    out.push_back('"');
}

std::string printable(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size());
    for (move_plain(out, bytes); !bytes.empty(); move_plain(out, bytes)) {
        const Character character = decode_utf8(bytes);
        if (character.length == 0 || is_control(character.code)) {
            append_hex(out, "\\x", static_cast<unsigned char>(bytes[0]));
            bytes.remove_prefix(1);  // of a longer control character the rest is not UTF-8 and follows
            continue;
        }
        if (character.code == '\\') out.push_back('\\');
        out.append(bytes.substr(0, character.length));
        bytes.remove_prefix(character.length);
    }
    return out;
}

}  // namespace proxy::observe
