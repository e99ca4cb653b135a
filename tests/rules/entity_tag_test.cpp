#include "proxy/rules/entity_tag.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

TEST_CASE("equal: RFC 9110 §8.8.3.2") {
    struct Row {
        std::string_view a, b;
        bool strong, weak;
    };
    const Row rows[] = {
        {R"(W/"1")", R"(W/"1")", false, true},
        {R"(W/"1")", R"(W/"2")", false, false},
        {R"(W/"1")", R"("1")", false, true},
        {R"("1")", R"("1")", true, true},
        {R"("1")", R"("A1")", false, false},
        {R"("a")", R"("A")", false, false},
        {"1", R"("1")", false, false},  // quotes are neither added nor dropped
        {"1", "1", true, true},
        {R"(w/"1")", R"("1")", false, false},  // the W is a capital
        {"", "", false, false},
        {"W/", "W/", false, true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.a);
        CAPTURE(row.b);
        CHECK(equal(row.a, row.b, Comparison::strong) == row.strong);
        CHECK(equal(row.b, row.a, Comparison::weak) == row.weak);
    }
}

TEST_CASE("lists_entity_tag") {
    struct Row {
        std::string_view name;
        const char* lines;
        bool expected;
    };
    const Row rows[] = {
        {"no field", "", false},
        {"an empty field", "If-None-Match:", false},
        {"the tag", R"(If-None-Match: "a")", true},
        {"another", R"(If-None-Match: "b")", false},
        {"in a list", R"(If-None-Match: "b" ,W/"a", "c")", true},
        {"in another line", "If-None-Match: \"b\"\nIf-None-Match: \"a\"", true},
        {"*", "If-None-Match: *", true},
        {"in quotes, * is a tag", R"(If-None-Match: "*")", false},
        {"a comma within a tag", R"(If-None-Match: "x,"a",y")", false},
        {"a backslash escapes nothing", R"(If-None-Match: "b\", "a")", true},
        {"without quotes", "If-None-Match: a", false},
        {"in another field", R"(If-Match: "a")", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(lists_entity_tag(Lines(row.lines), http::field::if_none_match, "\"a\"", Comparison::weak) ==
              row.expected);
    }
    CHECK_FALSE(lists_entity_tag(Lines("If-Match: W/\"a\""), http::field::if_match, "W/\"a\"", Comparison::strong));
    CHECK(lists_entity_tag(Lines("If-Match: *"), http::field::if_match, "", Comparison::strong));
}
