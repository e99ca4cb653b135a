#include "loadgen/cache_outcome.hpp"

#include <algorithm>
#include <boost/beast/core/string.hpp>

namespace loadgen {

namespace {

std::string_view trim(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes what stands before the next separator off the front; separators within quoted strings do not count.
std::string_view take_until(std::string_view& text, char separator) {
    bool quoted = false;
    std::size_t i = 0;
    for (; i < text.size() && (quoted || text[i] != separator); ++i) {
        if (quoted && text[i] == '\\')
            ++i;
        else if (text[i] == '"')
            quoted = !quoted;
    }
    const std::string_view taken = text.substr(0, i);
    text.remove_prefix(std::min(text.size(), i + 1));
    return trim(taken);
}

std::string_view last_member(std::string_view list) {
    std::string_view last;
    while (!list.empty()) {
        const std::string_view member = take_until(list, ',');
        if (!member.empty()) last = member;
    }
    return last;
}

bool has_hit_parameter(std::string_view member) {
    take_until(member, ';');  // the cache's name
    bool hit = false;
    while (!member.empty()) {
        const std::string_view parameter = take_until(member, ';');
        if (parameter == "hit" || parameter == "hit=?1") hit = true;
        if (parameter == "hit=?0") hit = false;
    }
    return hit;
}

}  // namespace

bool is_hit(std::string_view cache_status, std::string_view x_cache) {
    const std::string_view member = last_member(cache_status);
    if (!member.empty()) return has_hit_parameter(member);
    return boost::beast::iequals(last_member(x_cache).substr(0, 3), "HIT");
}

}  // namespace loadgen
