#include "proxy/observe/escape.hpp"

#include "proxy/utf8.hpp"

namespace proxy::observe {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

void append_hex(std::string& out, std::string_view prefix, unsigned char byte) {
    out.append(prefix).append(1, hex_digits[byte >> 4]).append(1, hex_digits[byte & 0xf]);
}

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
        const Utf8Character character = decode_utf8(bytes);
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
        const Utf8Character character = decode_utf8(bytes);
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
