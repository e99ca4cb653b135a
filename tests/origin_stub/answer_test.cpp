#include "origin-stub/answer.hpp"

#include <doctest/doctest.h>

#include <boost/beast/http/fields.hpp>
#include <nlohmann/json.hpp>

using namespace origin_stub;
using namespace std::chrono_literals;

namespace {

constexpr sys_seconds now{784111777s};  // Sun, 06 Nov 1994 08:49:37 GMT
constexpr const char* item = R"({"key":"foo","value":"value_for_foo","source":"origin"})";

Request get(std::string target, std::vector<FieldLine> fields = {}) {
    Request request;
    request.method = "GET";
    request.target = std::move(target);
    request.fields = std::move(fields);
    return request;
}

Answer make_answer(const Request& request, milliseconds default_latency, sys_seconds at) {
    Versions versions;
    return make_answer(request, versions, default_latency, at);
}

std::string content_of(const Answer& answer) { return answer.content.read(0, 1'000'000); }

std::string field(const Answer& answer, std::string_view name) {
    const auto found = answer.head.find({name.data(), name.size()});
    return found == answer.head.end() ? "(none)" : std::string(found->value());
}

}  // namespace

TEST_CASE("make_answer: an item") {
    const Answer answer = make_answer(get("/items/foo"), 200ms, now);
    CHECK(answer.head.result_int() == 200);
    CHECK(content_of(answer) == item);
    CHECK(field(answer, "Content-Type") == "application/json");
    CHECK(field(answer, "Content-Length") == "55");
    CHECK(field(answer, "Date") == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(field(answer, "Cache-Control") == "(none)");
    CHECK(field(answer, "Connection") == "(none)");
    CHECK(answer.latency == 200ms);
    CHECK(answer.keep_alive);
}

TEST_CASE("make_answer: keys and paths") {
    struct Row {
        std::string name;
        const char* target;
        unsigned status;
        const char* content;
    };
    const Row rows[] = {
        {"absolute form", "http://example.com/items/foo", 200, item},
        {"a query that says nothing", "/items/foo?a=1", 200, item},
        {"percent-encoded", "/items/%66oo", 200, item},
        {"quotes in the key", "/items/a%22b", 200, R"({"key":"a\"b","value":"value_for_a\"b","source":"origin"})"},
        {"a slash in the key", "/items/a/b", 200, R"({"key":"a/b","value":"value_for_a/b","source":"origin"})"},
        {"a malformed escape stays", "/items/a%", 200, R"({"key":"a%","value":"value_for_a%","source":"origin"})"},
        {"no key", "/items/", 404, R"({"error":"no such path"})"},
        {"no such path", "/", 404, R"({"error":"no such path"})"},
        {"a wrong knob", "/items/foo?status=9", 400,
         R"({"error":"status: expected a status from 200 to 599, got '9'"})"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Answer answer = make_answer(get(row.target), 0ms, now);
        CHECK(answer.head.result_int() == row.status);
        CHECK(content_of(answer) == row.content);
    }
}

TEST_CASE("make_answer: fields that knobs set") {
    struct Row {
        std::string name;
        const char* query;
        const char* field;
        const char* value;
    };
    const Row rows[] = {
        {"Cache-Control", "cache_control=max-age=60", "Cache-Control", "max-age=60"},
        {"ETag", "etag=v1", "ETag", "\"v1\""},
        {"Last-Modified", "last_modified=-37", "Last-Modified", "Sun, 06 Nov 1994 08:49:00 GMT"},
        {"Expires from now", "expires=+23", "Expires", "Sun, 06 Nov 1994 08:50:00 GMT"},
        {"Expires that is no date", "expires=0", "Expires", "0"},
        {"Age", "age=x", "Age", "x"},
        {"Vary", "vary=Accept", "Vary", "Accept"},
        {"Set-Cookie", "set_cookie=a=1", "Set-Cookie", "a=1"},
        {"any field", "header=X-Any:thing", "X-Any", "thing"},
        {"no Date", "no_date=1", "Date", "(none)"},
        {"a long answer", "size=1048576", "Content-Length", "1048576"},
        {"chunked", "chunked=1", "Transfer-Encoding", "chunked"},
        {"chunked has no length", "chunked=1", "Content-Length", "(none)"},
        {"trailers are chunked", "trailers=1", "Transfer-Encoding", "chunked"},
        {"HTTP/1.0 ends by closing", "http10=1", "Content-Length", "(none)"},
        {"HTTP/1.0 is never chunked", "http10=1&chunked=1", "Transfer-Encoding", "(none)"},
        {"close", "close=1", "Connection", "close"},
        {"truncated: as if complete", "truncate=3", "Content-Length", "55"},
        {"204 has no length", "status=204", "Content-Length", "(none)"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Answer answer = make_answer(get(std::string("/items/foo?") + row.query), 0ms, now);
        CHECK(field(answer, row.field) == row.value);
    }
}

TEST_CASE("make_answer: conditional requests") {
    struct Row {
        std::string name;
        const char* query;
        FieldLine condition;
        unsigned status;
    };
    const Row rows[] = {
        {"the client has it", "etag=v1", {"If-None-Match", "\"v1\""}, 304},
        {"the client has another", "etag=v2", {"If-None-Match", "\"v1\""}, 200},
        {"no ETag here", "", {"If-None-Match", "\"v1\""}, 200},
        {"not modified since", "last_modified=784111000", {"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}, 304},
        {"modified since", "last_modified=+1", {"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}, 200},
        {"no Last-Modified here", "", {"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}, 200},
        {"an error stays one", "etag=v1&status=500", {"If-None-Match", "\"v1\""}, 500},
        {"ranges only if asked for", "", {"Range", "bytes=0-3"}, 200},
        {"a range", "range=1", {"Range", "bytes=0-3"}, 206},
        {"a range behind the end", "range=1", {"Range", "bytes=100-"}, 416},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Answer answer = make_answer(get(std::string("/items/foo?") + row.query, {row.condition}), 0ms, now);
        CHECK(answer.head.result_int() == row.status);
        if (row.status == 304) CHECK(answer.content.size() == 0);
    }
    const Answer part = make_answer(get("/items/foo?range=1", {{"Range", "bytes=2-4"}}), 0ms, now);
    CHECK(content_of(part) == "key");
    CHECK(field(part, "Content-Range") == "bytes 2-4/55");
    CHECK(field(part, "Content-Length") == "3");
}

TEST_CASE("make_answer: methods") {
    Request request = get("/items/foo");
    request.method = "HEAD";
    const Answer head = make_answer(request, 0ms, now);
    CHECK(head.content.size() == 0);
    CHECK(field(head, "Content-Length") == "55");

    request.method = "POST";
    request.body_size = 7;
    CHECK(content_of(make_answer(request, 0ms, now)) ==
          R"({"key":"foo","method":"POST","received":7,"source":"origin"})");
}

TEST_CASE("make_answer: echo tells all") {
    Request request = get("/echo?a=1", {{"host", "x"}, {"X-A", "1"}, {"Host", "y"}});
    request.method = "PUT";
    request.chunked = true;
    request.body_size = 3;
    request.body_crc32 = 0x352441c2;
    request.body_start = "abc";
    request.trailers = {{"T", "v"}};
    const auto json = nlohmann::json::parse(content_of(make_answer(request, 200ms, now)));
    CHECK(json["method"] == "PUT");
    CHECK(json["target"] == "/echo?a=1");
    CHECK(json["version"] == "1.1");
    CHECK(json["fields"] == nlohmann::json::parse(R"([["host","x"],["X-A","1"],["Host","y"]])"));
    CHECK(json["chunked"] == true);
    CHECK(json["body"] == nlohmann::json::parse(R"({"size":3,"crc32":891568578,"start":"abc"})"));
    CHECK(json["trailers"] == nlohmann::json::parse(R"([["T","v"]])"));
    CHECK(make_answer(request, 200ms, now).latency == 0ms);
}

TEST_CASE("make_answer: a version and its validator, until it is raised") {
    Versions versions;
    const Request read = get("/versioned/a/b?cache_control=max-age=60", {{"If-None-Match", "\"1\""}});
    Request raising = read;
    raising.method = "POST";

    CHECK(make_answer(read, versions, 200ms, now).head.result_int() == 304);
    const Answer raised = make_answer(raising, versions, 200ms, now);
    CHECK(content_of(raised) == R"({"key":"a/b","version":2})");
    CHECK(raised.latency == 0ms);

    const Answer answer = make_answer(read, versions, 200ms, now);
    CHECK(answer.head.result_int() == 200);
    CHECK(content_of(answer) == versioned_content("a/b", 2).substr(0, 1'000'000));
    CHECK(field(answer, "ETag") == "\"2\"");
    CHECK(field(answer, "Surrogate-Key") == "a b");
    CHECK(field(answer, "Content-Type") == "text/plain");
    CHECK(field(answer, "Cache-Control") == "max-age=60");
    CHECK(answer.latency == 200ms);
}

TEST_CASE("make_answer: an HTTP/1.0 client") {
    Request request = get("/items/foo");
    request.version = 10;
    request.keep_alive = false;
    const Answer answer = make_answer(request, 0ms, now);
    CHECK(answer.head.version() == 10);
    CHECK_FALSE(answer.keep_alive);
    request.keep_alive = true;
    CHECK(field(make_answer(request, 0ms, now), "Connection") == "keep-alive");
    request.target += "?chunked=1";
    CHECK_FALSE(make_answer(request, 0ms, now).chunked);
}
