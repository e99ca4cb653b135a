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
    const StoredResponse stored = stored_from("", 200, {}, 100);
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines("Range: " + row.range);
        CHECK(shown(decide_range(request_with(lines), stored)) == row.expected);
    }
}

TEST_CASE("decide_range: where it does not apply") {
    const StoredResponse stored = stored_from("", 200, {}, 100);
    const Lines range("Range: bytes=0-9"), twice("Range: bytes=0-9\nRange: bytes=20-29");
    CHECK(shown(decide_range(request_with({}), stored)) == "whole");
    CHECK(shown(decide_range(request_with(range, http::verb::head), stored)) == "whole");
    CHECK(shown(decide_range(request_with(twice), stored)) == "whole");
    CHECK(shown(decide_range(request_with(range), stored_from("", 404, {}, 100))) == "whole");
    CHECK(shown(decide_range(request_with(range), stored_from("", 200, {}, 0))) == "whole");
    CHECK(shown(decide_range(request_with(range), stored_from("", 200, {}, 1))) == "0-0");
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
        CHECK(shown(decide_range(request_with(lines), stored_from(row.stored, 200, {}, 100))) == row.expected);
    }
}

namespace {

constexpr const char* tagged = "ETag: \"a\"";

// Of content that is "0123456789abcdefghij": the bytes of these parts.
StoredResponse partial(const std::vector<ByteRange>& parts, const std::string& lines = tagged,
                       std::uint64_t complete_length = 20) {
    const std::string content = "0123456789abcdefghij";
    StoredResponse stored = stored_from(lines, 200, {}, complete_length);
    auto body = std::make_shared<Body>();
    for (const ByteRange& part : parts) {
        body->chunks.push_back(content.substr(part.first, part.size()));
        body->size += part.size();
    }
    stored.body = std::move(body);
    stored.partial = std::make_shared<const Partial>(Partial{complete_length, parts});
    return stored;
}

std::string content_of(const StoredResponse& stored) {
    std::string content;
    for (const std::string& chunk : stored.body->chunks) content += chunk;
    return content;
}

}  // namespace

