#pragma once
// What the fuzz targets share. Each defines fuzz_one, which states what holds for any input whatever.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/rules/fields.hpp"

void fuzz_one(std::string_view bytes);

namespace tests {

using proxy::rules::Field;
using proxy::rules::Fields;

// Ends the process, and with it the input that did it is found, where a promise is broken.
inline void require(bool holds, const char* promise) {
    if (holds) return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

// Takes a line off the front, without its line feed.
inline std::string_view take_line(std::string_view& text) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    return line;
}

// One field of that name for each line.
inline std::vector<Field> fields_named(std::string_view name, std::string_view lines) {
    std::vector<Field> fields;
    while (!lines.empty())
        fields.push_back({proxy::rules::http::string_to_field(name), name, proxy::rules::trim(take_line(lines))});
    return fields;
}

// "Name: value" lines up to an empty one; what is no field is passed over.
inline std::vector<Field> take_fields(std::string_view& lines) {
    std::vector<Field> fields;
    while (!lines.empty()) {
        const std::string_view line = take_line(lines);
        if (line.empty()) break;
        const std::string_view name = line.substr(0, line.find(':'));
        if (name.size() == line.size() || !proxy::rules::is_token(name)) continue;
        const std::string_view value = proxy::rules::trim(line.substr(name.size() + 1));
        fields.push_back({proxy::rules::http::string_to_field(name), name, value});
    }
    return fields;
}

// Whether every quoted string in it ends. RFC 9110 §5.6.4
inline bool closes_quotes(std::string_view text) {
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"') quoted = !quoted;
        if (quoted && text[i] == '\\') ++i;
    }
    return !quoted;
}

inline std::string upper(std::string_view text) {
    std::string result{text};
    for (char& c : result)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    return result;
}

}  // namespace tests
