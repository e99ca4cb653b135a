#include "proxy/rules/stored_response.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

namespace {

std::string content_of(const StoredResponse& stored, std::uint64_t offset, std::uint64_t size) {
    std::string content;
    for_each_piece(stored, offset, size, [&](std::string_view piece) { content += piece; });
    return content;
}

}  // namespace

TEST_CASE("a stored response keeps what it was made from, content of any size and in any pieces") {
    constexpr std::size_t limit = StoredResponse::max_inline_content;
    struct Row {
        const char* name;
        std::vector<std::size_t> pieces;  // one: not a body
        bool is_inline;
    };
    const Row rows[] = {{"none", {0}, true},
                        {"small", {10}, true},
                        {"as large as may lie inside", {limit}, true},
                        {"larger", {limit + 1}, false},
                        {"small, in pieces", {3, 0, 4}, true},
                        {"large, in pieces", {limit, 1}, false}};
    for (const Row& row : rows) {
        CAPTURE(row.name);
        std::string content;
        auto body = std::make_shared<Body>();
        for (const std::size_t size : row.pieces) {
            const std::string piece(size, static_cast<char>('a' + content.size() % 26));
            body->chunks.emplace_back(piece);
            content += piece;
        }
        body->size = content.size();
        const bool has_body = row.pieces.size() > 1;
        const StoredPtr made = StoredResponse::make({.key = "key",
                                                     .status = 203,
                                                     .head = "head",
                                                     .selecting_fields = "fields",
                                                     .surrogate_keys = "a b",
                                                     .content = has_body ? std::string_view() : content,
                                                     .body = has_body ? body : nullptr});
        for (const StoredPtr& stored : {made, StoredResponse::make(made->draft())}) {
            CHECK(stored->key() == "key");
            CHECK(stored->status() == 203);
            CHECK(stored->head() == "head");
            CHECK(stored->selecting_fields() == "fields");
            CHECK(stored->surrogate_keys() == "a b");
            CHECK((stored->body() == nullptr) == row.is_inline);
            CHECK(stored->content_size() == content.size());
            CHECK(content_of(*stored, 0, content.size()) == content);
            if (content.size() > 2)
                CHECK(content_of(*stored, 1, content.size() - 2) == content.substr(1, content.size() - 2));
            CHECK(content_of(*stored, content.size(), 1).empty());
            CHECK(stored->block_size() ==
                  sizeof(StoredResponse) + 3 + 4 + 6 + 3 + (row.is_inline ? content.size() : 0));
        }
    }
}

TEST_CASE("a stored response: an outline has a size and no content, a part has its parts") {
    const auto to_come = std::make_shared<const Body>(Body{.chunks = {}, .size = 10});
    const StoredPtr outline = StoredResponse::make({.key = "k", .body = to_come});
    CHECK(outline->content_size() == 10);
    CHECK(outline->inline_content().empty());
    CHECK(completed(*outline, std::make_shared<const Body>(Body{{Chunk("0123456789")}, 10}), 0ms)->inline_content() ==
          "0123456789");

    const auto parts = std::make_shared<const Partial>(Partial{.complete_length = 20, .parts = {{0, 2}}});
    const StoredPtr part = StoredResponse::make({.key = "k", .content = "abc", .partial = parts});
    REQUIRE(part->partial());
    CHECK(*part->partial() == *parts);
    CHECK(part->complete_length() == 20);
    CHECK(part->inline_content() == "abc");
    CHECK_FALSE(outline->partial());
}

TEST_CASE("a stored response: times beyond those it keeps are brought within") {
    const Time latest{seconds(0xffff'ffff)};
    const StoredPtr stored = StoredResponse::make(
        {.arrival = {.request_time = Time(-1s), .response_time = latest, .date = latest + 1s, .age = max_delta_seconds},
         .freshness = {.lifetime = max_delta_seconds},
         .fetch_time = std::chrono::hours(24 * 365)});
    CHECK((stored->arrival().request_time == Time()));
    CHECK((stored->arrival().response_time == latest));
    CHECK((stored->arrival().date == latest));
    CHECK(stored->arrival().age == max_delta_seconds);
    CHECK(stored->freshness().lifetime == max_delta_seconds);
    CHECK(stored->fetch_time() == std::chrono::milliseconds(0xffff'ffff));
}

TEST_CASE("fresh_until and useful_for") {
    Policy none, windows;
    none.grace = 0s;
    windows.stale_while_revalidate = 20s;
    windows.stale_if_error = 30s;
    windows.grace = 40s;
    struct Row {
        std::string_view name;
        const char* lines;
        Policy policy;
        seconds after;
        seconds fresh_for, useful_for;
    };
    const Row rows[] = {
        {"fresh", "Cache-Control: max-age=10", none, 0s, 10s, 10s},
        {"later", "Cache-Control: max-age=10", none, 4s, 10s, 6s},
        {"no longer", "Cache-Control: max-age=10", none, 40s, 10s, 0s},
        {"aged on arrival", "Cache-Control: max-age=10\nAge: 4", none, 0s, 6s, 6s},
        {"the longest window", "Cache-Control: max-age=10", windows, 0s, 10s, 50s},
        {"no window with must-revalidate", "Cache-Control: max-age=10, must-revalidate", windows, 0s, 10s, 10s},
        {"a validator", "Cache-Control: max-age=10\nETag: \"a\"", none, 0s, 10s, 110s},
        {"a validator and a window", "Cache-Control: max-age=10\nETag: \"a\"", windows, 0s, 10s, 150s},
        {"stale on arrival, with validator", "Cache-Control: max-age=10\nAge: 9999\nETag: \"a\"", {}, 0s, -9989s, 100s},
        {"stale on arrival", "Cache-Control: max-age=10\nAge: 9999", {}, 0s, -9989s, 0s},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const StoredPtr stored = stored_from(row.lines, 200, row.policy);
        CHECK((stored->fresh_until() == t + row.fresh_for));
        CHECK(stored->useful_for(t + row.after, 100s) == row.useful_for);
    }
}
