#include "proxy/rules/storable.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

namespace {

constexpr auto get = http::verb::get;

// "stored", or why not.
std::string decided(http::verb method, const char* request_lines, bool has_content, unsigned status,
                    const std::string& response_lines, const Policy& policy) {
    const Lines request(request_lines), lines(response_lines);
    const ResponseHeader response = response_with(lines, status);
    const Storing storing =
        decide_storing(request_with(request, method), has_content, response, arrival_of(response, t, t), policy);
    if (const Uncacheable* reason = std::get_if<Uncacheable>(&storing)) return std::string{to_string(*reason)};
    return "stored";
}

}  // namespace

TEST_CASE("decide_storing: the request, RFC 9111 §3, §3.5, RFC 9110 §9.3.3") {
    Policy honouring;
    honouring.honour_request_directives = true;
    struct Row {
        std::string_view name;
        http::verb method;
        const char* request;
        bool has_content;
        const char* response;
        Policy policy;
        std::string_view expected;
    };
    using enum http::verb;
    const Row rows[] = {
        {"GET", get, "", false, "Cache-Control: max-age=9", {}, "stored"},
        {"GET with content", get, "", true, "Cache-Control: max-age=9", {}, "request-content"},
        {"HEAD", head, "", false, "Cache-Control: max-age=9", {}, "method"},
        {"PUT", put, "", true, "Cache-Control: max-age=9", {}, "method"},
        {"an unknown method", unknown, "", false, "Cache-Control: max-age=9", {}, "method"},
        {"POST", post, "", true, "Cache-Control: max-age=9", {}, "method"},
        {"POST that stands for GET",
         post,
         "",
         true,
         "Cache-Control: max-age=9\nContent-Location: /path?a=1",
         {},
         "stored"},
        {"POST that stands for GET, absolute",
         post,
         "",
         true,
         "Cache-Control: max-age=9\nContent-Location: http://example.com:80/path?a=1",
         {},
         "stored"},
        {"POST that stands for another",
         post,
         "",
         true,
         "Cache-Control: max-age=9\nContent-Location: /path",
         {},
         "method"},
        {"POST without explicit freshness", post, "", true, "ETag: \"a\"\nContent-Location: /path?a=1", {}, "method"},
        {"no-store of the client", get, "Cache-Control: no-store", false, "Cache-Control: max-age=9", {}, "stored"},
        {"no-store of the client, honoured", get, "Cache-Control: no-store", false, "Cache-Control: max-age=9",
         honouring, "request-no-store"},
        {"Authorization", get, "Authorization: x", false, "Cache-Control: max-age=9", {}, "authorization"},
        {"Authorization and public", get, "Authorization: x", false, "Cache-Control: max-age=9, public", {}, "stored"},
        {"Authorization and s-maxage", get, "Authorization: x", false, "Cache-Control: s-maxage=9", {}, "stored"},
        {"Authorization and must-revalidate",
         get,
         "Authorization: x",
         false,
         "Cache-Control: max-age=9, must-revalidate",
         {},
         "stored"},
        {"Authorization and proxy-revalidate",
         get,
         "Authorization: x",
         false,
         "Cache-Control: max-age=9, proxy-revalidate",
         {},
         "authorization"},
        {"Authorization made hop-by-hop",
         get,
         "Authorization: x\nConnection: authorization",
         false,
         "Cache-Control: max-age=9",
         {},
         "authorization"},
        {"Cookie alone forbids nothing", get, "Cookie: a=b", false, "Cache-Control: max-age=9", {}, "stored"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(decided(row.method, row.request, row.has_content, 200, row.response, row.policy) == row.expected);
    }
}

TEST_CASE("decide_storing: the response, RFC 9111 §3") {
    Policy cookies_stored, cookies_stripped, with_errors, override, with_default, errors_with_default, windows;
    cookies_stored.set_cookie = SetCookiePolicy::store;
    cookies_stripped.set_cookie = SetCookiePolicy::strip;
    with_errors.store_errors = true;
    override.override_ttl = 300s;
    with_default.default_ttl = 300s;
    errors_with_default = with_default;
    errors_with_default.store_errors = true;
    windows.stale_if_error = 60s;
    const std::string old = "Last-Modified: Sun, 06 Nov 1988 08:49:37 GMT\n";
    struct Row {
        std::string_view name;
        unsigned status;
        std::string lines;
        Policy policy;
        std::string_view expected;
    };
    const Row rows[] = {
        {"nothing said", 200, "", {}, "no-freshness"},
        {"nothing said, but default_ttl", 200, "", with_default, "stored"},
        {"heuristics", 200, old, {}, "stored"},
        {"only an ETag", 200, "ETag: \"a\"", {}, "stored"},
        {"only an empty ETag", 200, "ETag:", {}, "no-freshness"},
        {"only an invalid Last-Modified", 200, "Last-Modified: x", {}, "no-freshness"},
        {"stale on arrival: the grace for a lost origin is no use of its own",
         200,
         "Cache-Control: max-age=0",
         {},
         "no-freshness"},
        {"stale on arrival by Age", 200, "Cache-Control: max-age=10\nAge: 10", {}, "no-freshness"},
        {"stale on arrival, with validator", 200, "Cache-Control: max-age=0\nETag: \"a\"", {}, "stored"},
        {"stale on arrival, with a window", 200, "Cache-Control: max-age=0, stale-while-revalidate=9", {}, "stored"},
        {"stale on arrival, with the operator's window", 200, "Cache-Control: max-age=0", windows, "stored"},
        {"stale beyond the window", 200, "Cache-Control: max-age=0\nAge: 60", windows, "no-freshness"},
        {"no-cache", 200, "Cache-Control: no-cache, max-age=9", {}, "no-freshness"},
        {"no-cache with validator", 200, "Cache-Control: no-cache\nETag: \"a\"", {}, "stored"},
        {"must-revalidate, fresh", 200, "Cache-Control: max-age=9, must-revalidate", {}, "stored"},
        {"an invalid Expires", 200, "Expires: 0", {}, "no-freshness"},

        {"no-store", 200, "Cache-Control: max-age=9, no-store", {}, "no-store"},
        {"no-store whatever the operator says", 200, "Cache-Control: no-store", override, "no-store"},
        {"private", 200, "Cache-Control: max-age=9, private", {}, "private"},
        {"private whatever the operator says", 200, "Cache-Control: private", override, "private"},
        {"private with field names", 200, "Cache-Control: max-age=9, private=\"X-A\"", {}, "stored"},
        {"a targeted field lifts both",
         200,
         "Cache-Control: no-store, private\nCDN-Cache-Control: max-age=9",
         {},
         "stored"},
        {"no-store of a targeted field", 200, "Cache-Control: max-age=9\nCDN-Cache-Control: no-store", {}, "no-store"},
        {"Pragma says nothing", 200, "Pragma: no-cache\nCache-Control: max-age=9", {}, "stored"},

        {"must-understand, a status we understand",
         200,
         "Cache-Control: max-age=9, no-store, must-understand",
         {},
         "stored"},
        {"must-understand, one we do not", 299, "Cache-Control: max-age=9, must-understand", {}, "status"},

        {"Set-Cookie", 200, "Cache-Control: max-age=9, public\nSet-Cookie: a=b", {}, "set-cookie"},
        {"Set-Cookie stored", 200, "Cache-Control: max-age=9\nSet-Cookie: a=b", cookies_stored, "stored"},
        {"Set-Cookie stripped", 200, "Cache-Control: max-age=9\nSet-Cookie: a=b", cookies_stripped, "stored"},
        {"Set-Cookie that the origin exempts",
         200,
         "Cache-Control: max-age=9, no-cache=\"Set-Cookie\"\nSet-Cookie: a=b",
         {},
         "stored"},
        {"Set-Cookie whatever the operator says", 200, "Set-Cookie: a=b", override, "set-cookie"},

        {"Vary", 200, "Cache-Control: max-age=9\nVary: Accept", {}, "stored"},
        {"Vary: *", 200, "Cache-Control: max-age=9\nVary: *", {}, "vary-any"},
        {"Vary: * among others", 200, "Cache-Control: max-age=9\nVary: Accept\nVary: Foo, *", {}, "vary-any"},

        {"an interim response", 103, "Cache-Control: max-age=9", {}, "status"},
        {"101", 101, "Cache-Control: max-age=9", {}, "status"},
        {"206, a part", 206, "Cache-Control: max-age=9\nContent-Range: bytes 0-4/10", {}, "stored"},
        {"206, a part by heuristics", 206, old + "Content-Range: bytes 0-4/10", {}, "stored"},
        {"206, a part of no known length", 206, "Cache-Control: max-age=9\nContent-Range: bytes 0-4/*", {}, "status"},
        {"206, several parts", 206, "Cache-Control: max-age=9\nContent-Type: multipart/byteranges", {}, "status"},
        {"206 that we do not want", 206, "Cache-Control: no-store\nContent-Range: bytes 0-4/10", {}, "no-store"},
        {"304", 304, "Cache-Control: max-age=9", {}, "status"},
        {"412", 412, "Cache-Control: max-age=9", {}, "status"},
        {"416", 416, "Cache-Control: max-age=9", {}, "status"},
        {"206 whatever the operator says", 206, "", override, "status"},
        {"302 by itself", 302, old, {}, "status"},
        {"302 with freshness", 302, "Cache-Control: max-age=9", {}, "stored"},
        {"302 that is public", 302, old + "Cache-Control: public", {}, "stored"},
        {"302 with only a validator", 302, "ETag: \"a\"", {}, "status"},
        {"404 by heuristics", 404, old, {}, "status"},
        {"404 by heuristics, chosen", 404, old, with_errors, "stored"},
        {"404 by default_ttl", 404, "", with_default, "status"},
        {"404 by default_ttl, chosen", 404, "", errors_with_default, "stored"},
        {"404 overridden", 404, "", override, "status"},
        {"404 with only a validator", 404, "ETag: \"a\"", {}, "status"},
        {"404 with freshness", 404, "Cache-Control: max-age=9", {}, "stored"},
        {"500 by itself, even then", 500, old, with_errors, "status"},
        {"500 with freshness", 500, "Cache-Control: max-age=9", {}, "stored"},
        {"500 overridden", 500, "", override, "status"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(decided(get, "", false, row.status, row.lines, row.policy) == row.expected);
    }
    for (const unsigned status :
         {200u, 203u, 204u, 299u, 301u, 307u, 401u, 403u, 404u, 405u, 410u, 414u, 499u, 502u, 599u, 999u}) {
        CAPTURE(status);
        CHECK(decided(get, "", false, status, "Cache-Control: max-age=9", {}) == "stored");
    }
    for (const unsigned status : {200u, 203u, 204u, 300u, 301u, 308u}) {
        CAPTURE(status);
        CHECK(decided(get, "", false, status, old, {}) == "stored");
    }
    for (const unsigned status : {404u, 405u, 410u, 414u, 501u}) {
        CAPTURE(status);
        CHECK(decided(get, "", false, status, old, with_errors) == "stored");
    }
    // What a client provokes by more than the URI, whatever origin and operator say.
    for (const unsigned status : {400u, 406u, 408u, 411u, 413u, 415u, 417u, 421u, 425u, 426u, 428u, 429u, 431u, 505u}) {
        CAPTURE(status);
        CHECK(decided(get, "", false, status, "Cache-Control: max-age=9, public", errors_with_default) == "status");
    }
}

TEST_CASE("decide_storing: what is not what its path's extension says, where the route minds") {
    Policy matching;
    matching.match_extension = true;
    struct Row {
        std::string_view target, type;
        unsigned status;
        Policy policy;
        std::string_view expected;
    };
    const Row rows[] = {
        {"/account/x.css", "text/html", 200, {}, "stored"},
        {"/account/x.css", "text/html", 200, matching, "media-type"},
        {"/account/x.css", "text/css", 200, matching, "stored"},
        {"/account", "text/html", 200, matching, "stored"},
        {"/account/x.css", "text/html", 404, matching, "stored"},  // what an error looks like says nothing
    };
    for (const Row& row : rows) {
        CAPTURE(row.target);
        const Lines none(""), lines("Cache-Control: max-age=9\nContent-Type: " + std::string{row.type});
        RequestHeader request = request_with(none);
        request.target = row.target;
        const ResponseHeader response = response_with(lines, row.status);
        const Storing storing = decide_storing(request, false, response, arrival_of(response, t, t), row.policy);
        const auto* reason = std::get_if<Uncacheable>(&storing);
        CHECK((reason ? to_string(*reason) : "stored") == row.expected);
    }
}

TEST_CASE("decide_storing: a part that was asked for with If-Range may lack fields, RFC 9110 §15.3.7") {
    const std::string part = "Cache-Control: max-age=9\nContent-Range: bytes 0-4/10";
    CHECK(decided(get, "Range: bytes=0-4", false, 206, part, {}) == "stored");
    CHECK(decided(get, "Range: bytes=0-4\nIf-Range: \"a\"", false, 206, part, {}) == "status");
}

TEST_CASE("decide_storing gives the freshness to store with") {
    const Lines request(""), lines("Cache-Control: max-age=9");
    const Storing storing = decide_storing(request_with(request), false, response_with(lines), {t, t, t, 0s}, {});
    CHECK(std::get<Freshness>(storing).lifetime == 9s);
}

TEST_CASE("ends_what_is_stored: not for what concerns one client") {
    using enum Uncacheable;
    CHECK(ends_what_is_stored(200, no_store));
    CHECK(ends_what_is_stored(200, is_private));
    CHECK(ends_what_is_stored(404, no_freshness));
    CHECK(ends_what_is_stored(200, too_large));
    CHECK_FALSE(ends_what_is_stored(200, std::nullopt));
    for (const Uncacheable reason : {authorization, incomplete, invalidated, method, request_content, request_no_store})
        CHECK_FALSE(ends_what_is_stored(200, reason));
    for (const unsigned status : {400u, 401u, 403u, 407u, 429u, 431u})
        CHECK_FALSE(ends_what_is_stored(status, no_store));
}
