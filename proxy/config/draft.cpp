#include "proxy/config/draft.hpp"

#include <algorithm>

#include "proxy/config/values.hpp"

namespace proxy::config {
namespace {

bool takes_everything(const RouteConfig& route) { return route.host.empty() && route.path_prefix == "/"; }

// Whether `first` takes every request that `second` could.
bool covers(const RouteConfig& first, const RouteConfig& second) {
    return (first.host.empty() || first.host == second.host) && second.path_prefix.starts_with(first.path_prefix);
}

void check_reachable(const Draft& draft, Problems& problems) {
    for (auto later = draft.routes.begin(); later != draft.routes.end(); ++later) {
        const auto earlier = std::find_if(draft.routes.begin(), later, [later](const DraftRoute& candidate) {
            return covers(candidate.route, later->route);
        });
        if (earlier == later) continue;
        problems.in_file(draft.file, later->line, later->path,
                         "is never reached: " + earlier->path + " (line " + std::to_string(earlier->line) +
                             ") takes all its requests, expected the narrower route first");
    }
}

bool is_loopback(std::string_view host) {
    return host == "localhost" || host == "::1" || (host.starts_with("127.") && address_range_from(host));
}

// Who can connect could purge.
void check_admin(const Draft& draft, Problems& problems) {
    const AdminConfig& admin = draft.config.admin;
    if (!admin.listen || is_loopback(admin.listen->host) || !admin.token.empty()) return;
    const std::string what =
        "is missing, and admin.listen (" + endpoint_text(*admin.listen) +
        ") can be reached from other machines, expected a token such as ${WEIR_ADMIN_TOKEN}, or an "
        "address of the loopback";
    if (draft.file.empty())
        problems.elsewhere("admin.token", what);
    else
        problems.in_file(draft.file, 0, "admin.token", what);
}

// What a route without `upstream` means: "default", or the only one. Empty where that is in doubt.
std::string default_upstream(Draft& draft) {
    if (find_upstream(draft, "default")) return "default";
    return draft.config.upstreams.size() == 1 ? draft.config.upstreams.front().name : "";
}

void resolve_upstream(DraftRoute& draft_route, Draft& draft, Problems& problems) {
    RouteConfig& route = draft_route.route;
    std::vector<std::string> known;
    for (const UpstreamConfig& upstream : draft.config.upstreams) known.push_back(upstream.name);
    if (route.upstream.empty()) {
        route.upstream = default_upstream(draft);
        if (route.upstream.empty()) {
            problems.in_file(
                draft.file, draft_route.line, draft_route.path,
                "names no upstream and none is called \"default\", expected `upstream:` with " + joined(known));
        }
    } else if (!find_upstream(draft, route.upstream)) {
        problems.in_file(draft.file, draft_route.upstream_line, draft_route.path + ".upstream",
                         "no upstream is called " + in_quotes(route.upstream) + ", expected " + joined(known) +
                             did_you_mean(route.upstream, known));
    }
}

}  // namespace

UpstreamConfig* find_upstream(Draft& draft, std::string_view name) {
    const auto found = std::ranges::find(draft.config.upstreams, name, &UpstreamConfig::name);
    return found == draft.config.upstreams.end() ? nullptr : &*found;
}

Config finish(Draft draft, Problems& problems) {
    if (draft.config.upstreams.empty() && draft.file.empty()) {
        problems.elsewhere("",
                           "there is no upstream, expected --upstream http://host:port, the variable WEIR_UPSTREAM "
                           "or --config FILE; weir --help says more");
    } else if (draft.config.upstreams.empty()) {
        problems.in_file(draft.file, 0, "upstream",
                         "is missing, expected the URL of the origin such as http://127.0.0.1:9000");
    }
    if (draft.config.upstreams.empty()) return {};

    check_admin(draft, problems);
    if (problems.empty()) check_reachable(draft, problems);  // a path that was refused would cover everything
    if (draft.routes.empty() || !takes_everything(draft.routes.back().route)) {
        draft.routes.push_back({.path = "the route for all other requests"});
        draft.routes.back().route.upstream.clear();
    }
    for (DraftRoute& route : draft.routes) {
        resolve_upstream(route, draft, problems);
        if (!route.own_ttl) route.route.policy.default_ttl = draft.ttl;
        draft.config.routes.push_back(std::move(route.route));
    }
    return std::move(draft.config);
}

}  // namespace proxy::config
