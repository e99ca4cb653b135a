#include "origin-stub/conditional.hpp"

#include <doctest/doctest.h>

using namespace origin_stub;
using std::chrono::seconds;
using std::chrono::sys_seconds;

TEST_CASE("http_date and back") {
    const sys_seconds time{seconds{784111777}};
    CHECK(http_date(time) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == time);
    CHECK_FALSE(parse_http_date(""));
    CHECK_FALSE(parse_http_date("yesterday"));
    CHECK_FALSE(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT+1"));
}

TEST_CASE("lists_etag: RFC 9110 §13.1.2") {
    struct Row {
        std::string name;
        const char* if_none_match;
        const char* etag;
        bool expected;
    };
    const Row rows[] = {
        {"the same", "\"a\"", "\"a\"", true},
        {"another", "\"b\"", "\"a\"", false},
        {"one of several", "\"b\", \"a\"", "\"a\"", true},
        {"weak against strong", "W/\"a\"", "\"a\"", true},
        {"strong against weak", "\"a\"", "W/\"a\"", true},
        {"anything", "*", "\"a\"", true},
        {"only a part of it", "\"ab\"", "\"a\"", false},
        {"nothing", "", "\"a\"", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(lists_etag(row.if_none_match, row.etag) == row.expected);
    }
}

TEST_CASE("parse_range: RFC 9110 §14.1.2, ten bytes of content") {
    using Asked = std::variant<WholeContent, ByteRange, Unsatisfiable>;
    struct Row {
        std::string name;
        const char* value;
        Asked expected;
    };
    const Row rows[] = {
        {"from and to", "bytes=2-5", ByteRange{2, 5}},
        {"one byte", "bytes=0-0", ByteRange{0, 0}},
        {"to the end", "bytes=7-", ByteRange{7, 9}},
        {"beyond the end", "bytes=7-100", ByteRange{7, 9}},
        {"the last three", "bytes=-3", ByteRange{7, 9}},
        {"the last hundred", "bytes=-100", ByteRange{0, 9}},
        {"behind the end", "bytes=10-", Unsatisfiable{}},
        {"the last none", "bytes=-0", Unsatisfiable{}},
        {"no range", "", WholeContent{}},
        {"another unit", "lines=1-2", WholeContent{}},
        {"several ranges", "bytes=0-1,4-5", WholeContent{}},
        {"backwards", "bytes=5-2", WholeContent{}},
        {"not a number", "bytes=a-b", WholeContent{}},
        {"neither end", "bytes=-", WholeContent{}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(parse_range(row.value, 10) == row.expected);
    }
    CHECK(parse_range("bytes=0-", 0) == Asked{Unsatisfiable{}});
}
