#include "proxy/config/values.hpp"

#include <doctest/doctest.h>

#include <functional>

namespace proxy::config {
namespace {

using namespace std::chrono_literals;

std::string bad_value(const std::function<void()>& read) {
    try {
        read();
    } catch (const BadValue& bad) {
        return bad.what();
    }
    return "";
}

TEST_CASE("duration_from") {
    constexpr const char* forms = "expected a whole number with a unit such as 200ms, 300s, 5m, 1h or 1d";
    struct Row {
        std::string text;
        milliseconds expected;
        std::string problem;
    };
    const Row rows[] = {
        {"200ms", 200ms, ""},
        {"300s", 300s, ""},
        {"5m", 5min, ""},
        {"1h", 1h, ""},
        {"2d", 48h, ""},
        {"0s", 0s, ""},
        {"300", {}, "\"300\" has no unit, " + std::string(forms) + "; did you mean \"300s\"?"},
        {"", {}, "\"\" is not a duration, " + std::string(forms)},
        {"s", {}, "\"s\" is not a duration, " + std::string(forms)},
        {"-1s", {}, "\"-1s\" is not a duration, " + std::string(forms)},
        {"1.5s", {}, "\"1.5s\" is not a duration, " + std::string(forms)},
        {"1 s", {}, "\"1 s\" is not a duration, " + std::string(forms)},
        {"1S", {}, "\"1S\" is not a duration, " + std::string(forms)},
        {"99999999999999999s", {}, "\"99999999999999999s\" is not a duration, " + std::string(forms)},
        {"3d", {}, "\"3d\" is out of range, expected 0s to 2d"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        milliseconds value{};
        CHECK(bad_value([&] { value = duration_from(row.text, 0s, 48h); }) == row.problem);
        CHECK(value == row.expected);
    }
}

TEST_CASE("factor_from") {
    constexpr const char* forms = " is not a factor, expected on, off or a number such as 1.5";
    constexpr const char* range = " is out of range, expected 0.1 to 10, or off";
    struct Row {
        std::string text;
        double expected;
        std::string problem;
    };
    const Row rows[] = {
        {"off", 0, ""},
        {"on", 1, ""},
        {"2", 2, ""},
        {"0.5", 0.5, ""},
        {"10", 10, ""},
        {"0", -1, "\"0\"" + std::string(range)},
        {"10.5", -1, "\"10.5\"" + std::string(range)},
        {"-1", -1, "\"-1\"" + std::string(range)},
        {"", -1, "\"\"" + std::string(forms)},
        {"1,5", -1, "\"1,5\"" + std::string(forms)},
        {"1e0", -1, "\"1e0\"" + std::string(forms)},
        {"nan", -1, "\"nan\"" + std::string(forms)},
        {"inf", -1, "\"inf\"" + std::string(forms)},
        {"true", -1, "\"true\"" + std::string(forms)},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        double value = -1;
        CHECK(bad_value([&] { value = factor_from(row.text, 0.1, 10); }) == row.problem);
        CHECK(value == row.expected);
    }
    for (const double factor : {0.0, 0.1, 0.7, 1.0, 1.5, 10.0})
        CHECK(factor_from(factor_text(factor), 0.1, 10) == factor);
}

TEST_CASE("percent_from") {
    struct Row {
        std::string text;
        unsigned expected;
        std::string problem;
    };
    const Row rows[] = {
        {"0%", 0, ""},
        {"10%", 10, ""},
        {"50%", 50, ""},
        {"51%", 99, "\"51%\" is out of range, expected 0% to 50%"},
        {"10", 99, "\"10\" is not a percentage, expected a whole one such as 10%"},
        {"%", 99, "\"%\" is not a percentage, expected a whole one such as 10%"},
        {"2.5%", 99, "\"2.5%\" is not a percentage, expected a whole one such as 10%"},
        {"-1%", 99, "\"-1%\" is not a percentage, expected a whole one such as 10%"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        unsigned value = 99;
        CHECK(bad_value([&] { value = percent_from(row.text, 50); }) == row.problem);
        CHECK(value == row.expected);
    }
}

TEST_CASE("duration_text takes the largest unit that divides") {
    CHECK(duration_text(0ms) == "0s");
    CHECK(duration_text(1ms) == "1ms");
    CHECK(duration_text(1500ms) == "1500ms");
    CHECK(duration_text(90s) == "90s");
    CHECK(duration_text(300s) == "5m");
    CHECK(duration_text(24h) == "1d");
}

TEST_CASE("size_from") {
    struct Row {
        std::string text;
        std::uint64_t expected;
        std::string problem;
    };
    const Row rows[] = {
        {"0", 0, ""},
        {"4096", 4096, ""},
        {"1B", 1, ""},
        {"64k", 65'536, ""},
        {"1M", 1'048'576, ""},
        {"64KiB", 65'536, ""},
        {"8MB", 8'000'000, ""},
        {"256MiB", 268'435'456, ""},
        {"1GiB", 1'073'741'824, ""},
        {"2GiB", 0, "\"2GiB\" is out of range, expected 0 to 1GiB"},
        {"12 parrots", 0, "\"12 parrots\" is not a size, expected bytes such as 64KiB, 8MB, 256MiB or 4096"},
        {"-1", 0, "\"-1\" is not a size, expected bytes such as 64KiB, 8MB, 256MiB or 4096"},
        {"9999999999TiB", 0, "\"9999999999TiB\" is not a size, expected bytes such as 64KiB, 8MB, 256MiB or 4096"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        std::uint64_t value = 0;
        CHECK(bad_value([&] { value = size_from(row.text, 0, 1ull << 30); }) == row.problem);
        CHECK(value == row.expected);
    }
}

TEST_CASE("size_text is read again as the same size") {
    for (const std::uint64_t bytes : {0ull, 1ull, 1023ull, 1024ull, 1ull << 20, 3ull << 30, 8'000'000ull})
        CHECK(size_from(size_text(bytes), 0, 1ull << 40) == bytes);
    CHECK(size_text(256ull << 20) == "256MiB");
}

TEST_CASE("endpoint_from") {
    constexpr const char* forms = "expected an address such as 127.0.0.1:8080, [::1]:8080 or :8080";
    struct Row {
        std::string text;
        Endpoint expected;
        std::string problem;
    };
    const Row rows[] = {
        {"127.0.0.1:8080", {"127.0.0.1", 8080}, ""},
        {"localhost:80", {"localhost", 80}, ""},
        {"[::1]:8080", {"::1", 8080}, ""},
        {":8080", {"0.0.0.0", 8080}, ""},
        {"8080", {"0.0.0.0", 8080}, ""},
        {"127.0.0.1:0", {"127.0.0.1", 0}, ""},
        {"127.0.0.1", {}, "\"127.0.0.1\" has no port, " + std::string(forms)},
        {"[::1]", {}, "\"[::1]\" has no port, " + std::string(forms)},
        {"::1:8080", {}, "\"::1:8080\" is not an address, " + std::string(forms)},
        {"[::1]8080", {}, "\"[::1]8080\" is not an address, " + std::string(forms)},
        {"[::1", {}, "\"[::1\" is not an address, " + std::string(forms)},
        {"http://a:80", {}, "\"http://a:80\" is not an address, " + std::string(forms)},
        {"a:65536", {}, "\"65536\" is not a port, expected 0 to 65535"},
        {"a:", {}, "\"\" is not a port, expected 0 to 65535"},
        {"a:8o", {}, "\"8o\" is not a port, expected 0 to 65535"},
        {"", {}, "\"\" has no port, " + std::string(forms)},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        Endpoint value;
        CHECK(bad_value([&] { value = endpoint_from(row.text, "0.0.0.0"); }) == row.problem);
        CHECK(value == row.expected);
    }
}

TEST_CASE("server_from") {
    struct Row {
        std::string text;
        Endpoint expected;
        std::string problem;
    };
    const Row rows[] = {
        {"http://127.0.0.1:9000", {"127.0.0.1", 9000}, ""},
        {"http://origin.example/", {"origin.example", 80}, ""},
        {"http://[::1]:9000", {"::1", 9000}, ""},
        {"origin:9000", {"origin", 9000}, ""},
        {"https://origin", {}, "TLS to upstreams is not supported, expected http://host:port"},
        {"http://origin:9000/api",
         {},
         "\"http://origin:9000/api\" has a path, expected none: the path of the request is kept"},
        {"origin", {}, "\"origin\" has no port, expected a URL such as http://127.0.0.1:9000"},
        {"9000", {}, "\"9000\" is not an upstream, expected a URL such as http://127.0.0.1:9000"},
        {"ftp://origin:21", {}, "\"ftp://origin:21\" is not an upstream, expected a URL such as http://127.0.0.1:9000"},
        {"http://", {}, "\"http://\" is not an upstream, expected a URL such as http://127.0.0.1:9000"},
        {"http://u:p@origin:80",
         {},
         "\"http://u:p@origin:80\" is not an upstream, expected a URL such as http://127.0.0.1:9000"},
        {"http://origin:0", {}, "\"0\" is not a port, expected 1 to 65535"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        Endpoint value;
        CHECK(bad_value([&] { value = server_from(row.text); }) == row.problem);
        CHECK(value == row.expected);
    }
}

TEST_CASE("apply_redis_url: what it names") {
    struct Row {
        std::string url;
        RedisConfig expected;
    };
    const auto at = [](std::string host, std::uint16_t port, std::uint32_t database, std::string user = "",
                       std::string password = "") {
        RedisConfig redis;
        redis.host = std::move(host);
        redis.port = port;
        redis.database = database;
        redis.username = std::move(user);
        redis.password = std::move(password);
        return redis;
    };
    const Row rows[] = {
        {"redis://cache:6380/3", at("cache", 6380, 3)},
        {"redis://cache", at("cache", 6379, 0)},
        {"redis://cache/", at("cache", 6379, 0)},
        {"redis://[::1]:6380/1", at("::1", 6380, 1)},
        {"redis://:secret@cache", at("cache", 6379, 0, "", "secret")},
        {"redis://me:p%40ss:w/d@cache:6380/2", at("cache", 6380, 2, "me", "p@ss:w/d")},
    };
    for (const Row& row : rows) {
        CAPTURE(row.url);
        RedisConfig redis;
        redis.unix_socket = "/replaced";
        redis.username = redis.password = "replaced";
        redis.key_prefix = "kept";
        apply_redis_url(redis, row.url);
        CHECK(redis.host == row.expected.host);
        CHECK(redis.port == row.expected.port);
        CHECK(redis.database == row.expected.database);
        CHECK(redis.username == row.expected.username);
        CHECK(redis.password == row.expected.password);
        CHECK(redis.unix_socket.empty());
        CHECK(redis.key_prefix == "kept");
    }
    RedisConfig redis;
    apply_redis_url(redis, "unix:///run/redis.sock");
    CHECK(redis.unix_socket == "/run/redis.sock");
}

TEST_CASE("apply_redis_url: what is wrong, without the password") {
    constexpr const char* forms = "expected redis://[user:password@]host:port/db or unix:///path";
    struct Row {
        std::string url;
        std::string problem;
    };
    const Row rows[] = {
        {"cache:6379", "the text is not a Redis URL, " + std::string(forms)},
        {"rediss://cache", "TLS to Redis is not supported, " + std::string(forms)},
        {"redis://", "the URL has no host, " + std::string(forms)},
        {"redis://:secret@", "the URL has no host, " + std::string(forms)},
        {"redis://secret@cache", "there is no : before the @, expected user:password@ or :password@"},
        {"redis://m%ea:secret@cache", "the value is not text, expected UTF-8 without control characters"},
        {"redis://m%00:secret@cache", "the value is not text, expected UTF-8 without control characters"},
        {"redis://:se%zz@cache", "the user or the password has a % that begins no escape, expected %25 for it"},
        {"redis://:se%2@cache", "the user or the password has a % that begins no escape, expected %25 for it"},
        {"redis://user:secret", "the URL's port is not a port, expected 1 to 65535"},
        {"redis://cache/one", "\"one\" is not a whole number, expected 0 to 65535"},
        {"unix://", "the URL has no path, expected unix:///path"},
        {"unix://run", "\"run\" is not the path of a socket, expected an absolute one of at most 107 bytes"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.url);
        RedisConfig redis;
        CHECK(bad_value([&] { apply_redis_url(redis, row.url); }) == row.problem);
        CHECK(redis.host == "127.0.0.1");
    }
}

TEST_CASE("checked texts") {
    struct Row {
        std::string name;
        std::string (*check)(std::string_view);
        std::string text;
        std::string problem;
    };
    const Row rows[] = {
        {"a route's host", route_host_from, "www.example.org", ""},
        {"with a port", route_host_from, "example.org:80",
         "\"example.org:80\" is not a host, expected a name without port and wildcards, such as www.example.org"},
        {"with a wildcard", route_host_from, "*.example.org",
         "\"*.example.org\" is not a host, expected a name without port and wildcards, such as www.example.org"},
        {"an IPv6 host", route_host_from, "[::1]", ""},
        {"a relative path", path_from, "api",
         "\"api\" is not a path, expected one that begins with / and has no query"},
        {"a path with query", path_from, "/api?x",
         "\"/api?x\" is not a path, expected one that begins with / and has no query"},
        {"a path that is not as it is compared", path_from, "/%7euser/..",
         "\"/%7euser/..\" is not in normal form, expected \"/\""},
        {"a path with an encoded slash", path_from, "/a%2Fb", ""},
        {"a Host field", host_field_from, "www.example.org:8080", ""},
        {"an IPv6 address as Host", host_field_from, "[::1]:8080", ""},
        {"no Host", host_field_from, "", ""},
        {"a Host with a path", host_field_from, "www.example.org/shop",
         "\"www.example.org/shop\" is not a host, expected a name such as www.example.org; did you mean "
         "\"www.example.org\"?"},
        {"a URL", host_field_from, "http://www.example.org:81/",
         "\"http://www.example.org:81/\" is not a host, expected a name such as www.example.org; did you mean "
         "\"www.example.org:81\"?"},
        {"a Host without name", host_field_from, ":80",
         "\":80\" is not a host, expected a name such as www.example.org"},
        {"a Host with two ports", host_field_from, "a:1:2",
         "\"a:1:2\" is not a host, expected a name such as www.example.org"},
        {"a Host with a port that is none", host_field_from, "a:0", "\"0\" is not a port, expected 1 to 65535"},
        {"that would split the header", host_field_from, "a\r\nb",
         "\"a\r\nb\" is not a host, expected a name such as www.example.org"},
        {"Redis' host with port", redis_host_from, "cache:6379",
         "\"cache:6379\" has a port, expected the host alone and the port under `port`"},
        {"Redis' host by IPv6", redis_host_from, "::1", ""},
        {"a prefix with a hash tag", key_prefix_from, "{weir}",
         "\"{weir}\" is not a prefix, expected letters, digits and . _ - :"},
        {"a field name", token_from, "Accept-Language", ""},
        {"a field name with colon", token_from,
         "Accept:", "\"Accept:\" is not a token of HTTP, expected letters, digits and -"},
        {"a protocol", protocol_from, "websocket", ""},
        {"a protocol with a version", protocol_from, "x/1.0", ""},
        {"a protocol that is none", protocol_from, "web socket",
         "\"web socket\" is not a protocol, expected one such as websocket"},
        {"a protocol with an empty version", protocol_from, "x/",
         "\"x/\" is not a protocol, expected one such as websocket"},
        {"HTTP in disguise", protocol_from, "h2c",
         "\"h2c\" would carry requests past the cache, expected one such as websocket"},
        {"a field for the key", key_field_from, "X-Device", ""},
        {"a field that the origin gets from us", key_field_from, "X-Forwarded-For",
         "\"X-Forwarded-For\" does not reach the origin as the client sent it, expected a field that does"},
        {"a field of one connection", key_field_from, "TE",
         "\"TE\" does not reach the origin as the client sent it, expected a field that does"},
        {"a field for the key that is none", key_field_from, "X Device",
         "\"X Device\" is not a token of HTTP, expected letters, digits and -"},
        {"a parameter", parameter_from, "utm_*", ""},
        {"two parameters", parameter_from, "a&b",
         "\"a&b\" is not the name of a parameter, expected one such as utm_source or utm_*"},
        {"an unknown endpoint", local_path_from, "/metric",
         "\"/metric\" is no endpoint, expected /metrics, /health, /livez or /readyz; did you mean \"/metrics\"?"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(bad_value([&] { (void)row.check(row.text); }) == row.problem);
    }
    CHECK(route_host_from("WWW.Example.org") == "www.example.org");
}

}  // namespace
}  // namespace proxy::config
