#include "proxy/rules/http_date.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;
using namespace std::chrono;

TEST_CASE("parse_http_date: RFC 9110 §5.6.7") {
    constexpr Time now = sys_days{2024y / February / 29} + 12h;
    struct Row {
        std::string_view name;
        std::string_view text;
        std::optional<Time> expected;
    };
    const Row rows[] = {
        {"IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", t},
        {"RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", t},
        {"asctime", "Sun Nov  6 08:49:37 1994", t},
        {"asctime, two-digit day", "Wed Nov 16 08:49:37 1994", t + days{10}},
        {"letter case does not matter", "sUN, 06 nOV 1994 08:49:37 gmt", t},
        {"RFC 850, letter case", "SUNDAY, 06-NOV-94 08:49:37 GMT", t},
        {"asctime, letter case", "SUN NOV  6 08:49:37 1994", t},
        {"the day of the week is not compared", "Mon, 06 Nov 1994 08:49:37 GMT", t},
        {"a leap second", "Sat, 31 Dec 2016 23:59:60 GMT", sys_days{2017y / January / 1}},
        {"a leap day", "Thu, 29 Feb 2024 00:00:00 GMT", sys_days{2024y / February / 29}},
        {"beyond 2038", "Tue, 19 Jan 2038 03:14:08 GMT", Time{2'147'483'648s}},
        {"beyond 2286", "Sat, 20 Nov 2286 17:46:40 GMT", Time{10'000'000'000s}},
        {"the last year", "Fri, 31 Dec 9999 23:59:59 GMT", sys_days{9999y / December / 31} + 86'399s},
        {"before 1970", "Wed, 31 Dec 1969 23:59:59 GMT", Time{-1s}},
        {"two digits, this century", "Thursday, 29-Feb-24 12:00:00 GMT", now},
        {"two digits, 50 years ahead", "Tuesday, 27-Feb-74 12:00:00 GMT", sys_days{2074y / February / 27} + 12h},
        {"two digits, more than 50 years ahead", "Saturday, 02-Mar-74 12:00:00 GMT", sys_days{1974y / March / 2} + 12h},
        {"nothing", "", {}},
        {"zero, as in Expires", "0", {}},
        {"no comma", "Sun 06 Nov 1994 08:49:37 GMT", {}},
        {"no space after the comma", "Sun,06 Nov 1994 08:49:37 GMT", {}},
        {"two spaces", "Sun,  06 Nov 1994 08:49:37 GMT", {}},
        {"one-digit day", "Sun, 6 Nov 1994 08:49:37 GMT", {}},
        {"one-digit hour", "Sun, 06 Nov 1994 8:49:37 GMT", {}},
        {"dashes", "Sun, 06-Nov-1994 08:49:37 GMT", {}},
        {"two-digit year", "Sun, 06 Nov 94 08:49:37 GMT", {}},
        {"no seconds", "Sun, 06 Nov 1994 08:49 GMT", {}},
        {"dots in the time", "Sun, 06 Nov 1994 08.49.37 GMT", {}},
        {"another zone", "Sun, 06 Nov 1994 08:49:37 EST", {}},
        {"UTC is no GMT", "Sun, 06 Nov 1994 08:49:37 UTC", {}},
        {"a numeric zone", "Sun, 06 Nov 1994 08:49:37 +0000", {}},
        {"GMT with an offset", "Sun, 06 Nov 1994 08:49:37 GMT+1", {}},
        {"no zone", "Sun, 06 Nov 1994 08:49:37", {}},
        {"something behind", "Sun, 06 Nov 1994 08:49:37 GMT;", {}},
        {"unknown month", "Sun, 06 Foo 1994 08:49:37 GMT", {}},
        {"unknown day of the week", "Foo, 06 Nov 1994 08:49:37 GMT", {}},
        {"day 31 in a month of 30", "Sun, 31 Nov 1994 08:49:37 GMT", {}},
        {"day 0", "Sun, 00 Nov 1994 08:49:37 GMT", {}},
        {"leap day in another year", "Wed, 29 Feb 2023 00:00:00 GMT", {}},
        {"hour 24", "Sun, 06 Nov 1994 24:00:00 GMT", {}},
        {"minute 60", "Sun, 06 Nov 1994 08:60:37 GMT", {}},
        {"a leap second at the end of the last year", "Fri, 31 Dec 9999 23:59:60 GMT", {}},
        {"second 61", "Sun, 06 Nov 1994 08:49:61 GMT", {}},
        {"a sign for a digit", "Sun, +6 Nov 1994 08:49:37 GMT", {}},
        {"RFC 850 with a short day name", "Sun, 06-Nov-94 08:49:37 GMT", {}},
        {"RFC 850 with a long year", "Sunday, 06-Nov-1994 08:49:37 GMT", {}},
        {"asctime with zone", "Sun Nov  6 08:49:37 1994 GMT", {}},
        {"asctime without padding", "Sun Nov 6 08:49:37 1994", {}},
        {"cut short", "Sun, 06 Nov", {}},
        {"seconds since 1970", "784111777", {}},
        {"an HTTP list of dates", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", {}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK((parse_http_date(row.text, now) == row.expected));
    }
}

TEST_CASE("format_http_date") {
    CHECK(format_http_date(t) == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(format_http_date(Time{0s}) == "Thu, 01 Jan 1970 00:00:00 GMT");
    CHECK(format_http_date(Time{-1s}) == "Wed, 31 Dec 1969 23:59:59 GMT");
    CHECK(format_http_date(sys_days{800y / March / 1}) == "Wed, 01 Mar 0800 00:00:00 GMT");
    for (Time time = t; time < t + days{800}; time += 100'003s)
        CHECK((parse_http_date(format_http_date(time), t) == time));
}