TEST_CASE("content_range_of: RFC 9110 §14.4") {
    struct Row {
        std::string name, value;
        bool expected;
    };
    const Row rows[] = {
        {"a part", "bytes 0-4/10", true},
        {"all", "bytes 0-9/10", true},
        {"unit in capitals", "BYTES 0-4/10", true},
        {"length unknown", "bytes 0-4/*", false},
        {"unsatisfied", "bytes */10", false},
        {"another unit", "items 0-4/10", false},
        {"backwards", "bytes 4-3/10", false},
        {"the last beyond the length", "bytes 0-10/10", false},
        {"a sign", "bytes +0-4/10", false},
        {"a suffix", "bytes -4/10", false},
        {"open", "bytes 4-/10", false},
        {"no length", "bytes 0-4", false},
        {"an empty length", "bytes 0-4/", false},
        {"2^64", "bytes 0-4/18446744073709551616", false},
        {"white space", "bytes 0 - 4/10", false},
        {"nothing", "", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines("Content-Range: " + row.value);
        const auto range = content_range_of(response_with(lines, 206));
        CHECK(range.has_value() == row.expected);
    }
    const Lines lines("Content-Range: bytes 3-4/10");
    const auto range = content_range_of(response_with(lines, 206));
    REQUIRE(range.has_value());
    CHECK(range->range == ByteRange{3, 4});
    CHECK(range->complete_length == 10);
    CHECK_FALSE(content_range_of(response_with(lines, 200)).has_value());
    CHECK_FALSE(content_range_of(response_with({}, 206)).has_value());
}

TEST_CASE("has_content_for: an incomplete response answers what lies within it, RFC 9111 §3.3") {
    struct Row {
        std::string name, range;
        bool expected;
    };
    const StoredResponse stored = partial({{2, 5}, {10, 19}});
    const Row rows[] = {
        {"the part", "bytes=2-5", true},
        {"within a part", "bytes=3-4", true},
        {"to the end", "bytes=12-", true},
        {"to the end and beyond", "bytes=12-99", true},
        {"a suffix", "bytes=-10", true},
        {"a longer suffix", "bytes=-11", false},
        {"a byte before", "bytes=1-5", false},
        {"a byte behind", "bytes=2-6", false},
        {"across the gap", "bytes=2-12", false},
        {"in the gap", "bytes=6-9", false},
        {"two that are there", "bytes=2-3,18-19", true},
        {"one that is there, one that is not", "bytes=2-3,6-7", false},
        {"beyond the content", "bytes=20-", true},
        {"malformed: the whole", "bytes=x", false},
        {"the whole", "bytes=0-", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines("Range: " + row.range);
        CHECK(has_content_for(request_with(lines), stored) == row.expected);
        CHECK(has_content_for(request_with(lines), stored_from("", 200, {}, 20)));
    }
    const Lines lines("Range: bytes=2-5"), other("Range: bytes=2-5\nIf-Range: \"b\"");
    CHECK_FALSE(has_content_for(request_with({}), stored));
    CHECK_FALSE(has_content_for(request_with(lines, http::verb::head), stored));
    CHECK_FALSE(has_content_for(request_with(other), stored));
}

TEST_CASE("offset_in_body") {
    const StoredResponse stored = partial({{2, 5}, {10, 19}});
    for (const ByteRange& range : {ByteRange{2, 5}, {5, 5}, {10, 12}, {19, 19}}) {
        CAPTURE(range.first);
        CHECK(content_of(stored)[offset_in_body(stored, range)] == "0123456789abcdefghij"[range.first]);
    }
    CHECK(offset_in_body(stored_from("", 200, {}, 20), {7, 8}) == 7);
}

TEST_CASE("missing_range and the fields that ask for it") {
    struct Row {
        std::string name;
        StoredResponse stored;
        std::string fields;  // empty: nothing is asked for
    };
    const Row rows[] = {
        {"the end", partial({{0, 4}}), "Range: bytes=5-\r\nIf-Range: \"a\"\r\n"},
        {"the beginning", partial({{5, 19}}), "Range: bytes=0-4\r\nIf-Range: \"a\"\r\n"},
        {"the middle", partial({{0, 4}, {9, 19}}), "Range: bytes=5-8\r\nIf-Range: \"a\"\r\n"},
        {"both ends", partial({{5, 9}}), ""},
        {"two gaps", partial({{0, 4}, {9, 18}}), ""},
        {"a weak tag", partial({{0, 4}}, "ETag: W/\"a\""), ""},
        {"a tag without quotes", partial({{0, 4}}, "ETag: a"), ""},
        {"only a date", partial({{0, 4}}, "Last-Modified: Sun, 06 Nov 1994 08:00:00 GMT"), ""},
        {"complete", stored_from(tagged), ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        std::string fields;
        if (const auto missing = missing_range(row.stored)) append_range_fields(fields, row.stored, *missing);
        CHECK(fields == row.fields);
    }
}

TEST_CASE("combined: RFC 9111 §3.4") {
    struct Row {
        std::string name;
        std::vector<ByteRange> stored, later;
        std::vector<ByteRange> expected;  // empty: complete
    };
    const Row rows[] = {
        {"apart", {{0, 2}}, {{10, 12}}, {{0, 2}, {10, 12}}},
        {"apart, the earlier later", {{10, 12}}, {{0, 2}}, {{0, 2}, {10, 12}}},
        {"touching", {{0, 4}}, {{5, 9}}, {{0, 9}}},
        {"overlapping", {{0, 6}}, {{4, 9}}, {{0, 9}}},
        {"within", {{0, 9}}, {{3, 4}}, {{0, 9}}},
        {"around", {{3, 4}}, {{0, 9}}, {{0, 9}}},
        {"the same", {{3, 4}}, {{3, 4}}, {{3, 4}}},
        {"across a gap", {{0, 2}, {8, 9}}, {{2, 8}}, {{0, 9}}},
        {"into a gap", {{0, 2}, {8, 9}}, {{4, 5}}, {{0, 2}, {4, 5}, {8, 9}}},
        {"the rest", {{0, 4}}, {{5, 19}}, {}},
        {"the middle", {{0, 4}, {9, 19}}, {{5, 8}}, {}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const StoredPtr both = combined(partial(row.stored), partial(row.later));
        REQUIRE(both);
        const StoredResponse expected = row.expected.empty() ? partial({{0, 19}}) : partial(row.expected);
        CHECK(content_of(*both) == content_of(expected));
        CHECK(both->body->size == content_of(expected).size());
        CHECK((both->partial == nullptr) == row.expected.empty());
        if (both->partial) CHECK(*both->partial == *expected.partial);
    }
}

TEST_CASE("combined: only what is the same for certain") {
    const StoredResponse stored = partial({{0, 4}}, "ETag: \"a\"\nX-Old: 1\nX-Both: old");
    CHECK_FALSE(combined(stored, partial({{5, 9}}, "ETag: \"b\"")));
    CHECK_FALSE(combined(stored, partial({{5, 9}}, "ETag: W/\"a\"")));
    CHECK_FALSE(combined(stored, partial({{5, 9}}, "")));
    CHECK_FALSE(combined(partial({{0, 4}}, "ETag: W/\"a\""), partial({{5, 9}}, "ETag: W/\"a\"")));
    CHECK_FALSE(combined(partial({{0, 4}}, ""), partial({{5, 9}}, "")));
    CHECK_FALSE(combined(stored, partial({{5, 9}}, tagged, 21)));
    StoredResponse of_another_key = partial({{5, 9}});
    of_another_key.key += "&b=2";
    CHECK_FALSE(combined(stored, of_another_key));

    StoredResponse later = partial({{5, 9}}, "ETag: \"a\"\nX-Both: new\nX-New: 2");
    later.arrival.response_time += 5s;
    const StoredPtr both = combined(stored, later);
    REQUIRE(both);
    CHECK(field_in(both->head, "X-Old") == "1");
    CHECK(field_in(both->head, "X-Both") == "new");
    CHECK(field_in(both->head, "X-New") == "2");
    CHECK(both->head.find("X-Both: old") == both->head.npos);
    CHECK(field_in(both->head, "Content-Length") == "20");
    CHECK(both->arrival.response_time == t + 5s);
}
