#include "proxy/rules/upgrade.hpp"

#include <algorithm>

namespace proxy::rules {

std::string_view offered_protocol(const RequestHeader& request, std::span<const std::string> allowed) noexcept {
    if (allowed.empty() || request.method != http::verb::get || request.version == 10) return {};
    if (!lists_token(request.fields, http::field::connection, "upgrade")) return {};
    for (const Field& field : request.fields) {
        if (field.id != http::field::upgrade) continue;
        std::string_view list = field.value;
        for (auto member = next_list_member(list); !member.empty(); member = next_list_member(list)) {
            const auto is_it = [member](const std::string& protocol) { return iequals(protocol, member); };
            if (std::ranges::any_of(allowed, is_it)) return member;
        }
    }
    return {};
}

bool switches_to(const ResponseHeader& response, std::string_view protocol) {
    return lists_token(response.fields, http::field::connection, "upgrade") &&
           iequals(combined(response.fields, "Upgrade"), protocol);
}

}  // namespace proxy::rules
