#include "proxy/rules/surrogate_keys.hpp"

#include "proxy/rules/bearer_token.hpp"
#include "proxy/rules/storable.hpp"
#include "proxy/rules/validation.hpp"
#include "tests/rules/messages.hpp"

using namespace proxy::rules;

namespace {

std::string numbered(std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += std::to_string(i) + ' ';
    return text;
}

}  // namespace

TEST_CASE("surrogate keys: what fields name them") {
    struct Row {
        const char* name;
        std::string fields;
        const char* expected;
    };
    const Row rows[] = {
        {"none", "Foo: a", ""},
        {"separated by spaces", "Surrogate-Key: a  b\tc ", "a b c"},
        {"separated by commas", "Cache-Tag: a,b , c,,", "a b c"},
        {"xkey, several lines", "xkey: a\nxkey: b", "a b"},
        {"several fields, without doubles", "Surrogate-Key: b a\nCache-Tag: a, c", "b a c"},
        {"the field's letter case does not matter, the key's does", "surrogate-key: A a", "A a"},
        {"any bytes", "xkey: k\xc3\xa9y \"quoted key\"", "k\xc3\xa9y \"quoted key\""},
        {"empty", "Surrogate-Key: ", ""},
        {"separators alone", "Surrogate-Key: , ,", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.fields);
        CHECK(surrogate_keys(lines, {}) == row.expected);
    }
}

TEST_CASE("surrogate keys: a list, key by key") {
    std::vector<std::string_view> keys;
    const auto take = [&](std::string_view key) { keys.push_back(key); };
    for_each_surrogate_key("", take);
    CHECK(keys.empty());
    for_each_surrogate_key("a bc d", take);
    CHECK(keys == std::vector<std::string_view>{"a", "bc", "d"});
}

TEST_CASE("surrogate keys: too many are none at all, and the response is not stored") {
    struct Row {
        const char* name;
        std::string value;
        bool storable;
    };
    const Row rows[] = {
        {"as long as may be", std::string(max_surrogate_key_bytes, 'x'), true},
        {"longer", std::string(max_surrogate_key_bytes + 1, 'x'), false},
        {"as many as may be", numbered(max_surrogate_keys), true},
        {"more", numbered(max_surrogate_keys + 1), false},
        {"many times the same", std::string(8'000, 'x') + ' ' + std::string(8'000, 'x'), true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines("Cache-Control: max-age=10\nSurrogate-Key: " + row.value);
        CHECK(surrogate_keys(lines, {}).has_value() == row.storable);
        const ResponseHeader response = response_with(lines);
        const auto storing = decide_storing(request_with({}), false, response, arrival_of(response, t, t), {});
        CHECK(std::holds_alternative<Freshness>(storing) == row.storable);
        if (!row.storable) CHECK(std::get<Uncacheable>(storing) == Uncacheable::surrogate_keys);
    }
}

TEST_CASE("surrogate keys: fields of the operator's choice, and none of them is stored or sent") {
    Policy policy;
    policy.surrogate_key_fields = {"X-Tags"};
    const Lines lines("Cache-Control: max-age=10\nx-tags: a\nSurrogate-Key: b");
    CHECK(surrogate_keys(lines, policy) == "a");
    const ResponseHeader response = response_with(lines);
    const std::string head = stored_head(response, arrival_of(response, t, t), 0, "weir", policy);
    CHECK(field_in(head, "X-Tags").empty());
    CHECK(field_in(head, "Surrogate-Key") == "b");
    CHECK(without_surrogate_keys("A: 1\r\nX-Tags: a\r\nB: 2\r\n", policy) == "A: 1\r\nB: 2\r\n");
    CHECK(without_surrogate_keys("x-tags: a\r\n", policy).empty());
    CHECK(without_surrogate_keys("", policy).empty());
}

TEST_CASE("surrogate keys: a 304 refreshes them where it names any") {
    struct Row {
        const char* name;
        std::string fields;
        std::optional<std::string> expected;  // nothing: it must be fetched anew
    };
    const Row rows[] = {{"not named", "", "old"},
                        {"others", "\nxkey: new newer", "new newer"},
                        {"none any more", "\nSurrogate-Key: ", ""},
                        {"too many", "\nSurrogate-Key: " + numbered(max_surrogate_keys + 1), std::nullopt}};
    const StoredPtr stored = changed(stored_from("ETag: \"a\"\nCache-Control: max-age=10"),
                                     [](StoredDraft& draft) { draft.surrogate_keys = "old"; });
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines("ETag: \"a\"\nCache-Control: max-age=20" + row.fields);
        const ResponseHeader not_modified = response_with(lines, 304);
        const StoredPtr fresh = freshen(*stored, request_with({}), not_modified, arrival_of(not_modified, t, t), {});
        REQUIRE((fresh != nullptr) == row.expected.has_value());
        if (!fresh) continue;
        CHECK(fresh->surrogate_keys() == *row.expected);
        CHECK(field_in(fresh->head(), "xkey").empty());
    }
}

TEST_CASE("bearer token: RFC 6750 §2.1") {
    struct Row {
        const char* name;
        const char* value;
        const char* token;
        bool expected;
    };
    const Row rows[] = {{"the token", "Bearer secret", "secret", true},
                        {"the scheme's letter case does not matter", "bearer secret", "secret", true},
                        {"more than one space", "Bearer   secret", "secret", true},
                        {"another", "Bearer secreT", "secret", false},
                        {"a longer one", "Bearer secrets", "secret", false},
                        {"a shorter one", "Bearer secre", "secret", false},
                        {"another scheme", "Basic secret", "secret", false},
                        {"no scheme", "secret", "secret", false},
                        {"the scheme alone", "Bearer", "secret", false},
                        {"nothing", "", "secret", false},
                        {"nobody has one", "Bearer ", "", false},
                        {"nobody has one, and nothing is sent", "", "", false}};
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(is_bearer_of(row.value, row.token) == row.expected);
    }
    CHECK(bears_token(Lines("Authorization: Bearer secret"), "secret"));
    CHECK_FALSE(bears_token(Lines("X: Bearer secret"), "secret"));
}
