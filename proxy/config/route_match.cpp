#include "proxy/config/route_match.hpp"

#include "proxy/rules/message.hpp"
#include "proxy/rules/uri.hpp"

namespace proxy {

bool is_route_of(const RouteConfig& route, std::string_view authority) noexcept {
    std::string_view host = rules::host_of(authority);
    if (host.ends_with('.')) host.remove_suffix(1);  // the same name, written absolutely. RFC 1034 §3.1
    return route.host.empty() || rules::iequals(route.host, host);
}

std::size_t route_for(std::span<const RouteConfig> routes, std::string_view authority, std::string_view target) {
    const std::size_t last = routes.size() - 1;
    if (last == 0) return last;
    std::string buffer;
    const std::string_view path = rules::normalised_path(target.substr(0, target.find('?')), buffer);
    for (std::size_t i = 0; i < last; ++i) {
        const RouteConfig& route = routes[i];
        if (!path.starts_with(route.path_prefix) && !(path == "*" && route.path_prefix == "/")) continue;
        if (is_route_of(route, authority)) return i;
    }
    return last;
}

}  // namespace proxy
