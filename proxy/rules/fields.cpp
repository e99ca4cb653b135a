#include "proxy/rules/fields.hpp"

#include <algorithm>

namespace proxy::rules {
namespace {

constexpr std::string_view white_space = " \t";

bool is_always_hop_by_hop(http::field id) noexcept {
    switch (id) {
        case http::field::connection:
        case http::field::http2_settings:
        case http::field::keep_alive:
        case http::field::proxy_authenticate:
        case http::field::proxy_authentication_info:
        case http::field::proxy_authorization:
        case http::field::proxy_connection:
        case http::field::te:
        case http::field::transfer_encoding:
        case http::field::upgrade: return true;
        default: return false;
    }
}

bool is_never_hop_by_hop(http::field id) noexcept {
    return id == http::field::host || id == http::field::content_length;
}

}  // namespace

bool iequals(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return to_lower(x) == to_lower(y); });
}

void append_lower(std::string& out, std::string_view text) {
    const std::size_t before = out.size();
    out.resize(before + text.size());
    std::ranges::transform(text, out.begin() + static_cast<std::ptrdiff_t>(before), to_lower);
}

std::string_view trim(std::string_view text) noexcept {
    const std::size_t first = text.find_first_not_of(white_space);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

bool is_token(std::string_view text) noexcept {
    static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z') ||
               marks.find(c) != std::string_view::npos;
    });
}

const Field* find(Fields fields, http::field id) noexcept {
    const auto found = std::find_if(fields.begin(), fields.end(), [id](const Field& field) { return field.id == id; });
    return found == fields.end() ? nullptr : &*found;
}

const Field* find(Fields fields, std::string_view name) noexcept {
    const auto found =
        std::find_if(fields.begin(), fields.end(), [name](const Field& field) { return iequals(field.name, name); });
    return found == fields.end() ? nullptr : &*found;
}

std::string_view value_of(Fields fields, http::field id) noexcept {
    const Field* field = find(fields, id);
    return field ? field->value : std::string_view{};
}

std::string combined(Fields fields, std::string_view name) {
    std::string all;
    bool first = true;
    for (const Field& field : fields) {
        if (!iequals(field.name, name)) continue;
        if (!first) all += ", ";
        all += field.value;
        first = false;
    }
    return all;
}

bool lists_token(Fields fields, http::field id, std::string_view token) noexcept {
    for (const Field& field : fields) {
        if (field.id != id) continue;
        std::string_view list = field.value;
        for (auto member = next_list_member(list); !member.empty(); member = next_list_member(list))
            if (iequals(member, token)) return true;
    }
    return false;
}

std::string_view next_list_member(std::string_view& list) noexcept {
    list.remove_prefix(std::min(list.find_first_not_of(" \t,"), list.size()));
    bool quoted = false;
    std::size_t end = 0;
    for (; end < list.size() && (quoted || list[end] != ','); ++end) {
        if (list[end] == '"') quoted = !quoted;
        if (quoted && list[end] == '\\') ++end;  // a quoted pair
    }
    const std::string_view member = list.substr(0, end);
    list.remove_prefix(member.size());
    return trim(member);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
}

void append_via(std::string& out, unsigned version, std::string_view proxy_name) {
    out.append("Via: ").append(version == 10 ? "1.0 " : "1.1 ").append(proxy_name).append("\r\n");
}

bool NameLess::operator()(std::string_view a, std::string_view b) const noexcept {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [](char x, char y) { return to_lower(x) < to_lower(y); });
}

HopByHopFields::HopByHopFields(Fields fields) {
    for (const Field& field : fields) {
        if (field.id != http::field::connection) continue;
        std::string_view list = field.value;
        for (auto name = next_list_member(list); !name.empty(); name = next_list_member(list)) named_.insert(name);
    }
}

bool HopByHopFields::contain(const Field& field) const noexcept {
    return is_always_hop_by_hop(field.id) || (!is_never_hop_by_hop(field.id) && named_.contains(field.name));
}

}  // namespace proxy::rules
