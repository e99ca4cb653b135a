#include "proxy/rules/validation.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

TEST_CASE("client_copy_is_valid: RFC 9111 §4.3.2, RFC 9110 §13.2.2") {
    const std::string etag = std::string{date_t} + "ETag: \"a\"\n";
    const std::string modified = std::string{date_t} + "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT\n";
    const std::string both = modified + "ETag: \"a\"";
    struct Row {
        std::string_view name;
        std::string stored;
        unsigned status;
        const char* request;
        bool expected;
    };
    const Row rows[] = {
        {"no condition", both, 200, "", false},
        {"the tag", etag, 200, "If-None-Match: \"a\"", true},
        {"another tag", etag, 200, "If-None-Match: \"b\"", false},
        {"weakly the same", etag, 200, "If-None-Match: W/\"a\"", true},
        {"in a list", etag, 200, "If-None-Match: \"b\", \"a\"", true},
        {"*", etag, 200, "If-None-Match: *", true},
        {"* without a stored tag", modified, 200, "If-None-Match: *", true},
        {"a tag without a stored one", modified, 200, "If-None-Match: \"a\"", false},
        {"an unquoted tag", std::string{date_t} + "ETag: abc", 200, "If-None-Match: abc", true},
        {"If-None-Match fails, If-Modified-Since would not", both, 200,
         "If-None-Match: \"b\"\nIf-Modified-Since: Sun, 06 Nov 1994 08:00:00 GMT", false},
        {"If-None-Match holds, If-Modified-Since would not", both, 200,
         "If-None-Match: \"a\"\nIf-Modified-Since: Sun, 06 Nov 1994 07:00:00 GMT", true},
        {"modified at that time", modified, 200, "If-Modified-Since: Sun, 06 Nov 1994 08:00:00 GMT", true},
        {"modified before", modified, 200, "If-Modified-Since: Sun, 06 Nov 1994 08:00:01 GMT", true},
        {"modified after", modified, 200, "If-Modified-Since: Sun, 06 Nov 1994 07:59:59 GMT", false},
        {"another date format", modified, 200, "If-Modified-Since: Sunday, 06-Nov-94 08:00:00 GMT", true},
        {"no date", modified, 200, "If-Modified-Since: x", false},
        {"without Last-Modified, Date counts", etag, 200, "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", true},
        {"Date is later", etag, 200, "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT", false},
        {"a 404 is never answered by a 304", etag, 404, "If-None-Match: \"a\"", false},
        {"nor a redirection", etag, 301, "If-None-Match: *", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.request);
        CHECK(client_copy_is_valid(request_with(lines), *stored_from(row.stored, row.status)) == row.expected);
    }
}

TEST_CASE("not_modified_head: RFC 9110 §15.4.5") {
    const std::string lines = std::string{date_t} +
                              "ETag: \"a\"\nCache-Control: max-age=9\nContent-Type: text/plain\nVary: a\nVary: b\n"
                              "Content-Location: /x\nExpires: 0\nLast-Modified: Sun, 06 Nov 1994 08:00:00 GMT\n"
                              "Content-Encoding: gzip\nX-A: 1";
    CHECK(not_modified_head(*stored_from(lines)) ==
          "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: \"a\"\r\n"
          "Cache-Control: max-age=9\r\nVary: a\r\nVary: b\r\nContent-Location: /x\r\nExpires: 0\r\nVia: 1.1 weir\r\n");
    CHECK(not_modified_head(*stored_from(std::string{date_t} + "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT")) ==
          "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
          "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT\r\nVia: 1.1 weir\r\n");
}

