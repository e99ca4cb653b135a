#include "proxy/rules/range.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

namespace {

std::string shown(const RangeAnswer& answer) {
    if (std::holds_alternative<WholeContent>(answer)) return "whole";
    if (std::holds_alternative<Unsatisfiable>(answer)) return "unsatisfiable";
    std::string out;
    for (const ByteRange& range : std::get<std::vector<ByteRange>>(answer))
        out += (out.empty() ? "" : " ") + std::to_string(range.first) + "-" + std::to_string(range.last);
    return out;
}

// 0-0, 2-2, 4-4, ...
std::string many(int count, const char* between) {
    std::string text;
    for (int i = 0; i < count; ++i) text += (i ? between : "") + std::to_string(i * 2) + "-" + std::to_string(i * 2);
    return text;
}

}  // namespace

TEST_CASE("decide_range: RFC 9110 §14.1.2, §14.2; 100 bytes") {
    struct Row {
        std::string_view name;
        std::string range;
        std::string expected;
    };
    const Row rows[] = {
        {"one", "bytes=0-9", "0-9"},
        {"one byte", "bytes=0-0", "0-0"},
        {"open", "bytes=90-", "90-99"},
        {"all", "bytes=0-", "0-99"},
        {"beyond the end", "bytes=90-1000", "90-99"},
        {"suffix", "bytes=-10", "90-99"},
        {"suffix longer than all", "bytes=-1000", "0-99"},
        {"the last byte", "bytes=99-", "99-99"},
        {"unit in capitals", "BYTES=0-9", "0-9"},
        {"from beyond the end", "bytes=100-", "unsatisfiable"},
        {"suffix of nothing", "bytes=-0", "unsatisfiable"},
        {"two", "bytes=0-9,20-29", "0-9 20-29"},
        {"two, with white space and empty members", "bytes= 0-9 ,, 20-29 ,", "0-9 20-29"},
        {"the order asked for", "bytes=20-29,0-9", "20-29 0-9"},
        {"what is beyond is left out", "bytes=0-9,200-", "0-9"},
        {"all beyond", "bytes=100-,200-", "unsatisfiable"},
        {"overlapping ones become one", "bytes=0-20,10-30", "0-30"},
        {"touching ones too", "bytes=10-19,0-9,50-59", "0-19 50-59"},
        {"the same again and again", "bytes=0-,0-,0-,0-", "0-99"},
        {"as many as we take", "bytes=" + many(32, ","), many(32, " ")},
        {"too many", "bytes=" + many(33, ","), "whole"},
        {"too many, though some are beyond", "bytes=" + many(32, ",") + ",500-", "whole"},
        {"2^64 and more", "bytes=18446744073709551616-", "unsatisfiable"},
        {"to 2^64 and more", "bytes=5-99999999999999999999999", "5-99"},
        {"to 2^64 - 1", "bytes=0-18446744073709551615,5-6", "0-99"},
        {"a suffix of 2^64", "bytes=-18446744073709551616", "0-99"},
        {"another unit", "items=0-9", "whole"},
        {"no unit", "0-9", "whole"},
        {"nothing", "bytes=", "whole"},
        {"only a dash", "bytes=-", "whole"},
        {"no dash", "bytes=5", "whole"},
        {"backwards", "bytes=9-0", "whole"},
        {"a letter", "bytes=a-9", "whole"},
        {"a sign", "bytes=+1-9", "whole"},
        {"two dashes", "bytes=1--9", "whole"},
        {"negative", "bytes=--9", "whole"},
        {"space about the dash", "bytes=1 - 9", "whole"},
        {"one malformed voids all", "bytes=0-9,x", "whole"},
    };
    const StoredPtr stored = stored_from("", 200, {}, 100);
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines("Range: " + row.range);
        CHECK(shown(decide_range(request_with(lines), *stored)) == row.expected);
    }
}

TEST_CASE("decide_range: where it does not apply") {
    const StoredPtr stored = stored_from("", 200, {}, 100);
    const Lines range("Range: bytes=0-9"), twice("Range: bytes=0-9\nRange: bytes=20-29");
    CHECK(shown(decide_range(request_with({}), *stored)) == "whole");
    CHECK(shown(decide_range(request_with(range, http::verb::head), *stored)) == "whole");
    CHECK(shown(decide_range(request_with(twice), *stored)) == "whole");
    CHECK(shown(decide_range(request_with(range), *stored_from("", 404, {}, 100))) == "whole");
    CHECK(shown(decide_range(request_with(range), *stored_from("", 200, {}, 0))) == "whole");
    CHECK(shown(decide_range(request_with(range), *stored_from("", 200, {}, 1))) == "0-0");
}

TEST_CASE("decide_range: If-Range, RFC 9110 §13.1.5") {
    struct Row {
        std::string_view name;
        const char *stored, *if_range;
        std::string_view expected;
    };
    const Row rows[] = {
        {"the tag", "ETag: \"a\"", "\"a\"", "0-9"},
        {"another tag", "ETag: \"a\"", "\"b\"", "whole"},
        {"a weak tag", "ETag: W/\"a\"", "W/\"a\"", "whole"},
        {"a tag without a stored one", "", "\"a\"", "whole"},
        {"the date", "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT", "Sun, 06 Nov 1994 08:00:00 GMT", "0-9"},
        {"a later date", "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT", "Sun, 06 Nov 1994 08:00:01 GMT", "whole"},
        {"a date without a stored one", "", "Sun, 06 Nov 1994 08:00:00 GMT", "whole"},
        {"modified in the second of Date: a weak validator", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
         "Sun, 06 Nov 1994 08:49:37 GMT", "whole"},
        {"neither", "ETag: \"a\"", "x", "whole"},
        {"empty", "ETag: \"a\"", "", "whole"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(std::string{"Range: bytes=0-9\nIf-Range: "} + row.if_range);
        CHECK(shown(decide_range(request_with(lines), *stored_from(row.stored, 200, {}, 100))) == row.expected);
    }
}
