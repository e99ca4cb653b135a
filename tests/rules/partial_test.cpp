#include "proxy/rules/partial.hpp"

#include "proxy/rules/range.hpp"
#include "tests/rules/messages.hpp"

using namespace proxy::rules;

namespace {

constexpr const char* tagged = "ETag: \"a\"";

// Of content that is "0123456789abcdefghij", again and again: the bytes of these parts.
StoredPtr partial(const std::vector<ByteRange>& parts, const std::string& lines = tagged,
                  std::uint64_t complete_length = 20) {
    std::string content;
    while (content.size() < complete_length) content += "0123456789abcdefghij"[content.size() % 20];
    auto body = std::make_shared<Body>();
    for (const ByteRange& part : parts) {
        body->chunks.emplace_back(content.substr(part.first, part.size()));
        body->size += part.size();
    }
    return changed(stored_from(lines, 200, {}, complete_length), [&](StoredDraft& draft) {
        draft.body = std::move(body);
        draft.partial = std::make_shared<const Partial>(Partial{complete_length, parts});
    });
}

std::string content_of(const StoredResponse& stored) {
    std::string content;
    for_each_piece(stored, 0, stored.content_size(), [&](std::string_view piece) { content += piece; });
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
    const StoredPtr stored = partial({{2, 5}, {10, 19}});
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
        CHECK(has_content_for(request_with(lines), *stored) == row.expected);
        CHECK(has_content_for(request_with(lines), *stored_from("", 200, {}, 20)));
    }
    const Lines lines("Range: bytes=2-5"), other("Range: bytes=2-5\nIf-Range: \"b\"");
    CHECK_FALSE(has_content_for(request_with({}), *stored));
    CHECK_FALSE(has_content_for(request_with(lines, http::verb::head), *stored));
    CHECK_FALSE(has_content_for(request_with(other), *stored));
}

TEST_CASE("offset_in_body") {
    const StoredPtr stored = partial({{2, 5}, {10, 19}});
    for (const ByteRange& range : {ByteRange{2, 5}, {5, 5}, {10, 12}, {19, 19}}) {
        CAPTURE(range.first);
        CHECK(content_of(*stored)[offset_in_body(*stored, range)] == "0123456789abcdefghij"[range.first]);
    }
    CHECK(offset_in_body(*stored_from("", 200, {}, 20), {7, 8}) == 7);
}

TEST_CASE("missing_range and the fields that ask for it") {
    struct Row {
        std::string name;
        StoredPtr stored;
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
        if (const auto missing = missing_range(*row.stored)) append_range_fields(fields, *row.stored, *missing);
        CHECK(fields == row.fields);
    }
}

TEST_CASE("merged: RFC 9111 §3.4") {
    struct Row {
        std::string name;
        std::vector<ByteRange> stored, later;
        std::vector<ByteRange> expected;  // empty: complete
        std::uint64_t complete_length = 20;
    };
    constexpr std::uint64_t large = 3 * StoredResponse::max_inline_content;
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
        {"large", {{0, large / 2}}, {{large / 2 + 1, large - 2}}, {{0, large - 2}}, large},
        {"large, overlapping", {{0, large / 2 + 9}}, {{large / 2, large - 1}}, {}, large},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const StoredPtr both = merged(*partial(row.stored, tagged, row.complete_length),
                                      *partial(row.later, tagged, row.complete_length), "head");
        REQUIRE(both);
        const std::vector<ByteRange> all{{0, row.complete_length - 1}};
        const StoredPtr expected = partial(row.expected.empty() ? all : row.expected, tagged, row.complete_length);
        CHECK((both->body() == nullptr) == (row.complete_length == 20));
        CHECK(content_of(*both) == content_of(*expected));
        CHECK(both->content_size() == content_of(*expected).size());
        CHECK((both->partial() == nullptr) == row.expected.empty());
        if (both->partial()) CHECK(*both->partial() == *expected->partial());
    }
}

TEST_CASE("merged: only what is the same for certain") {
    const StoredPtr stored = partial({{0, 4}}, tagged);
    CHECK_FALSE(merged(*stored, *partial({{5, 9}}, "ETag: \"b\""), ""));
    CHECK_FALSE(merged(*stored, *partial({{5, 9}}, "ETag: W/\"a\""), ""));
    CHECK_FALSE(merged(*stored, *partial({{5, 9}}, ""), ""));
    CHECK_FALSE(merged(*partial({{0, 4}}, "ETag: W/\"a\""), *partial({{5, 9}}, "ETag: W/\"a\""), ""));
    CHECK_FALSE(merged(*partial({{0, 4}}, ""), *partial({{5, 9}}, ""), ""));
    CHECK_FALSE(merged(*stored, *partial({{5, 9}}, tagged, 21), ""));
    const StoredPtr of_another_key =
        changed(partial({{5, 9}}), [](StoredDraft& draft) { draft.key = "http://example.com/another"; });
    CHECK_FALSE(merged(*stored, *of_another_key, ""));

    const StoredPtr later = changed(partial({{5, 9}}), [](StoredDraft& draft) { draft.arrival.response_time += 5s; });
    const StoredPtr both = merged(*stored, *later, "the head of both");
    REQUIRE(both);
    CHECK(both->head() == "the head of both");
    CHECK(both->arrival().response_time == t + 5s);

    std::vector<ByteRange> many;
    for (std::uint64_t i = 0; i + 1 < max_parts; ++i) many.push_back({i * 2, i * 2});
    const std::uint64_t length = 1000;
    const StoredPtr in_many_parts = partial(many, tagged, length);
    const StoredPtr most = merged(*in_many_parts, *partial({{500, 500}}, tagged, length), "");
    REQUIRE(most);
    CHECK(most->partial()->parts.size() == max_parts);
    CHECK_FALSE(merged(*most, *partial({{600, 600}}, tagged, length), ""));
}
