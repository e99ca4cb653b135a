#include "proxy/rules/surrogate_keys.hpp"

#include <algorithm>
#include <vector>

namespace proxy::rules {
namespace {

bool separates(char c) noexcept { return c == ' ' || c == '\t' || c == ','; }

}  // namespace

bool is_surrogate_key_field(std::string_view name, const Policy& policy) noexcept {
    return std::ranges::any_of(policy.surrogate_key_fields,
                               [name](const std::string& field) { return iequals(field, name); });
}

bool has_surrogate_keys(Fields fields, const Policy& policy) noexcept {
    return std::ranges::any_of(fields, [&](const Field& field) { return is_surrogate_key_field(field.name, policy); });
}

std::optional<std::string> surrogate_keys(Fields fields, const Policy& policy) {
    std::vector<std::string_view> keys;
    std::size_t size = 0;
    for (const Field& field : fields) {
        if (!is_surrogate_key_field(field.name, policy)) continue;
        size += field.value.size();
        if (size > max_surrogate_key_bytes) return std::nullopt;
        for (auto at = field.value.begin(); at != field.value.end();) {
            const auto begin = std::find_if_not(at, field.value.end(), separates);
            at = std::find_if(begin, field.value.end(), separates);
            const std::string_view key(begin, at);
            if (key.empty() || std::ranges::find(keys, key) != keys.end()) continue;
            if (keys.size() == max_surrogate_keys) return std::nullopt;
            keys.push_back(key);
        }
    }
    std::string list;
    for (const std::string_view key : keys) (list.empty() ? list : list += ' ') += key;
    return list;
}

std::string without_surrogate_keys(std::string_view lines, const Policy& policy) {
    std::string rest;
    while (!lines.empty()) {
        const std::size_t end = lines.find("\r\n");
        const std::string_view line = lines.substr(0, end == lines.npos ? end : end + 2);
        lines.remove_prefix(line.size());
        if (!is_surrogate_key_field(line.substr(0, line.find(':')), policy)) rest += line;
    }
    return rest;
}

bool is_surrogate_key(std::string_view text) noexcept {
    return !text.empty() && text.size() <= max_surrogate_key_bytes && std::ranges::none_of(text, [](char c) {
        return separates(c) || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
}

}  // namespace proxy::rules
