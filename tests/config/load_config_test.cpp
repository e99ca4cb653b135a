#include "proxy/config/load_config.hpp"

#include <doctest/doctest.h>

#include <span>

#include "tests/config/config_helpers.hpp"

namespace proxy {
namespace {

using namespace std::chrono_literals;

TEST_CASE("the shortest useful file") {
    const Config config = load("upstream: http://127.0.0.1:9000\nlisten: 127.0.0.1:8081\n");
    CHECK(config.listen == std::vector<Endpoint>{{"127.0.0.1", 8081}});
    REQUIRE(config.upstreams.size() == 1);
    CHECK(config.upstreams[0].name == "default");
    CHECK(config.upstreams[0].servers == std::vector<Endpoint>{{"127.0.0.1", 9000}});
    REQUIRE(config.routes.size() == 1);
    CHECK(config.routes[0].upstream == "default");
    CHECK_FALSE(config.redis);
}

TEST_CASE("the forms of an upstream") {
    struct Row {
        std::string name;
        const char* yaml;
        std::vector<std::string> names;
        std::size_t servers;  // of the last
    };
    const Row rows[] = {
        {"a URL", "upstream: http://a", {"default"}, 1},
        {"a list", "upstream: [http://a, http://b]", {"default"}, 2},
        {"a map", "upstream: {servers: [http://a, http://b, http://c], host: a}", {"default"}, 3},
        {"a map with one server", "upstream: {servers: http://a}", {"default"}, 1},
        {"named ones", "upstreams: {x: http://a, y: [http://b, http://c]}\nroutes: [{upstream: y}]", {"x", "y"}, 2},
        {"both", "upstreams: {x: {servers: http://a}}\nupstream: http://b", {"default", "x"}, 1},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Config config = load(row.yaml);
        std::vector<std::string> names;
        for (const UpstreamConfig& upstream : config.upstreams) names.push_back(upstream.name);
        CHECK(names == row.names);
        CHECK(config.upstreams.back().servers.size() == row.servers);
    }
}

TEST_CASE("routes: the upstream of one that names none, and the last for everything") {
    struct Row {
        std::string name;
        const char* yaml;
        std::vector<std::string> upstreams;  // of the routes
    };
    const Row rows[] = {
        {"the default",
         "upstream: http://a\nupstreams: {x: http://b}\nroutes: [{path: /x, upstream: x}, {path: /y}]",
         {"x", "default", "default"}},
        {"the only one", "upstreams: {x: http://b}\nroutes: [{path: /y}]", {"x", "x"}},
        {"a last one is not added twice", "upstream: http://a\nroutes: [{path: /}]", {"default"}},
        {"one for a host alone is not the last",
         "upstream: http://a\nroutes: [{host: A.example}]",
         {"default", "default"}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Config config = load(row.yaml);
        std::vector<std::string> upstreams;
        for (const RouteConfig& route : config.routes) upstreams.push_back(route.upstream);
        CHECK(upstreams == row.upstreams);
        CHECK(config.routes.back().path_prefix == "/");
        CHECK(config.routes.back().host.empty());
    }
}

TEST_CASE("a route's own keys") {
    const Config config = load(R"(
upstream: http://a
ttl: 300s
routes:
  - host: Www.Example.org
    path: /images/
    cache: off
    on_store_failure: fail
    ttl: 1d
    ttl_override: 1h
    targeted_fields: [Weir-Cache-Control, CDN-Cache-Control]
    heuristics: no
    stale_while_revalidate: 30s
    set_cookie: strip
    store_errors: yes
    key: {host: 'Shop.example:81', path: normalise, query: sort, ignore_tracking: yes, ignored_parameters: [shop_*],
          request_fields: [Accept-Language], cookies: session}
)");
    const RouteConfig& route = config.routes.at(0);
    CHECK(route.host == "www.example.org");
    CHECK(route.path_prefix == "/images/");
    CHECK_FALSE(route.cache);
    CHECK(route.on_store_failure == StoreFailure::fail);
    CHECK(route.policy.default_ttl == 24h);
    CHECK(route.policy.override_ttl == 1h);
    CHECK(route.policy.targeted_fields == std::vector<std::string>{"Weir-Cache-Control", "CDN-Cache-Control"});
    CHECK_FALSE(route.policy.heuristics);
    CHECK(route.policy.stale_while_revalidate == 30s);
    CHECK(route.policy.set_cookie == rules::SetCookiePolicy::strip);
    CHECK(route.policy.store_errors);
    CHECK(route.policy.key.host == "Shop.example:81");
    CHECK(route.policy.key.path == rules::PathPolicy::normalise);
    CHECK(route.policy.key.query == rules::QueryPolicy::sort);
    CHECK(route.policy.key.ignore_tracking);
    CHECK(route.policy.key.ignored_parameters == std::vector<std::string>{"shop_*"});
    CHECK(route.policy.key.request_fields == std::vector<std::string>{"Accept-Language"});
    CHECK(route.policy.key.cookies == std::vector<std::string>{"session"});
    CHECK(config.routes.at(1).policy.default_ttl == 300s);
}

TEST_CASE("short forms and variables") {
    const Config config = load(
        "upstream: http://${ORIGIN_HOST:-127.0.0.1}:${ORIGIN_PORT:-9000}\n"
        "redis: redis://:${PASSWORD}@cache/1\n"
        "admin: 9180\n"
        "listen: [8080, '[::1]:8080']\n",
        {{"ORIGIN_HOST", "origin"}, {"PASSWORD", "secret"}});
    CHECK(config.upstreams.at(0).servers == std::vector<Endpoint>{{"origin", 9000}});
    REQUIRE(config.redis);
    CHECK(config.redis->host == "cache");
    CHECK(config.redis->password == "secret");
    CHECK(config.admin.listen == Endpoint{"127.0.0.1", 9180});
    CHECK(config.listen == std::vector<Endpoint>{{"0.0.0.0", 8080}, {"::1", 8080}});
    CHECK_FALSE(load("upstream: http://a\nadmin: off").admin.listen);
    CHECK_FALSE(load("upstream: http://a\nredis: ${REDIS:-off}").redis);
}

struct BadFile {
    std::string name;
    const char* yaml;
    Problems expected;
};

void check_problems(std::span<const BadFile> rows) {
    for (const BadFile& row : rows) {
        CAPTURE(row.name);
        CHECK(problems_of([&] { load(row.yaml); }) == row.expected);
    }
}

TEST_CASE("wrong files: what is not a map of known keys") {
    const BadFile rows[] = {
        {"empty",
         "",
         {"test.yaml: upstream: is missing, expected the URL of the origin such as http://127.0.0.1:9000"}},
        {"comments alone",
         "# nothing\n",
         {"test.yaml: upstream: is missing, expected the URL of the origin such as http://127.0.0.1:9000"}},
        {"a list", "- a\n", {"test.yaml:1: is a list, expected a map of keys"}},
        {"syntax", "upstream: http://a\nlisten: [a\n", {"test.yaml:3: not YAML: end of sequence flow not found"}},
        {"two documents",
         "upstream: http://a\n---\nname: b\n",
         {"test.yaml:3: not YAML: a second document begins here"}},
        {"an alias", "name: &x a\nupstream: *x\n", {"test.yaml:2: not YAML: aliases (*name) are not supported"}},
        {"bytes", "upstream: http://a\nname: a\xff\n", {"test.yaml:2: not YAML: a byte that is not UTF-8"}},
        {"an escaped NUL",
         "upstream: http://a\nredis: {username: \"m\\0\"}\n",
         {"test.yaml:2: redis.username: the value is not text, expected UTF-8 without control characters"}},
        {"an escape sequence", "upstream: http://a\nname: a\x1b[2J\n", {"test.yaml:2: not YAML: a control character"}},
        {"a key that is a list", "[a]: b\n", {"test.yaml:1: not YAML: a key is not a plain word"}},
        {"a misspelt key",
         "upstream: http://a\nlistne: 80\n",
         {"test.yaml:2: listne: unknown key; did you mean \"listen\"?"}},
        {"a key in another style",
         "upstream:\n  servers: http://a\n  maxConnections: 5\n",
         {"test.yaml:3: upstream.maxConnections: unknown key; did you mean \"max_connections\"?"}},
        {"a key unlike any other",
         "upstream: http://a\nlog: {colour: red}\n",
         {"test.yaml:2: log.colour: unknown key, expected level or access"}},
        {"a key given twice",
         "upstream: http://a\nworkers: 1\nname: a\nworkers: 2\n",
         {"test.yaml:4: workers: is given twice, first on line 2, expected it once"}},
        {"a key without value",
         "upstream: http://a\nlog:\nworkers: ~\n",
         {"test.yaml:2: log: has no value, expected a map of keys",
          "test.yaml:3: workers: has no value, expected a single value"}},
        {"wrong kinds",
         "upstream: http://a\nworkers: [1]\nmemory: 5\nlocal: {a: b}\nroutes: {path: /}\n",
         {"test.yaml:2: workers: is a list, expected a single value",
          "test.yaml:3: memory: is a single value, expected a map of keys",
          "test.yaml:4: local: is a map of keys, expected a list",
          "test.yaml:5: routes: is a map of keys, expected a list"}},
    };
    check_problems(rows);
}

TEST_CASE("wrong files: values") {
    const BadFile rows[] = {
        {"no unit",
         "upstream: http://a\nttl: 300\n",
         {"test.yaml:2: ttl: \"300\" has no unit, expected a whole number with a unit such as 200ms, 300s, 5m, 1h or "
          "1d; did you mean \"300s\"?"}},
        {"not a size",
         "upstream: http://a\nmemory:\n  budget: 12 parrots\n",
         {"test.yaml:3: memory.budget: \"12 parrots\" is not a size, expected bytes such as 64KiB, 8MB, 256MiB or "
          "4096"}},
        {"out of range",
         "upstream: {servers: http://a, max_connections: 0}\n",
         {"test.yaml:1: upstream.max_connections: \"0\" is out of range, expected 1 to 10000000"}},
        {"not a power of two",
         "upstream: http://a\nmemory: {shards: 12}\n",
         {"test.yaml:2: memory.shards: \"12\" is no power of two, expected one such as 16"}},
        {"part of a second",
         "upstream: http://a\nroutes:\n  - ttl: 200ms\n",
         {"test.yaml:3: routes[0].ttl: \"200ms\" is no whole second, expected whole seconds such as 1s"}},
        {"not a switch",
         "upstream: http://a\nroutes:\n  - cache: maybe\n",
         {"test.yaml:3: routes[0].cache: \"maybe\" is not a switch, expected true or false"}},
        {"no such word",
         "upstream: http://a\nroutes:\n  - on_store_failure: bypas\n",
         {"test.yaml:3: routes[0].on_store_failure: \"bypas\" is unknown, expected bypass or fail; did you mean "
          "\"bypass\"?"}},
        {"an element of a list",
         "upstream: http://a\nlisten:\n  - 127.0.0.1:80\n  - 127.0.0.1\n",
         {"test.yaml:4: listen[1]: \"127.0.0.1\" has no port, expected an address such as 127.0.0.1:8080, "
          "[::1]:8080 or :8080"}},
        {"no address at all",
         "upstream: http://a\nlisten: []\n",
         {"test.yaml:2: listen: is empty, expected at least one address"}},
        {"a variable that is not set",
         "upstream: http://a\nname: ${NODE}\n",
         {"test.yaml:2: name: the variable NODE is not set, expected a value for it or ${NODE:-default}"}},
        {"keys that disagree",
         "upstream: http://a\nredis:\n  reconnect_min: 5s\n",
         {"test.yaml:2: redis: reconnect_min (5s) is above reconnect_max (2s), expected it at or below"}},
        {"a Redis URL",
         "upstream: http://a\nredis: rediss://:secret@cache\n",
         {"test.yaml:2: redis: TLS to Redis is not supported, expected redis://[user:password@]host:port/db or "
          "unix:///path"}},
    };
    check_problems(rows);
}

TEST_CASE("wrong files: upstreams and routes") {
    const BadFile rows[] = {
        {"TLS",
         "upstream: https://a\n",
         {"test.yaml:1: upstream: TLS to upstreams is not supported, expected http://host:port"}},
        {"no servers",
         "upstream:\n  host: a\n",
         {"test.yaml:1: upstream.servers: is missing, expected at least one URL such as http://127.0.0.1:9000"}},
        {"an empty list",
         "upstreams:\n  x: []\n",
         {"test.yaml:2: upstreams.x: is missing, expected at least one URL such as http://127.0.0.1:9000"}},
        {"two of a name",
         "upstream: http://a\nupstreams:\n  default: http://b\n",
         {"test.yaml:3: upstreams.default: another upstream is called \"default\", expected one"}},
        {"an unknown name",
         "upstream: http://a\nupstreams: {api: http://b}\nroutes:\n  - path: /x\n    upstream: apy\n",
         {"test.yaml:5: routes[0].upstream: no upstream is called \"apy\", expected default or api; did you mean "
          "\"api\"?"}},
        {"no default among several",
         "upstreams: {x: http://a, y: http://b}\nroutes:\n  - path: /x\n",
         {"test.yaml: the route for all other requests: names no upstream and none is called \"default\", expected "
          "`upstream:` with x or y",
          "test.yaml:3: routes[0]: names no upstream and none is called \"default\", expected `upstream:` with x or "
          "y"}},
        {"a route behind one that takes all",
         "upstream: http://a\nroutes:\n  - path: /api\n  - path: /ap\n  - path: /apis\n    host: a\n",
         {"test.yaml:5: routes[2]: is never reached: routes[0] (line 3) takes all its requests, expected the narrower "
          "route first"}},
        {"a route that is no map",
         "upstream: http://a\nroutes: [x]\n",
         {"test.yaml:2: routes[0]: is a single value, expected a map of keys"}},
    };
    check_problems(rows);
}

TEST_CASE("wrong files: keys of stored responses") {
    struct Row {
        const char *value, *expected;
    };
    const Row rows[] = {
        {"path: normalize", "path: \"normalize\" is unknown, expected keep or normalise; did you mean \"normalise\"?"},
        {"query: sorted", "query: \"sorted\" is unknown, expected keep, sort or drop; did you mean \"sort\"?"},
        {"query: off", "query: \"off\" is unknown, expected keep, sort or drop"},
        {"host: shop.example/a",
         "host: \"shop.example/a\" is not a host, expected a name such as www.example.org; did you mean "
         "\"shop.example\"?"},
        {"ignore_tracking: utm_*", "ignore_tracking: \"utm_*\" is not a switch, expected true or false"},
        {"ignore-tracking: true", "ignore-tracking: unknown key; did you mean \"ignore_tracking\"?"},
        {"ignored_parameters: [a, 'b=c']",
         "ignored_parameters[1]: \"b=c\" is not the name of a parameter, expected one such as utm_source or utm_*"},
        {"request_fields: [Host]",
         "request_fields[0]: \"Host\" does not reach the origin as the client sent it, expected a field that does"},
        {"cookies: ['a=b']", "cookies[0]: \"a=b\" is not a token of HTTP, expected letters, digits and -"},
        {"header: X-Device",
         "header: unknown key, expected host, path, query, ignore_tracking, ignored_parameters, request_fields or "
         "cookies"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.value);
        CHECK(problems_of([&] { load("upstream: http://a\nroutes:\n  - key:\n      " + std::string(row.value)); }) ==
              Problems{"test.yaml:4: routes[0].key." + std::string(row.expected)});
    }
}

TEST_CASE("all mistakes are reported at once, in the order of the file; then those from elsewhere") {
    CHECK(problems_of([] {
              load("ttl: 5\nroutes:\n  - upstream: b\nworkers: x\nupstream: http://a\nlisten: :x\n",
                   {{"WEIR_TTL", "y"}}, {{"--admin", "z:1:2"}});
          }) ==
          Problems{"test.yaml:1: ttl: \"5\" has no unit, expected a whole number with a unit such as 200ms, 300s, 5m, "
                   "1h or 1d; did you mean \"5s\"?",
                   "test.yaml:3: routes[0].upstream: no upstream is called \"b\", expected default",
                   "test.yaml:4: workers: \"x\" is not a whole number, expected 0 to 1024",
                   "test.yaml:6: listen: \"x\" is not a port, expected 0 to 65535",
                   "WEIR_TTL: \"y\" is not a duration, expected a whole number with a unit such as 200ms, 300s, 5m, 1h "
                   "or 1d",
                   "--admin: \"z:1:2\" is not an address, expected an address such as 127.0.0.1:8080, [::1]:8080 or "
                   ":8080"});
}

TEST_CASE("control characters of a file do not reach the terminal") {
    CHECK(problems_of([] { load("upstream: http://a\n\"\\e[31m\": 1\nlog: {level: \"\\a\"}\n"); }).at(1) ==
          "test.yaml:3: log.level: \"?\" is unknown, expected debug, info, warning or error");
}

TEST_CASE("hostile nesting is an error, no crash") {
    for (const char* opening : {"[", "{", "- ", "? ", "a: ["}) {
        std::string yaml = "upstream: ";
        for (int i = 0; i < 100'000; ++i) yaml += opening;
        CAPTURE(opening);
        CHECK_FALSE(problems_of([&] { load(yaml); }).empty());
    }
}

}  // namespace
}  // namespace proxy
