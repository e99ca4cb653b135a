#include "proxy/rules/request_fields.hpp"

#include <algorithm>

namespace proxy::rules {

bool matches(std::string_view pattern, std::string_view name) noexcept {
    std::size_t p = 0, n = 0, star = pattern.npos, resume = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = n;
        } else if (p < pattern.size() && to_lower(pattern[p]) == to_lower(name[n])) {
            ++p;
            ++n;
        } else if (star != pattern.npos) {  // the last `*` takes one character more
            p = star + 1;
            n = ++resume;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == pattern.npos;
}

bool is_dropped(std::string_view name, std::span<const std::string> dropped,
                std::span<const std::string> in_key) noexcept {
    const auto is_it = [name](const std::string& pattern) { return matches(pattern, name); };
    const auto names_it = [name](const std::string& other) { return iequals(other, name); };
    return std::ranges::any_of(dropped, is_it) && std::ranges::none_of(in_key, names_it);
}

}  // namespace proxy::rules
