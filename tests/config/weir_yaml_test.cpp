// The files of config/: that they load, and that weir.yaml is a complete and true description.

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/pfr.hpp>

#include "proxy/config/keys.hpp"
#include "proxy/config/print_config.hpp"
#include "proxy/config/yaml_tree.hpp"
#include "proxy/rules/cache_key.hpp"
#include "tests/config/config_helpers.hpp"

namespace proxy {
namespace {

using config::Node;

ConfigText read(const char* name) { return read_config_text(std::string(WEIR_CONFIG_FOLDER "/") + name); }

// Collects the dotted names of all keys.
struct KeyLister {
    std::vector<std::string>& keys;
    std::string prefix;
    std::size_t members = 0;  // directly here

    template <class T, class Format>
    void scalar(const char* key, T&, const Format&) {
        keys.push_back(prefix + key);
        ++members;
    }
    template <class T, class Format>
    void list(const char* key, std::vector<T>&, const Format&) {
        keys.push_back(prefix + key);
        ++members;
    }
    template <class T>
    void section(const char* key, T& value) {
        KeyLister inner{keys, prefix + key + '.'};
        config::fields(value, inner);
        ++members;
    }
    template <class T>
    void section(const char* key, std::optional<T>&) {
        T value;
        section(key, value);
    }
};

template <class T>
std::size_t listed_members(std::vector<std::string>& keys, const std::string& prefix = "") {
    T value;
    KeyLister lister{keys, prefix};
    config::fields(value, lister);
    return lister.members;
}

const Node* find(const Node& map, std::string_view key) {
    const auto found = std::ranges::find(map.children, key, &Node::key);
    return found == map.children.end() ? nullptr : &*found;
}

bool has(const Node& map, std::string_view path) {
    const std::size_t dot = path.find('.');
    const Node* node = find(map, path.substr(0, dot));
    return node && (dot == std::string_view::npos || has(*node, path.substr(dot + 1)));
}

template <class T>
constexpr std::size_t members = boost::pfr::tuple_size_v<T>;

// g++ 12 crashes where PFR counts these. They no longer compile when a member is added.
std::size_t members_of(const Config& config) {
    [[maybe_unused]] const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = config;
    return 15;
}
std::size_t members_of(const RouteConfig& route) {
    [[maybe_unused]] const auto& [a, b, c, d, e, f, g, h] = route;
    return 8;
}
std::size_t members_of(const rules::Policy& policy) {
    [[maybe_unused]] const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s] = policy;
    return 19;
}

TEST_CASE("every member of the configuration has a key") {
    std::vector<std::string> keys;
    CHECK(listed_members<Config>(keys) == members_of(Config{}) - 2);  // upstreams, routes
    CHECK(listed_members<AdminConfig>(keys) == members<AdminConfig>);
    CHECK(listed_members<UpstreamConfig>(keys) == members<UpstreamConfig> - 1);  // the name
    CHECK(listed_members<RedisConfig>(keys) == members<RedisConfig>);
    CHECK(listed_members<PurgeConfig>(keys) == members<PurgeConfig>);
    CHECK(listed_members<MemoryConfig>(keys) == members<MemoryConfig>);
    CHECK(listed_members<CollapseConfig>(keys) == members<CollapseConfig>);
    CHECK(listed_members<LimitsConfig>(keys) == members<LimitsConfig>);
    CHECK(listed_members<LogConfig>(keys) == members<LogConfig>);
    CHECK(listed_members<rules::KeyPolicy>(keys) == members<rules::KeyPolicy>);
    const std::size_t policy = members_of(rules::Policy{});
    CHECK(listed_members<rules::Policy>(keys) == policy);
    CHECK(listed_members<RouteConfig>(keys) == members_of(RouteConfig{}) - 1 + policy);  // policy's are among them
}

TEST_CASE("weir.yaml has every key") {
    const Node root = config::parse_yaml(read("weir.yaml").yaml);
    std::vector<std::string> keys{"ttl"};
    listed_members<Config>(keys);
    listed_members<UpstreamConfig>(keys, "upstream.");
    for (const std::string& key : keys) {
        CAPTURE(key);
        CHECK(has(root, key));
    }
    const Node& route = find(root, "routes")->children.at(0);
    std::vector<std::string> route_keys;
    listed_members<RouteConfig>(route_keys);
    for (const std::string& key : route_keys) {
        CAPTURE(key);
        CHECK(has(route, key));
    }
}

TEST_CASE("weir.yaml says the defaults") {
    Config expected;
    expected.upstreams.emplace_back().servers = {{"127.0.0.1", 9000}};
    expected.routes.emplace_back();
    expected.redis.emplace();
    CHECK(print_config(load_config(read("weir.yaml"), environment_of({}))) == print_config(expected));
}

TEST_CASE("weir.yaml names the tracking parameters") {
    std::string text;  // comments in one line
    for (const char c : read("weir.yaml").yaml) {
        if (c == '\n' || c == '#' || (c == ' ' && text.ends_with(' '))) continue;
        text += c;
    }
    std::string names;
    for (const std::string_view name : rules::tracking_parameters) names.append(names.empty() ? "" : ", ").append(name);
    CHECK(text.find("track visitors do not matter: " + names + '.') != std::string::npos);
}

TEST_CASE("demo.yaml") {
    const Config config =
        load_config(read("demo.yaml"), environment_of({{"ORIGIN_HOST", "stub"}, {"REDIS_HOST", "r"}}));
    CHECK(config.listen == std::vector<Endpoint>{{"0.0.0.0", 5000}});
    CHECK(config.upstreams.at(0).servers == std::vector<Endpoint>{{"stub", 9000}});
    REQUIRE(config.redis);
    CHECK(config.redis->host == "r");
    REQUIRE(config.routes.size() == 1);
    CHECK(config.routes[0].policy.default_ttl == seconds{300});
    CHECK(config.routes[0].policy.key.host == "demo");
    CHECK(config.local == std::vector<std::string>{"/metrics", "/health"});
}

// Every scalar is another than its default, so that none can be lost unnoticed.
TEST_CASE("what print_config prints loads again to the same") {
    const std::string yaml = R"(
listen: ['127.0.0.1:1', '[::1]:2']
workers: 3
name: edge-1
drain_delay: 1s
drain_deadline: 0s
local: /health
admin: off
upstreams:
  x: {servers: [http://a, 'http://[::1]:2'], host: 'a:1', max_connections: 1, max_idle_connections: 2, max_queue: 3,
      connect_deadline: 4ms, first_byte_deadline: 5s, between_bytes_deadline: 6m, idle_timeout: 7h}
  "y: z": http://b
routes:
  - {host: a.example, path: '/$${HOME}:["x"]', upstream: 'y: z', cache: false, on_store_failure: fail, ttl: 1s,
     trace: true, upgrade: [websocket, x/1], ttl_override: 2s, targeted_fields: [A, b], heuristics: false, heuristic_limit: 3s, stale_while_revalidate: 4s,
     stale_if_error: 5s, stale_when_disconnected: false, grace: 6s, keep_for_validation: 7s,
     early_refresh: 1.5, ttl_jitter: 10%, honour_request_directives: true, set_cookie: store, store_errors: true,
     match_extension: true, dropped_request_fields: ['X-*', Proxy],
     key: {host: 'a:1', path: normalise, query: drop, ignore_tracking: true, ignored_parameters: ['utm_*', 'null'],
           request_fields: [A], cookies: [b]}}
  - {upstream: x}
redis: {host: '::1', port: 1, unix_socket: '/run/a b.sock', database: 2, username: 'null', key_prefix: 'a:b',
        command_budget: 3ms, connect_deadline: 4ms, reconnect_min: 5ms, reconnect_max: 6ms, max_queue: 7,
        max_pending_bytes: 9, max_object_size: 8001, chunk_size: 8MB, max_variants: 10}
memory: {budget: 1, max_object_size: 2, max_variants: 3, shards: 4}
limits: {max_connections: 1, max_connections_per_client: 2, exempt_clients: [10.0.0.0/8, "::2"],
         max_requests_per_connection: 3, max_header_size: 2k, max_target_size: 256, max_header_fields: 10,
         max_request_body: 0, max_response_header_size: 3k, max_response_header_fields: 11, header_deadline: 1s,
         body_deadline: 2s, min_body_rate: 0, body_rate_grace: 4s, write_deadline: 3s, keep_alive_timeout: 4s,
         tunnel_timeout: 5s, max_buffers: 1MiB}
log: {level: error, access: '/tmp/$${a} # b'}
)";
    const Config config = load(yaml);
    const std::string printed = print_config(config);
    CHECK(print_config(load(printed)) == printed);
    CHECK(config.routes.at(0).path_prefix == "/${HOME}:[\"x\"]");
    CHECK(load(printed).log.access == "/tmp/${a} # b");
    CHECK(load(printed).redis->username == "null");
}

TEST_CASE("print_config hides the password") {
    const std::string printed = print_config(load("upstream: http://a\nredis: redis://me:hunter2@cache"));
    CHECK(printed.find("hunter2") == std::string::npos);
    CHECK(load(printed).redis->password == "***");
}

TEST_CASE("a file cut off anywhere loads or is refused, and never crashes") {
    const std::string whole = read("weir.yaml").yaml;
    for (std::size_t length = 0; length < whole.size(); length += 23) {
        const Problems problems = problems_of([&] { load(whole.substr(0, length)); });
        for (const std::string& problem : problems) CHECK(problem.starts_with("test.yaml:"));
    }
}

}  // namespace
}  // namespace proxy
