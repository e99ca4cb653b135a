#include "proxy/rules/lines.hpp"

#include <doctest/doctest.h>

using namespace proxy::rules;

TEST_CASE("line_fault: RFC 9112 §2.2, §5.2") {
    using enum LineFault;
    struct Row {
        std::string_view name, section;
        LineFault expected;
    };
    const Row rows[] = {
        {"nothing", "", none},
        {"half a line", "A: b", none},
        {"a section", "A: b\r\nC: d\r\n\r\n", none},
        {"a CR whose LF is still to come", "A: b\r", none},
        {"an LF alone", "\n", bare_ending},
        {"an LF behind a line", "A: b\nC: d\r\n", bare_ending},
        {"an LF behind CRLF", "A: b\r\n\n", bare_ending},
        {"a CR within a line", "A: b\rC: d\r\n", bare_ending},
        {"two CRs", "A: b\r\r\n", bare_ending},
        {"a line behind a space", "A: b\r\n c\r\n", folded},
        {"a line behind a tab", "A: b\r\n\tc\r\n", folded},
        {"a line of a space", "A: b\r\n \r\n", folded},
        {"white space elsewhere", " A : b \r\n", none},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(line_fault(row.section) == row.expected);
    }
}
