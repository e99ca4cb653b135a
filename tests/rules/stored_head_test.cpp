#include "proxy/rules/stored_head.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

TEST_CASE("fields_of and field_in: the lines of a stored head") {
    const std::string_view head = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nX-Mine:\r\nx-mine: \t \xe4 b \r\nno colon\r\n";
    const std::vector<Field> fields = fields_of(head);
    REQUIRE(fields.size() == 4);
    CHECK((fields[0].id == http::field::etag));
    CHECK(fields[0].value == "\"a\"");
    CHECK((fields[1].id == http::field::unknown));
    CHECK(fields[1].value == "");
    CHECK(fields[2].name == "x-mine");
    CHECK(fields[2].value == "\xe4 b");
    CHECK(field_in(head, "etag") == "\"a\"");
    CHECK(field_in(head, "X-MINE") == "");
    CHECK(field_in(head, "http/1.1 200 ok") == "");
    CHECK(field_in("", "a") == "");
    CHECK(fields_of("").empty());
    CHECK(fields_of("HTTP/1.1 200 OK").empty());
}

TEST_CASE("stored_head: RFC 9111 §3.1") {
    Policy cookies_stored, cookies_stripped;
    cookies_stored.set_cookie = SetCookiePolicy::store;
    cookies_stripped.set_cookie = SetCookiePolicy::strip;
    struct Row {
        std::string_view name;
        unsigned status;
        std::string lines;
        Policy policy;
        std::string expected;  // between the status line and Via
    };
    const std::string date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    const Row rows[] = {
        {"nothing", 200, "", {}, date},
        {"Date stays", 200, "Date: Sun, 06 Nov 1994 08:00:00 GMT", {}, "Date: Sun, 06 Nov 1994 08:00:00 GMT\r\n"},
        {"an invalid Date does not", 200, "A: 1\nDate: now\nB: 2", {}, "A: 1\r\nB: 2\r\n" + date},
        {"order, duplicates, empty values and odd bytes",
         200,
         "b: 2\nA: 1\nb:\nA: \xe4\xff",
         {},
         "b: 2\r\nA: 1\r\nb: \r\nA: \xe4\xff\r\n" + date},
        {"hop-by-hop fields",
         200,
         "Connection: X-A\nX-A: 1\nX-B: 2\nTransfer-Encoding: chunked\nUpgrade: x",
         {},
         "X-B: 2\r\n" + date},
        {"Age and the origin's length", 200, "Age: 5\nContent-Length: 99", {}, date},
        {"fields of no-cache and private",
         200,
         "Cache-Control: no-cache=\"X-A\", private=\"x-b, Date\"\nX-A: 1\nX-B: 2\nX-C: 3\nDate: Sun, 06 Nov 1994 "
         "08:00:00 GMT",
         {},
         "Cache-Control: no-cache=\"X-A\", private=\"x-b, Date\"\r\nX-C: 3\r\nDate: Sun, 06 Nov 1994 08:00:00 GMT\r\n"},
        {"Set-Cookie, stored", 200, "Set-Cookie: a", cookies_stored, "Set-Cookie: a\r\n" + date},
        {"Set-Cookie, stripped", 200, "Set-Cookie: a", cookies_stripped, date},
        {"a Via before ours", 200, "Via: 1.0 other", {}, "Via: 1.0 other\r\n" + date},
        {"targeted fields and Cache-Status pass",
         200,
         "CDN-Cache-Control: max-age=1\nCache-Status: Other; hit",
         {},
         "CDN-Cache-Control: max-age=1\r\nCache-Status: Other; hit\r\n" + date},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.lines);
        const ResponseHeader response = response_with(lines, row.status);
        CHECK(stored_head(response, arrival_of(response, t, t), 7, "weir", row.policy) ==
              "HTTP/1.1 200 Reason\r\n" + row.expected + "Via: 1.1 weir\r\nContent-Length: 7\r\n");
    }
}

TEST_CASE("stored_head: no Content-Length where no content is allowed") {
    const Lines lines(std::string{date_t} + "Content-Length: 0");
    CHECK(stored_head(response_with(lines, 204), {t, t, t, 0s}, 0, "weir", {}) ==
          "HTTP/1.1 204 Reason\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nVia: 1.1 weir\r\n");
}

TEST_CASE("updated_head: RFC 9111 §3.2") {
    const std::string_view head =
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:00:00 GMT\r\nX-A: 1\r\nx-a: 2\r\nX-B: 3\r\nETag: \"a\"\r\n"
        "Via: 1.1 weir\r\nContent-Length: 7\r\n";
    Policy cookies_stored;
    cookies_stored.set_cookie = SetCookiePolicy::store;
    const char* kept = "X-A: 1\r\nx-a: 2\r\nX-B: 3\r\n";
    const std::string end = "ETag: \"a\"\r\nVia: 1.1 weir\r\nContent-Length: 7\r\n";
    const std::string date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    struct Row {
        std::string_view name;
        const char* lines;
        Policy policy;
        std::string expected;  // all but the status line
    };
    const Row rows[] = {
        {"nothing but Date", date_t, {}, kept + end + date},
        {"no Date: we note the time", "", {}, kept + end + date},
        {"an invalid Date", "Date: now", {}, kept + end + date},
        {"all lines of a name are replaced", "X-A: 9", {}, "X-B: 3\r\n" + end + "X-A: 9\r\n" + date},
        {"by all lines of that name",
         "x-B: 8\nX-B: 9",
         {},
         "X-A: 1\r\nx-a: 2\r\n" + end + "x-B: 8\r\nX-B: 9\r\n" + date},
        {"new fields come in", "X-C: 9", {}, kept + end + "X-C: 9\r\n" + date},
        {"what describes the content stays",
         "Content-Encoding: gzip\nContent-Length: 0\nContent-Range: x\nETag: \"b\"\nVia: y",
         {},
         kept + end + date},
        {"hop-by-hop fields", "Connection: X-A\nX-A: 9\nKeep-Alive: 1\nAge: 3", {}, kept + end + date},
        {"fields of private",
         "Cache-Control: private=\"X-B\"\nX-B: 9",
         {},
         "X-A: 1\r\nx-a: 2\r\n" + end + "Cache-Control: private=\"X-B\"\r\n" + date},
        {"Date withheld",
         "Cache-Control: no-cache=\"Date\"\nDate: Sun, 06 Nov 1994 08:49:37 GMT",
         {},
         kept + end + "Cache-Control: no-cache=\"Date\"\r\n" + date},
        {"Set-Cookie", "Set-Cookie: a", {}, kept + end + date},
        {"Set-Cookie, stored", "Set-Cookie: a", cookies_stored, kept + end + "Set-Cookie: a\r\n" + date},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.lines);
        const ResponseHeader update = response_with(lines, 304);
        CHECK(updated_head(head, update, arrival_of(update, t, t), row.policy) == "HTTP/1.1 200 OK\r\n" + row.expected);
    }
}
