#include "proxy/rules/fields.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

TEST_CASE("next_list_member: RFC 9110 §5.6.1.2") {
    struct Row {
        std::string_view name;
        std::string_view list;
        std::vector<std::string_view> expected;
    };
    const Row rows[] = {
        {"nothing", "", {}},
        {"only commas and white space", " ,\t, ,", {}},
        {"one", "a", {"a"}},
        {"white space around", " a ,\tb\t", {"a", "b"}},
        {"empty members are skipped", ",a,,b,", {"a", "b"}},
        {"white space within stays", "a b,c", {"a b", "c"}},
        {"a comma in quotes separates nothing", R"(a="1,2",b)", {R"(a="1,2")", "b"}},
        {"an escaped quote ends nothing", R"(a="1\",2",b)", {R"(a="1\",2")", "b"}},
        {"a backslash outside quotes escapes nothing", R"(a\,b)", {R"(a\)", "b"}},
        {"a quotation never closed takes the rest", R"(a="1,b)", {R"(a="1,b)"}},
        {"a backslash at the very end", R"(a="1\)", {R"(a="1\)"}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        std::vector<std::string_view> members;
        std::string_view list = row.list;
        for (auto member = next_list_member(list); !member.empty(); member = next_list_member(list))
            members.push_back(member);
        CHECK(members == row.expected);
    }
}

TEST_CASE("iequals and is_token: ASCII only") {
    CHECK(iequals("Content-LENGTH", "content-length"));
    CHECK_FALSE(iequals("a", "ab"));
    CHECK_FALSE(iequals("\xc4", "\xe4"));
    CHECK_FALSE(iequals("[", "{"));  // 32 apart, but no letters
    CHECK(is_token("X-a_1!#$%&'*+.^`|~"));
    CHECK_FALSE(is_token(""));
    CHECK_FALSE(is_token("a b"));
    CHECK_FALSE(is_token("a:"));
    CHECK_FALSE(is_token("\xc3\xa4"));
}

TEST_CASE("find, value_of, combined, lists_token: all lines of a name") {
    const Lines lines("Vary: a\nX-Mine: 1\nVARY:\nvary:  b, \"c, d\" \nx-mine: 2");
    CHECK(find(lines, http::field::vary)->value == "a");
    CHECK(find(lines, "x-MINE")->value == "1");
    CHECK(find(lines, http::field::etag) == nullptr);
    CHECK(value_of(lines, http::field::etag) == "");
    CHECK(combined(lines, "Vary") == "a, , b, \"c, d\"");
    CHECK(combined(lines, "X-Mine") == "1, 2");
    CHECK(combined(lines, "X-Other") == "");
    CHECK(lists_token(lines, http::field::vary, "B"));
    CHECK_FALSE(lists_token(lines, http::field::vary, "d"));
}

TEST_CASE("hop-by-hop fields: RFC 9110 §7.6.1, RFC 9111 §3.1") {
    const Lines lines(
        "Connection: close, X-Once\nCONNECTION: keep-alive,Host , content-length\nHost: a\nContent-Length: 1\n"
        "x-once: 1\nX-Twice: 1\nKeep-Alive: 1\nProxy-Connection: 1\nProxy-Authenticate: 1\n"
        "Proxy-Authentication-Info: 1\nProxy-Authorization: 1\nTE: 1\nTransfer-Encoding: 1\nUpgrade: 1\n"
        "Cache-Control: 1\nTrailer: 1");
    const std::vector<std::string_view> kept{"Host", "Content-Length", "X-Twice", "Cache-Control", "Trailer"};
    const HopByHopFields hop_by_hop(lines);
    std::vector<std::string_view> others;
    for (const Field& field : Fields(lines)) {
        CAPTURE(field.name);
        if (!hop_by_hop.contain(field)) others.push_back(field.name);
    }
    CHECK(others == kept);
}
