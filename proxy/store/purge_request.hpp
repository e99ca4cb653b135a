#pragma once
// From what an operator names to what is purged: URLs, prefixes and hosts become those that stand in keys, by the same
// policies that make the keys of requests.

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "proxy/config/config.hpp"
#include "proxy/store/purges.hpp"

namespace proxy::store {

// As written. An answer never refers to it.
struct PurgeRequest {
    std::vector<std::string> urls{};  // http://host/path?query; https too
    std::vector<std::string> surrogate_keys{};
    std::vector<std::string> prefixes{};  // http://host/path: all URLs that begin so
    std::vector<std::string> hosts{};     // names, without port
    bool everything = false;
    bool soft = false;
};

// Which member is wrong, and what was expected: `urls[0]: "x" is no URL, expected ...`.
struct BadPurge {
    std::string reason;
};

[[nodiscard]] std::variant<Purge, BadPurge> resolve_purge(const PurgeRequest& request,
                                                          std::span<const RouteConfig> routes, std::size_t max_things);

}  // namespace proxy::store
