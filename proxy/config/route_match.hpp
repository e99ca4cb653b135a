#pragma once
// Which route a request takes.

#include <span>
#include <string_view>

#include "proxy/config/config.hpp"

namespace proxy {

// The index of the first route that matches; the last one is for everything. By the path in its normal form, whatever
// of it the route forwards: none is reached around another one.
[[nodiscard]] std::size_t route_for(std::span<const RouteConfig> routes, std::string_view authority,
                                    std::string_view target);

// Whether a request for that host could take this route, whatever its path.
[[nodiscard]] bool is_route_of(const RouteConfig& route, std::string_view authority) noexcept;

}  // namespace proxy
