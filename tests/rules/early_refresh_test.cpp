#include "proxy/rules/early_refresh.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

TEST_CASE("should_refresh_early") {
    // -ln of these is 0, 0.5, 1 and 5.
    constexpr double one = 1, half = 0.60653066, e = 0.36787944, rare = 0.0067379469;
    struct Row {
        std::string_view name;
        const char* lines;
        std::chrono::milliseconds fetch_time, after;
        double random, beta;
        bool expected;
    };
    const char* ten = "Cache-Control: max-age=10";
    const Row rows[] = {
        {"off, at the last moment", ten, 200ms, 9999ms, rare, 0, false},
        {"long before the end", ten, 200ms, 1000ms, rare, 1, false},
        {"a likely draw, a fetch before the end", ten, 200ms, 9799ms, e, 1, false},
        {"a fetch before the end", ten, 200ms, 9801ms, e, 1, true},
        {"half a fetch before the end", ten, 200ms, 9899ms, half, 1, false},
        {"less than half a fetch before the end", ten, 200ms, 9901ms, half, 1, true},
        {"five fetches before the end", ten, 200ms, 9001ms, rare, 1, true},
        {"more than five", ten, 200ms, 8999ms, rare, 1, false},
        {"a slow fetch begins earlier", ten, 1000ms, 9001ms, e, 1, true},
        {"so does a greater beta", ten, 200ms, 9601ms, e, 2, true},
        {"and a smaller one later", ten, 200ms, 9801ms, e, 0.5, false},
        {"the luckless draw", ten, 200ms, 9999ms, one, 1, false},
        {"at the end, whatever is drawn", ten, 200ms, 10'000ms, one, 1, true},
        {"the least there is to draw", ten, 200ms, 2700ms, 0x1p-53, 1, true},
        {"and not before", ten, 200ms, 2600ms, 0x1p-53, 1, false},
        {"a fetch that took no time", ten, 0ms, 9999ms, rare, 1, false},
        {"aged before it came", "Cache-Control: max-age=10\nAge: 4", 200ms, 5801ms, e, 1, true},
        {"aged, and yet too early", "Cache-Control: max-age=10\nAge: 4", 200ms, 5799ms, e, 1, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const StoredPtr stored =
            changed(stored_from(row.lines), [&](StoredDraft& draft) { draft.fetch_time = row.fetch_time; });
        CHECK(should_refresh_early(*stored, t + row.after, row.random, row.beta) == row.expected);
    }
}
