#include "proxy/rules/invalidation.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

TEST_CASE("invalidated_keys: RFC 9111 §4.4") {
    using enum http::verb;
    const std::string target = "http://example.com/path?a=1";
    struct Row {
        std::string_view name;
        http::verb method;
        unsigned status;
        const char* lines;
        std::vector<std::string> expected;
    };
    const Row rows[] = {
        {"POST", post, 200, "", {target}},
        {"PUT", put, 204, "", {target}},
        {"DELETE", delete_, 200, "", {target}},
        {"an unknown method", unknown, 200, "", {target}},
        {"a redirection is no error", post, 303, "", {target}},
        {"GET", get, 200, "Location: /x", {}},
        {"HEAD", head, 200, "", {}},
        {"OPTIONS", options, 200, "", {}},
        {"a client error", post, 404, "Location: /x", {}},
        {"a server error", post, 500, "", {}},
        {"an interim response", post, 103, "", {}},
        {"Location", post, 201, "Location: /x", {target, "http://example.com/x"}},
        {"Content-Location", post, 200, "Content-Location: http://example.com:80/x", {target, "http://example.com/x"}},
        {"both",
         post,
         200,
         "Content-Location: /x\nLocation: /y",
         {target, "http://example.com/y", "http://example.com/x"}},
        {"the target itself", post, 200, "Content-Location: /path?a=1", {target}},
        {"another origin", post, 200, "Location: http://example.org/x\nContent-Location: //b/c", {target}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.lines);
        CHECK(invalidated_keys(request_with({}, row.method), response_with(lines, row.status), {}) == row.expected);
    }
}

TEST_CASE("invalidated_keys: by the rules of the route's keys") {
    using http::verb::post;
    const Lines lines("Location: /a/../x?gclid=1\nContent-Location: http://site.example/y");
    KeyPolicy fixed_host;
    fixed_host.host = "site.example";
    fixed_host.path = PathPolicy::normalise;
    fixed_host.ignore_tracking = true;
    CHECK(invalidated_keys(request_with({}, post), response_with(lines), fixed_host) ==
          std::vector<std::string>{"http://site.example/path?a=1", "http://site.example/x", "http://site.example/y"});
    KeyPolicy without_query;
    without_query.query = QueryPolicy::drop;
    CHECK(invalidated_keys(request_with({}, post), response_with({}), without_query) ==
          std::vector<std::string>{"http://example.com/path"});
}
