// Input: a date.

#include "proxy/rules/http_date.hpp"

#include "tests/fuzz/fuzz.hpp"

using namespace proxy::rules;
using namespace tests;
using namespace std::chrono;

void fuzz_one(std::string_view bytes) {
    constexpr sys_seconds moments[] = {sys_days{1970y / January / 1}, sys_days{1994y / November / 6} + 8h,
                                       sys_days{2026y / March / 1} - 1s, sys_days{2099y / December / 31} + 23h};
    for (const sys_seconds now : moments) {
        const auto time = parse_http_date(bytes, now);
        require(parse_http_date(upper(bytes), now) == time, "blind to letter case");
        if (!time) continue;

        const std::string formatted = format_http_date(*time);
        require(formatted.size() == 29, "always 29 characters");
        require(parse_http_date(formatted, now) == time, "what was parsed formats and parses back to itself");
        require(!parse_http_date(std::string(bytes) + " ", now), "strict in shape");

        const bool two_digit_year = bytes.find('-') != bytes.npos;
        if (two_digit_year) {
            require(*time <= now + years{50}, "a year more than 50 years ahead is of the last century");
        } else {
            require(parse_http_date(bytes, now + years{70}) == time, "only two digits depend on today");
        }
    }
}
