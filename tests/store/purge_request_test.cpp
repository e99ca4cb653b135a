#include "proxy/store/purge_request.hpp"

#include <doctest/doctest.h>

using namespace proxy;
using namespace proxy::store;

namespace {

using Texts = std::vector<std::string>;

std::vector<RouteConfig> routes() {
    std::vector<RouteConfig> all(4);
    all[0].host = "shop.example";
    all[0].path_prefix = "/cart/";
    all[0].policy.key.query = rules::QueryPolicy::drop;
    all[1].host = "shop.example";
    all[1].policy.key.host = "demo";
    all[1].policy.key.path = rules::PathPolicy::normalise;
    all[2].host = "session.example";
    all[2].policy.key.cookies = {"who"};
    all[3].policy.key.query = rules::QueryPolicy::sort;
    all[3].policy.key.ignored_parameters = {"utm_*"};
    return all;
}

}  // namespace

TEST_CASE("purge request: URLs become those of keys") {
    struct Row {
        const char* url;
        const char* key;  // null: refused
    };
    const Row rows[] = {
        {"http://example.com/a", "http://example.com/a"},
        {"HTTP://Example.COM:80/a?b", "http://example.com/a?b"},
        {"http://example.com", "http://example.com/"},
        {"http://example.com?b", "http://example.com/?b"},
        {"https://example.com:443/a", "http://example.com/a"},
        {"http://example.com:8080/a", "http://example.com:8080/a"},
        {"http://[::1]:8080/a", "http://[::1]:8080/a"},
        {"http://example.com/a?z=1&utm_source=x&b=2", "http://example.com/a?b=2&z=1"},
        {"http://shop.example/cart/1?x=y", "http://shop.example/cart/1"},
        {"http://shop.example:8080/%7Ea/../b", "http://demo/b"},
        {"http://session.example/me", "http://session.example/me"},
        {"", nullptr},
        {"/a", nullptr},
        {"example.com/a", nullptr},
        {"ftp://example.com/a", nullptr},
        {"http:///a", nullptr},
        {"http://:80/a", nullptr},
        {"http://user@example.com/a", nullptr},
        {"http://example.com:port/a", nullptr},
        {"http://example.com/a b", nullptr},
        {"http://example.com/a\n", nullptr},
        {"http://example.com/a#b", nullptr},
    };
    const std::vector<RouteConfig> all = routes();
    for (const Row& row : rows) {
        CAPTURE(row.url);
        const auto resolved = resolve_purge({.urls = {row.url}}, all, 10);
        const auto* purge = std::get_if<Purge>(&resolved);
        REQUIRE((purge != nullptr) == (row.key != nullptr));
        if (purge != nullptr) CHECK(purge->urls == Texts{row.key});
    }
}

TEST_CASE("purge request: prefixes and hosts are those of each route they could take") {
    const std::vector<RouteConfig> all = routes();
    const auto resolve = [&](const PurgeRequest& request) { return std::get<Purge>(resolve_purge(request, all, 10)); };
    const auto prefixes = [&](const char* prefix) { return resolve({.prefixes = {prefix}}).prefixes; };
    const auto hosts = [&](const char* host) { return resolve({.hosts = {host}}).hosts; };
    CHECK(prefixes("http://example.com/blog") == Texts{"http://example.com/blog"});
    CHECK(prefixes("http://example.com") == Texts{"http://example.com/"});
    CHECK(prefixes("http://shop.example/") == Texts{"http://shop.example/", "http://demo/"});
    CHECK(prefixes("http://shop.example/cart/1") == Texts{"http://shop.example/cart/1", "http://demo/cart/1"});
    CHECK(hosts("Example.com") == Texts{"example.com"});
    CHECK(hosts("shop.example") == Texts{"shop.example", "demo"});
    CHECK(hosts("[::1]") == Texts{"[::1]"});
}

TEST_CASE("purge request: what is wrong is said") {
    struct Row {
        const char* name;
        PurgeRequest request;
        const char* reason;  // how it begins
    };
    const Row rows[] = {
        {"nothing", {}, "nothing is named"},
        {"soft alone", {.soft = true}, "nothing is named"},
        {"too many",
         {.urls = Texts(5, "http://a/"), .hosts = Texts(6, "a")},
         "11 things are named, expected at most 10"},
        {"too many in keys",
         {.prefixes = {"http://shop.example/cart/1", "http://shop.example/cart/2", "http://shop.example/cart/3",
                       "http://shop.example/cart/4", "http://shop.example/cart/5", "http://shop.example/cart/6"}},
         "the prefixes and hosts stand for 12 in the keys"},
        {"the second URL", {.urls = {"http://a/", "b"}}, "urls[1]: \"b\" is no URL, expected"},
        {"a prefix with a query", {.prefixes = {"http://a/?b"}}, "prefixes[0]: \"http://a/?b\" is no prefix"},
        {"a host with a port", {.hosts = {"a:80"}}, "hosts[0]: \"a:80\" is no host"},
        {"a host that is a URL", {.hosts = {"http://a"}}, "hosts[0]: \"http://a\" is no host"},
        {"a host with a wildcard", {.hosts = {"*.a"}}, "hosts[0]: \"*.a\" is no host"},
        {"no host", {.hosts = {""}}, "hosts[0]: \"\" is no host"},
        {"two surrogate keys in one", {.surrogate_keys = {"a b"}}, "surrogate_keys[0]: \"a b\" is no surrogate key"},
        {"no surrogate key", {.surrogate_keys = {""}}, "surrogate_keys[0]: \"\" is no surrogate key"},
        {"control characters are not quoted", {.hosts = {"\r\n\""}}, "hosts[0]: \"???\" is no host"},
    };
    const std::vector<RouteConfig> all = routes();
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const auto resolved = resolve_purge(row.request, all, 10);
        REQUIRE(std::holds_alternative<BadPurge>(resolved));
        CHECK(std::get<BadPurge>(resolved).reason.substr(0, std::string(row.reason).size()) == row.reason);
    }
}
