#pragma once
// A configuration under way: what file, environment and flags have said so far.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/config.hpp"
#include "proxy/config/problems.hpp"

namespace proxy::config {

struct DraftRoute {
    RouteConfig route{};  // upstream is empty where the file names none
    bool own_ttl = false;
    std::string path;  // routes[0]
    int line = 0;
    int upstream_line = 0;
};

struct Draft {
    Config config;               // without routes
    std::optional<seconds> ttl;  // of the routes that have none of their own
    std::vector<DraftRoute> routes;
    std::string file;  // empty: none
};

UpstreamConfig* find_upstream(Draft& draft, std::string_view name);

// The whole once all parts have spoken: fills in the routes' upstreams and ttl, adds the last route, and checks what no
// part can check alone. Where there are problems the answer is not to be used.
[[nodiscard]] Config finish(Draft draft, Problems& problems);

}  // namespace proxy::config