TEST_CASE("append_conditional_fields and has_validator: RFC 9111 §4.3.1") {
    struct Row {
        std::string_view name;
        const char* stored;
        bool has_validator;
        std::string_view expected;
    };
    const Row rows[] = {
        {"none", "", false, ""},
        {"a tag", "ETag: \"a\"", true, "If-None-Match: \"a\"\r\n"},
        {"a weak tag, byte for byte", "ETag: W/\"a\"", true, "If-None-Match: W/\"a\"\r\n"},
        {"an unquoted tag, byte for byte", "ETag: a", true, "If-None-Match: a\r\n"},
        {"a date", "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT", true,
         "If-Modified-Since: Sun, 06 Nov 1994 08:00:00 GMT\r\n"},
        {"both", "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT\nETag: \"a\"", true,
         "If-None-Match: \"a\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:00:00 GMT\r\n"},
        {"no date", "Last-Modified: x", false, "If-Modified-Since: x\r\n"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const StoredPtr stored = stored_from(row.stored);
        std::string out;
        append_conditional_fields(out, *stored);
        CHECK(out == row.expected);
        CHECK(has_validator(*stored) == row.has_validator);
    }
}

TEST_CASE("freshen: which 304 belongs to what is stored, RFC 9111 §4.3.4") {
    const char* modified = "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT";
    struct Row {
        std::string_view name;
        std::string stored, not_modified;
        const char* request;
        bool expected;
    };
    const Row rows[] = {
        {"the same tag", "ETag: \"a\"", "ETag: \"a\"", "", true},
        {"another tag", "ETag: \"a\"", "ETag: \"b\"", "", false},
        {"a strong tag for a weak one", "ETag: W/\"a\"", "ETag: \"a\"", "", false},
        {"a weak tag for a strong one", "ETag: \"a\"", "ETag: W/\"a\"", "", true},
        {"the same weak tag", "ETag: W/\"a\"", "ETag: W/\"a\"", "", true},
        {"another weak tag", "ETag: W/\"a\"", "ETag: W/\"b\"", "", false},
        {"a tag where none is stored", modified, "ETag: \"a\"", "", false},
        {"no validator: it answers what we asked", "ETag: \"a\"", "", "", true},
        {"the same date", modified, modified, "", true},
        {"another date", modified, "Last-Modified: Sun, 06 Nov 1994 08:00:01 GMT", "", false},
        {"the tag decides, not the date", std::string{"ETag: \"a\"\n"} + modified,
         "ETag: \"a\"\nLast-Modified: Sun, 06 Nov 1994 08:00:01 GMT", "", true},
        {"no longer to be stored", "ETag: \"a\"", "Cache-Control: no-store", "", false},
        {"private by now", "ETag: \"a\"", "Cache-Control: private", "", false},
        {"Vary: * by now", "ETag: \"a\"", "Vary: *", "", false},
        {"another Vary", "ETag: \"a\"", "Vary: Foo", "", false},
        {"asked for with Authorization", "ETag: \"a\"", "", "Authorization: x", false},
        {"with Authorization, but public", "ETag: \"a\"", "Cache-Control: public", "Authorization: x", true},
        {"Set-Cookie is not taken over", "ETag: \"a\"", "Set-Cookie: a=b", "", true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const StoredPtr stored = stored_from(row.stored);
        const Lines request(row.request), lines(row.not_modified);
        const ResponseHeader not_modified = response_with(lines, 304);
        const Arrival arrival = arrival_of(not_modified, t + 100s, t + 100s);
        CHECK((freshen(*stored, request_with(request), not_modified, arrival, {}) != nullptr) == row.expected);
    }
}

TEST_CASE("freshen: another stored response that shares the body") {
    const StoredPtr stored =
        changed(stored_from(std::string{date_t} + "ETag: \"a\"\nCache-Control: max-age=10\nVary: Foo\nX-A: 1", 200, {},
                            StoredResponse::max_inline_content + 10),
                [](StoredDraft& draft) {
                    draft.selecting_fields = "foo";
                    draft.surrogate_keys = "k";
                    draft.fetch_time = 213ms;
                });
    const Lines lines("Date: Sun, 06 Nov 1994 08:51:17 GMT\nETag: \"a\"\nCache-Control: max-age=20\nX-A: 2");
    const ResponseHeader not_modified = response_with(lines, 304);
    const Arrival arrival = arrival_of(not_modified, t + 99s, t + 100s);
    const StoredPtr fresh = freshen(*stored, request_with({}, http::verb::head), not_modified, arrival, {});
    REQUIRE(fresh);
    CHECK(fresh->status() == 200);
    CHECK(fresh->key() == stored->key());
    CHECK(fresh->selecting_fields() == "foo");
    CHECK(fresh->surrogate_keys() == stored->surrogate_keys());
    CHECK(fresh->fetch_time() == 213ms);
    CHECK(fresh->rest()->body == stored->rest()->body);
    CHECK((fresh->arrival().response_time == t + 100s));
    CHECK((fresh->arrival().date == t + 100s));
    CHECK(fresh->freshness().lifetime == 20s);
    CHECK(field_in(fresh->head(), "X-A") == "2");
    CHECK(field_in(fresh->head(), "Content-Length") == "4106");
    CHECK(field_in(fresh->head(), "Date") == "Sun, 06 Nov 1994 08:51:17 GMT");
    CHECK(fresh->head().starts_with("HTTP/1.1 200 Reason\r\n"));
}

TEST_CASE("freshen: what the 304 does not mention still holds") {
    const StoredPtr stored =
        stored_from(std::string{date_t} + "ETag: \"a\"\nCache-Control: max-age=10, stale-if-error=7");
    const ResponseHeader not_modified = response_with({}, 304);
    const StoredPtr fresh = freshen(*stored, request_with({}), not_modified, {t + 50s, t + 50s, t + 50s, 0s}, {});
    REQUIRE(fresh);
    CHECK(fresh->freshness().lifetime == 10s);
    CHECK(fresh->freshness().stale_if_error == 7s);
    CHECK((fresh->fresh_until() == t + 60s));
}

TEST_CASE("freshen_from_head: RFC 9111 §4.3.5") {
    struct Row {
        std::string_view name;
        unsigned status;
        const char* lines;
        bool expected;
    };
    const Row rows[] = {
        {"nothing to compare", 200, "", true},
        {"all the same", 200, "ETag: \"a\"\nContent-Length: 10\nLast-Modified: Sun, 06 Nov 1994 08:00:00 GMT", true},
        {"another tag", 200, "ETag: \"b\"", false},
        {"another length", 200, "ETag: \"a\"\nContent-Length: 11", false},
        {"another date", 200, "Last-Modified: Sun, 06 Nov 1994 08:00:01 GMT", false},
        {"gone", 410, "", false},
        {"no longer to be stored", 200, "Cache-Control: no-store", false},
    };
    const StoredPtr stored = stored_from(
        std::string{date_t} + "ETag: \"a\"\nCache-Control: max-age=10\nLast-Modified: Sun, 06 Nov 1994 08:00:00 GMT");
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.lines);
        const ResponseHeader response = response_with(lines, row.status);
        const Arrival arrival = arrival_of(response, t + 100s, t + 100s);
        const StoredPtr fresh = freshen_from_head(*stored, request_with({}, http::verb::head), response, arrival, {});
        CHECK((fresh != nullptr) == row.expected);
        if (fresh) CHECK((fresh->fresh_until() == t + 110s));
    }
}
