#include "proxy/rules/max_forwards.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

TEST_CASE("max_forwards: RFC 9110 §7.6.2") {
    using enum http::verb;
    struct Row {
        http::verb method;
        const char* lines;
        std::optional<std::uint64_t> expected;
    };
    const Row rows[] = {
        {options, "Max-Forwards: 0", 0},
        {trace, "Max-Forwards: 10", 10},
        {options, "max-forwards: 007", 7},
        {get, "Max-Forwards: 0", {}},
        {unknown, "Max-Forwards: 0", {}},
        {options, "", {}},
        {options, "Max-Forwards:", {}},
        {options, "Max-Forwards: -1", {}},
        {options, "Max-Forwards: 1 2", {}},
        {options, "Max-Forwards: many", {}},
        {options, "Max-Forwards: 18446744073709551616", {}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.lines);
        const Lines lines(row.lines);
        CHECK(max_forwards(request_with(lines, row.method)) == row.expected);
    }
}
