#include "proxy/rules/forward_plan.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

namespace {

constexpr std::uint64_t limit = 1000;

StoredPtr part_of(const char* lines, std::vector<ByteRange> parts, std::uint64_t complete_length = 100) {
    return changed(stored_from(lines, 200, {}, complete_length), [&](StoredDraft& draft) {
        draft.partial = std::make_shared<const Partial>(Partial{complete_length, std::move(parts)});
    });
}

// The fields that go along, the client's and ours, and "selective" where that is so.
std::string planned(const char* request_lines, const StoredResponse* stored, bool collapsible = true) {
    const Lines lines(request_lines);
    const RequestHeader request = request_with(lines);
    const ForwardPlan plan = plan_for(request, {ForwardReason::stale, collapsible}, stored, limit);
    std::string fields;
    append_planned_fields(fields, plan, request, stored);
    std::string text = plan.whole ? "whole" : "as it came";
    if (plan.selective) text += ", selective";
    for (std::size_t at = fields.find("\r\n"); !fields.empty(); at = fields.find("\r\n")) {
        text += ", " + fields.substr(0, at);
        fields.erase(0, at + 2);
    }
    return text;
}

}  // namespace

TEST_CASE("plan_for: whose conditions and which range go to the origin") {
    constexpr const char* tagged = "Cache-Control: max-age=9\nETag: \"a\"";
    const StoredPtr complete = stored_from(tagged), plain = stored_from("Cache-Control: max-age=9");
    const StoredPtr beginning = part_of(tagged, {{0, 49}}), pieces = part_of(tagged, {{0, 9}, {20, 29}});
    const StoredPtr weak = part_of("ETag: W/\"a\"", {{0, 49}}), large = part_of(tagged, {{0, 49}}, limit + 1);
    struct Row {
        std::string name;
        const char* request;
        const StoredResponse* stored;
        bool collapsible;
        std::string expected;
    };
    const Row rows[] = {
        {"a miss", "", nullptr, true, "whole"},
        {"a miss: the client's conditions stay here", "If-None-Match: \"x\"", nullptr, true, "whole"},
        {"what serves nobody else goes as it came", "If-None-Match: \"x\"", nullptr, false, "as it came, selective"},
        {"a precondition is the origin's", "If-Match: \"x\"", complete.get(), true, "as it came, selective"},
        {"and so is a date", "If-Unmodified-Since: x", complete.get(), true, "as it came, selective"},
        {"a range of something unknown", "Range: bytes=0-1", nullptr, true, "as it came, selective"},
        {"several of them", "Range: bytes=0-1,5-6", nullptr, true, "as it came, selective"},
        {"a malformed range is none", "Range: bytes=cow", nullptr, true, "whole"},
        {"another unit is none", "Range: items=0-0", nullptr, true, "whole"},
        {"two ranges are none", "Range: bytes=0-1\nRange: bytes=2-3", nullptr, true, "whole"},
        {"stale", "", complete.get(), true, "whole, If-None-Match: \"a\""},
        {"stale: our condition, not the client's", "If-None-Match: \"x\"", complete.get(), true,
         "whole, If-None-Match: \"a\""},
        {"stale, without a validator", "", plain.get(), true, "whole"},
        {"a range of what is stale", "Range: bytes=0-1", complete.get(), true, "whole, If-None-Match: \"a\""},
        {"a range of a stale part", "Range: bytes=0-1", beginning.get(), true,
         "whole, selective, If-None-Match: \"a\", Range: bytes=0-1"},
        {"a conditional range of a stale part", "Range: bytes=0-1\nIf-Range: \"a\"", beginning.get(), true,
         "whole, selective, If-None-Match: \"a\", Range: bytes=0-1, If-Range: \"a\""},
        {"a range beyond the part", "Range: bytes=40-60", beginning.get(), true, "as it came, selective"},
        {"the whole of a part: the rest", "", beginning.get(), true, "whole, Range: bytes=50-, If-Range: \"a\""},
        {"the whole of several parts", "", pieces.get(), true, "whole"},
        {"the whole of a part with a weak tag", "", weak.get(), true, "whole"},
        {"the whole of what is too large to store", "", large.get(), true, "whole"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(planned(row.request, row.stored, row.collapsible) == row.expected);
    }
}

TEST_CASE("plan_for: more than a client should wait for is not gathered") {
    const StoredPtr stored = part_of("ETag: \"a\"", {{0, 9}}, 10 + max_completion + 1);
    const RequestHeader request = request_with({});
    CHECK_FALSE(plan_for(request, {ForwardReason::partial, true}, stored.get(), 1u << 30).missing);
    const StoredPtr less = part_of("ETag: \"a\"", {{0, 9}}, 10 + max_completion);
    CHECK(plan_for(request, {ForwardReason::partial, true}, less.get(), 1u << 30).missing);
}

TEST_CASE("may_be_not_modified: RFC 9110 §15.4.5") {
    struct Row {
        std::string name;
        ForwardPlan plan;
        const char* request;
        bool expected;
    };
    const Row rows[] = {
        {"no condition", {.whole = true}, "", false},
        {"ours", {.whole = true, .validates = true}, "", true},
        {"the client's, kept here", {.whole = true}, "If-None-Match: \"a\"", false},
        {"the client's, sent along", {}, "If-None-Match: \"a\"", true},
        {"the client's date, sent along", {}, "If-Modified-Since: x", true},
        {"a range is no condition", {}, "Range: bytes=0-1\nIf-Range: \"a\"", false},
        {"nor is the missing part", {.whole = true, .missing = ByteRange{0, 1}}, "", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.request);
        CHECK(may_be_not_modified(row.plan, request_with(lines)) == row.expected);
    }
}
