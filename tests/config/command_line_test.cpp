#include "proxy/config/command_line.hpp"

#include <doctest/doctest.h>

#include "proxy/config/settings.hpp"
#include "tests/config/config_helpers.hpp"

namespace proxy {
namespace {

using namespace std::chrono_literals;
using Action = Invocation::Action;
using Arguments = std::vector<std::string>;

Invocation parse(const Arguments& arguments, Variables variables = {}) {
    return parse_command_line(arguments, environment_of(std::move(variables)));
}

TEST_CASE("flags alone make a configuration") {
    const Invocation invocation = parse({"--listen", "127.0.0.1:8081", "--upstream=http://a:9000", "--upstream",
                                         "http://b:9001", "--redis", "redis://cache:6380/2", "--admin=127.0.0.1:9181",
                                         "--ttl", "300s", "--workers=3", "--log-level", "debug", "--access-log", "-"});
    const Config& config = invocation.config;
    CHECK(invocation.action == Action::run);
    CHECK(config.listen == std::vector<Endpoint>{{"127.0.0.1", 8081}});
    REQUIRE(config.upstreams.size() == 1);
    CHECK(config.upstreams[0].name == "default");
    CHECK(config.upstreams[0].servers == std::vector<Endpoint>{{"a", 9000}, {"b", 9001}});
    REQUIRE(config.redis);
    CHECK(config.redis->host == "cache");
    CHECK(config.redis->port == 6380);
    CHECK(config.redis->database == 2);
    CHECK(config.admin.listen == Endpoint{"127.0.0.1", 9181});
    REQUIRE(config.routes.size() == 1);
    CHECK(config.routes[0].path_prefix == "/");
    CHECK(config.routes[0].upstream == "default");
    CHECK(config.routes[0].policy.default_ttl == 300s);
    CHECK(config.workers == 3);
    CHECK(config.log.level == LogLevel::debug);
    CHECK(config.log.access == "-");
}

TEST_CASE("actions") {
    struct Row {
        std::string name;
        Arguments arguments;
        Action expected;
    };
    const Row rows[] = {
        {"none: run", {"--upstream", "http://a"}, Action::run},
        {"check", {"--check", "--upstream", "http://a"}, Action::check},
        {"print", {"--upstream", "http://a", "--print-config"}, Action::print_config},
        {"version needs no configuration", {"--version"}, Action::version},
        {"help needs no configuration", {"--help"}, Action::help},
        {"help wins over mistakes", {"--wrong", "--ttl", "--help"}, Action::help},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(parse(row.arguments).action == row.expected);
    }
}

TEST_CASE("wrong command lines") {
    struct Row {
        std::string name;
        Arguments arguments;
        Problems expected;
    };
    const Row rows[] = {
        {"nothing",
         {},
         {"there is no upstream, expected --upstream http://host:port, the variable WEIR_UPSTREAM or --config FILE; "
          "weir --help says more"}},
        {"a misspelt flag", {"--lisen=:80"}, {"--lisen: unknown flag; did you mean \"--listen\"?"}},
        {"a flag unlike any other", {"--frobnicate"}, {"--frobnicate: unknown flag; weir --help lists them"}},
        {"a short flag", {"-c"}, {"-c: unknown flag; weir --help lists them"}},
        {"no flag", {"file.yaml"}, {"\"file.yaml\" is no flag, expected one such as --config FILE"}},
        {"no value at the end", {"--ttl"}, {"--ttl: has no value, expected --ttl DURATION"}},
        {"no value before a flag", {"--config", "--check"}, {"--config: has no value, expected --config FILE"}},
        {"a value too many", {"--check=yes"}, {"--check: takes no value, expected the flag alone"}},
        {"two files", {"--config", "a", "--config", "b"}, {"--config: is given twice, expected it once"}},
        {"twice what counts once",
         {"--upstream=http://a", "--ttl=1s", "--ttl=2s"},
         {"--ttl: is given twice, expected it once"}},
        {"no such file",
         {"--config", "/nonexistent/weir.yaml"},
         {"/nonexistent/weir.yaml: cannot be read: No such file or directory"}},
        {"a folder", {"--config", "/"}, {"/: cannot be read: it is a directory"}},
        {"several wrong values",
         {"--upstream=https://a", "--ttl=5", "--workers=9999", "--log-level=warn", "--admin=here"},
         {"--upstream: TLS to upstreams is not supported, expected http://host:port",
          "--admin: \"here\" has no port, expected an address such as 127.0.0.1:8080, [::1]:8080 or :8080",
          "--ttl: \"5\" has no unit, expected a whole number with a unit such as 200ms, 300s, 5m, 1h or 1d; did you "
          "mean \"5s\"?",
          "--workers: \"9999\" is out of range, expected 0 to 1024",
          "--log-level: \"warn\" is unknown, expected debug, info, warning or error; did you mean \"warning\"?"}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(problems_of([&] { parse(row.arguments); }) == row.expected);
    }
}

TEST_CASE("environment variables") {
    const Config config = parse({}, {{"WEIR_LISTEN", "127.0.0.1:1,127.0.0.1:2"},
                                     {"WEIR_UPSTREAM", "http://a:1,http://b:2"},
                                     {"WEIR_REDIS", "unix:///run/redis.sock"},
                                     {"WEIR_ADMIN", "off"},
                                     {"WEIR_TTL", "1m"},
                                     {"WEIR_WORKERS", "2"},
                                     {"WEIR_LOG_LEVEL", "error"},
                                     {"WEIR_ACCESS_LOG", "/var/log/weir.log"}})
                              .config;
    CHECK(config.listen == std::vector<Endpoint>{{"127.0.0.1", 1}, {"127.0.0.1", 2}});
    CHECK(config.upstreams.at(0).servers == std::vector<Endpoint>{{"a", 1}, {"b", 2}});
    REQUIRE(config.redis);
    CHECK(config.redis->unix_socket == "/run/redis.sock");
    CHECK_FALSE(config.admin.listen);
    CHECK(config.routes.at(0).policy.default_ttl == 60s);
    CHECK(config.workers == 2);
    CHECK(config.log.level == LogLevel::error);
    CHECK(config.log.access == "/var/log/weir.log");
}

TEST_CASE("the demo's variables switch Redis on") {
    struct Row {
        std::string name;
        Variables variables;
        const char* host;
        int port;
        unsigned database;
    };
    const Row rows[] = {
        {"host", {{"REDIS_HOST", "cache"}}, "cache", 6379, 0},
        {"port", {{"REDIS_PORT", "6380"}}, "127.0.0.1", 6380, 0},
        {"database", {{"REDIS_DB", "7"}}, "127.0.0.1", 6379, 7},
        {"all", {{"REDIS_HOST", "::1"}, {"REDIS_PORT", "1"}, {"REDIS_DB", "2"}}, "::1", 1, 2},
        {"WEIR_REDIS says more", {{"REDIS_HOST", "a"}, {"REDIS_DB", "2"}, {"WEIR_REDIS", "redis://b"}}, "b", 6379, 0},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Config config = parse({"--upstream", "http://a"}, row.variables).config;
        REQUIRE(config.redis);
        CHECK(config.redis->host == row.host);
        CHECK(config.redis->port == row.port);
        CHECK(config.redis->database == row.database);
    }
    CHECK_FALSE(parse({"--upstream", "http://a"}, {{"REDIS_HOST", ""}, {"REDIS_TTL", "5"}}).config.redis);
}

TEST_CASE("REDIS_TTL is seconds or a duration") {
    const auto ttl = [](const char* text) {
        return parse({"--upstream", "http://a"}, {{"REDIS_TTL", text}}).config.routes.at(0).policy.default_ttl;
    };
    CHECK(ttl("60") == 60s);
    CHECK(ttl("5m") == 300s);
}

TEST_CASE("wrong variables") {
    CHECK(problems_of([] {
              parse({"--upstream", "http://a"},
                    {{"REDIS_PORT", "high"}, {"REDIS_DB", "-1"}, {"REDIS_TTL", "soon"}, {"WEIR_WORKERS", "many"}});
          }) == Problems{"REDIS_PORT: \"high\" is not a whole number, expected 1 to 65535",
                         "REDIS_DB: \"-1\" is not a whole number, expected 0 to 65535",
                         "REDIS_TTL: \"soon\" is not a duration, expected a whole number with a unit such as 200ms, "
                         "300s, 5m, 1h or 1d",
                         "WEIR_WORKERS: \"many\" is not a whole number, expected 0 to 1024"});
}

TEST_CASE("flags win over the environment, it over the file, that over the defaults") {
    const std::string file = "upstream: http://file\nttl: 1s\nworkers: 1\n";
    const auto ttl = [&file](Variables variables, const std::vector<Flag>& flags) {
        return load(file, std::move(variables), flags).routes.at(0).policy.default_ttl;
    };
    CHECK(ttl({}, {}) == 1s);
    CHECK(ttl({{"REDIS_TTL", "2"}}, {}) == 2s);
    CHECK(ttl({{"REDIS_TTL", "2"}, {"WEIR_TTL", "3s"}}, {}) == 3s);
    CHECK(ttl({{"REDIS_TTL", "2"}, {"WEIR_TTL", "3s"}}, {{"--ttl", "4s"}}) == 4s);
    CHECK(ttl({{"WEIR_TTL", "3s"}}, {{"--ttl", "off"}}) == std::nullopt);
    CHECK(load(file).workers == 1);
    CHECK(load("upstream: http://file").workers == 0);
}

TEST_CASE("an override keeps the settings it does not name") {
    const std::string file =
        "upstream: {servers: [http://file], max_connections: 7}\n"
        "redis: {host: file, password: secret, command_budget: 7ms}\n"
        "routes: [{path: /own, ttl: 9s}, {path: /none, ttl: off}]\n";
    const Config config = load(file, {{"REDIS_HOST", "variable"}, {"REDIS_TTL", "2"}}, {{"--upstream", "http://flag"}});
    CHECK(config.upstreams.at(0).servers == std::vector<Endpoint>{{"flag", 80}});
    CHECK(config.upstreams.at(0).max_connections == 7);
    REQUIRE(config.redis);
    CHECK(config.redis->host == "variable");
    CHECK(config.redis->password == "secret");
    CHECK(config.redis->command_budget == 7ms);
    CHECK(config.routes.at(0).policy.default_ttl == 9s);
    CHECK(config.routes.at(1).policy.default_ttl == std::nullopt);
    CHECK(config.routes.at(2).policy.default_ttl == 2s);
    CHECK_FALSE(load(file, {}, {{"--redis", "off"}}).redis);
}

TEST_CASE("the help names every flag and variable") {
    const std::string help = help_text();
    for (const config::Setting& setting : config::settings()) {
        CHECK(help.find(setting.flag) != std::string::npos);
        CHECK(help.find(setting.variable) != std::string::npos);
    }
}

}  // namespace
}  // namespace proxy
