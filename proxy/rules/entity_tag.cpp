#include "proxy/rules/entity_tag.hpp"

#include <algorithm>

namespace proxy::rules {
namespace {

bool is_weak(std::string_view tag) noexcept { return tag.starts_with("W/"); }

std::string_view opaque_tag(std::string_view tag) noexcept { return is_weak(tag) ? tag.substr(2) : tag; }

// Unlike in other lists, a backslash is an ordinary character here.
std::string_view next_tag(std::string_view& list) noexcept {
    list.remove_prefix(std::min(list.find_first_not_of(" \t,"), list.size()));
    bool quoted = false;
    std::size_t end = 0;
    for (; end < list.size() && (quoted || list[end] != ','); ++end)
        if (list[end] == '"') quoted = !quoted;
    const std::string_view tag = list.substr(0, end);
    list.remove_prefix(end);
    return trim(tag);
}

}  // namespace

bool equal(std::string_view a, std::string_view b, Comparison comparison) noexcept {
    if (a.empty() || b.empty()) return false;
    if (comparison == Comparison::strong) return a == b && !is_weak(a);
    return opaque_tag(a) == opaque_tag(b);
}

bool lists_entity_tag(Fields fields, http::field id, std::string_view tag, Comparison comparison) noexcept {
    for (const Field& field : fields) {
        if (field.id != id) continue;
        std::string_view list = field.value;
        for (auto member = next_tag(list); !member.empty(); member = next_tag(list))
            if (member == "*" || equal(member, tag, comparison)) return true;
    }
    return false;
}

}  // namespace proxy::rules
