#include "proxy/store/purge_request.hpp"

#include <algorithm>

#include "proxy/config/route_match.hpp"
#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/surrogate_keys.hpp"
#include "proxy/rules/uri.hpp"

namespace proxy::store {
namespace {

constexpr std::string_view url_forms = " is no URL, expected one such as http://www.example.org/path?query";
constexpr std::string_view prefix_forms =
    " is no prefix, expected the beginning of URLs up to the path at least, such as http://www.example.org/blog/";
constexpr std::string_view host_forms = " is no host, expected a name without port, such as www.example.org";
constexpr std::string_view key_forms = " is no surrogate key, expected one without spaces and commas";

constexpr std::size_t longest_quoted = 100;

std::string quoted(std::string_view text) {
    std::string shown = "\"";
    for (const char c : text.substr(0, longest_quoted)) {
        const bool plain = static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '"' && c != '\\';
        shown += plain ? c : '?';
    }
    return shown + (text.size() > longest_quoted ? "...\"" : "\"");
}

bool is_visible(std::string_view text) {
    return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

bool is_host(std::string_view text) {
    if (text.starts_with('[')) return text.ends_with(']') && text.find_first_of("/?#@%\\ ") == text.npos;
    return !text.empty() && is_visible(text) && text.find_first_of("/?#@:%\\[]*") == text.npos;
}

struct Url {
    std::string_view authority;
    std::string target;  // begins with a slash
};

// Clients may say https where it is taken off in front of this proxy; keys have what came here.
std::optional<Url> url_from(std::string_view text) {
    if (!is_visible(text) || text.size() > rules::max_primary_key || text.find('#') != text.npos) return std::nullopt;
    const std::size_t end = text.find("://");
    const std::string_view scheme = text.substr(0, end);
    if (end == text.npos || (!rules::iequals(scheme, "http") && !rules::iequals(scheme, "https"))) return std::nullopt;
    text.remove_prefix(end + 3);
    const std::string_view authority = text.substr(0, text.find_first_of("/?"));
    const std::string_view rest = text.substr(authority.size());
    if (!is_host(rules::host_of(authority))) return std::nullopt;
    const std::string_view port = authority.substr(rules::host_of(authority).size());
    if (port.find_first_not_of("0123456789", 1) != port.npos) return std::nullopt;
    return Url{rules::without_default_port(scheme, authority), (rest.starts_with('/') ? "" : "/") + std::string(rest)};
}

void add_once(std::vector<std::string>& list, std::string text) {
    if (std::ranges::find(list, text) == list.end()) list.push_back(std::move(text));
}

class Resolving {
 public:
    Resolving(std::span<const RouteConfig> routes, Purge& purge) : routes_(routes), purge_(purge) {}

    bool url(std::string_view text) {
        const auto url = url_from(text);
        if (!url) return false;
        rules::RequestHeader request;
        request.method = rules::http::verb::get;
        request.authority = url->authority;
        request.target = url->target;
        std::string key;
        rules::primary_key(key, request, routes_[route_for(routes_, url->authority, url->target)].policy.key);
        key.resize(std::min(key.find(' '), key.size()));
        purge_.urls.push_back(std::move(key));
        return true;
    }

    // Of each route that any of those URLs could take.
    bool prefix(std::string_view text) {
        const auto url = url_from(text);
        if (!url || text.find('?') != text.npos) return false;
        for (const RouteConfig& route : routes_) {
            const bool may_match =
                url->target.starts_with(route.path_prefix) || route.path_prefix.starts_with(url->target);
            if (!may_match || !is_route_of(route, url->authority)) continue;
            const rules::KeyPolicy& policy = route.policy.key;
            std::string buffer;
            std::string key;
            rules::append_origin(key, "http", policy.host.empty() ? url->authority : policy.host);
            key +=
                policy.path == rules::PathPolicy::normalise ? rules::normalised_path(url->target, buffer) : url->target;
            add_once(purge_.prefixes, std::move(key));
        }
        return true;
    }

    bool host(std::string_view text) {
        if (!is_host(text)) return false;
        for (const RouteConfig& route : routes_) {
            if (!is_route_of(route, text)) continue;
            const std::string& in_key = route.policy.key.host;
            std::string name;
            rules::append_lower(name, in_key.empty() ? text : rules::host_of(in_key));
            add_once(purge_.hosts, std::move(name));
        }
        return true;
    }

    bool surrogate_key(std::string_view text) {
        if (!rules::is_surrogate_key(text)) return false;
        purge_.surrogate_keys.emplace_back(text);
        return true;
    }

 private:
    std::span<const RouteConfig> routes_;
    Purge& purge_;
};

}  // namespace

std::variant<Purge, BadPurge> resolve_purge(const PurgeRequest& request, std::span<const RouteConfig> routes,
                                            std::size_t max_things) {
    struct List {
        const char* name;
        const std::vector<std::string>& texts;
        bool (Resolving::*resolve)(std::string_view);
        std::string_view forms;
    };
    const List lists[] = {{"urls", request.urls, &Resolving::url, url_forms},
                          {"surrogate_keys", request.surrogate_keys, &Resolving::surrogate_key, key_forms},
                          {"prefixes", request.prefixes, &Resolving::prefix, prefix_forms},
                          {"hosts", request.hosts, &Resolving::host, host_forms}};
    std::size_t things = request.everything ? 1 : 0;
    for (const List& list : lists) things += list.texts.size();
    if (things == 0)
        return BadPurge{
            "nothing is named, expected one or more of urls, surrogate_keys, prefixes, hosts and everything"};
    if (things > max_things)
        return BadPurge{std::to_string(things) + " things are named, expected at most " + std::to_string(max_things) +
                        " (purge.max_things)"};

    Purge purge{.everything = request.everything, .soft = request.soft};
    Resolving resolver(routes, purge);
    for (const List& list : lists) {
        for (std::size_t i = 0; i < list.texts.size(); ++i) {
            if ((resolver.*list.resolve)(list.texts[i])) continue;
            return BadPurge{std::string(list.name) + '[' + std::to_string(i) + "]: " + quoted(list.texts[i]) +
                            std::string(list.forms)};
        }
    }
    if (purge.size() > max_things)
        return BadPurge{"the prefixes and hosts stand for " + std::to_string(purge.size()) +
                        " in the keys of the routes, expected at most " + std::to_string(max_things) +
                        " (purge.max_things)"};
    return purge;
}

}  // namespace proxy::store
