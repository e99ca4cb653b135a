#include "proxy/rules/freshness.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

TEST_CASE("arrival_of: RFC 9110 §6.6.1, RFC 9111 §5.1") {
    struct Row {
        std::string_view name;
        const char* lines;
        Time date;
        seconds age;
    };
    const Row rows[] = {
        {"neither", "", t, 0s},
        {"both", "Date: Sun, 06 Nov 1994 08:49:07 GMT\nAge: 7", t - 30s, 7s},
        {"an invalid Date", "Date: yesterday", t, 0s},
        {"a Date in the future", "Date: Sun, 06 Nov 1994 09:49:37 GMT", t + 1h, 0s},
        {"several ages: the first", "Age: 7, 9", t, 7s},
        {"several lines: the first", "Age: 7\nAge: 9", t, 7s},
        {"an empty line before", "Age:\nAge: 9", t, 9s},
        {"negative", "Age: -7", t, 0s},
        {"decimal", "Age: 7.0", t, 0s},
        {"with a parameter", "Age: 7200;foo=bar", t, 0s},
        {"the first does not parse", "Age: abc, 7", t, 0s},
        {"quoted", "Age: \"7\"", t, 0s},
        {"2^31", "Age: 2147483648", t, max_delta_seconds},
        {"20 digits", "Age: 99999999999999999999", t, max_delta_seconds},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.lines);
        const Arrival arrival = arrival_of(response_with(lines), t - 1s, t);
        CHECK((arrival.date == row.date));
        CHECK(arrival.age == row.age);
        CHECK((arrival.request_time == t - 1s));
        CHECK((arrival.response_time == t));
    }
}

TEST_CASE("current_age: RFC 9111 §4.2.3") {
    struct Row {
        std::string_view name;
        Arrival arrival;
        seconds after, expected;
    };
    const Row rows[] = {
        {"straight from the origin", {t, t, t, 0s}, 60s, 60s},
        {"aged in a cache before us", {t, t, t, 30s}, 60s, 90s},
        {"a slow answer counts", {t - 5s, t, t, 0s}, 60s, 65s},
        {"a slow answer on top of Age", {t - 5s, t, t, 30s}, 60s, 95s},
        {"Date says more than Age", {t, t, t - 100s, 30s}, 60s, 160s},
        {"Age says more than Date", {t, t, t - 10s, 30s}, 60s, 90s},
        {"the origin's clock is ahead", {t, t, t + 90s, 0s}, 60s, 60s},
        {"our clock stepped back since", {t, t, t, 7s}, -60s, 7s},
        {"a clock was wrong by more than that", {t, t, t, 7s}, -61s, max_delta_seconds},
        {"our clock stepped back while we waited", {t + 50s, t, t, 7s}, 1s, 8s},
        {"huge Age", {t, t, t, max_delta_seconds}, 60s, max_delta_seconds},
        {"ancient Date", {t, t, Time{-60'000'000'000s}, 0s}, 0s, max_delta_seconds},
        {"an age beyond 2^31", {t, t, t, 0s}, 3'000'000'000s, max_delta_seconds},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(current_age(row.arrival, row.arrival.response_time + row.after) == row.expected);
    }
}

TEST_CASE("freshness_of: lifetime and its source, RFC 9111 §4.2.1, §4.2.2") {
    using enum LifetimeSource;
    Policy with_default, with_override, no_heuristics, short_heuristics, with_errors;
    with_default.default_ttl = 300s;
    with_override.override_ttl = 300s;
    no_heuristics.heuristics = false;
    short_heuristics.heuristic_limit = 60s;
    with_errors.store_errors = true;
    with_errors.default_ttl = 300s;
    const std::string date = date_t;
    const std::string modified_1000s_ago = date + "Last-Modified: Sun, 06 Nov 1994 08:32:57 GMT\n";
    const std::string modified_years_ago = date + "Last-Modified: Sun, 06 Nov 1988 08:49:37 GMT\n";
    const std::string expires_in_60s = date + "Expires: Sun, 06 Nov 1994 08:50:37 GMT\n";

    struct Row {
        std::string_view name;
        std::string lines;
        unsigned status;
        Policy policy;
        seconds lifetime;
        LifetimeSource source;
    };
    const Row rows[] = {
        {"nothing said", "", 200, {}, 0s, none},
        {"max-age", "Cache-Control: max-age=10", 200, {}, 10s, max_age},
        {"s-maxage before max-age", "Cache-Control: max-age=10, s-maxage=5", 200, {}, 5s, s_maxage},
        {"a targeted field before all",
         "Cache-Control: s-maxage=5\nCDN-Cache-Control: max-age=7",
         200,
         {},
         7s,
         targeted_field},
        {"s-maxage within a targeted field", "CDN-Cache-Control: max-age=7, s-maxage=8", 200, {}, 8s, targeted_field},
        {"a targeted field voids Expires", expires_in_60s + "CDN-Cache-Control: public", 200, {}, 0s, none},
        {"a broken targeted field does not", expires_in_60s + "CDN-Cache-Control: &", 200, {}, 60s, expires},
        {"max-age before Expires", expires_in_60s + "Cache-Control: max-age=10", 200, {}, 10s, max_age},
        {"an invalid max-age before Expires", expires_in_60s + "Cache-Control: max-age=x", 200, {}, 0s, max_age},
        {"an ignored max-age does not", expires_in_60s + "Cache-Control: max-age =1", 200, {}, 60s, expires},
        {"max-age of any status", "Cache-Control: max-age=10", 599, {}, 10s, max_age},
        {"max-age saturates", "Cache-Control: max-age=99999999999", 200, {}, max_delta_seconds, max_age},
        {"Expires minus Date", expires_in_60s, 200, {}, 60s, expires},
        {"Expires minus a Date of another clock",
         "Date: Sun, 06 Nov 1994 07:49:37 GMT\nExpires: Sun, 06 Nov 1994 08:49:37 GMT",
         200,
         {},
         3600s,
         expires},
        {"Expires without Date", "Expires: Sun, 06 Nov 1994 08:49:40 GMT", 200, {}, 3s, expires},
        {"Expires in the past", date + "Expires: Sun, 06 Nov 1994 08:49:00 GMT", 200, {}, 0s, expires},
        {"an invalid Expires", date + "Expires: 0", 200, {}, 0s, expires},
        {"Expires of the year 9999",
         date + "Expires: Fri, 31 Dec 9999 23:59:59 GMT",
         200,
         {},
         max_delta_seconds,
         expires},

        {"Expires no later than a Date of the year 9999",
         "Date: Fri, 31 Dec 9999 23:59:59 GMT\nExpires: Fri, 31 Dec 9999 23:59:59 GMT",
         200,
         {},
         0s,
         expires},
        {"Expires before a Date of the year 2200",
         "Date: Wed, 01 Jan 2200 00:00:00 GMT\nExpires: Tue, 01 Jan 2199 00:00:00 GMT",
         200,
         {},
         0s,
         expires},

        {"a tenth of the Last-Modified age", modified_1000s_ago, 200, {}, 100s, heuristic},
        {"capped at a day", modified_years_ago, 200, {}, 86'400s, heuristic},
        {"capped by the policy", modified_1000s_ago, 200, short_heuristics, 60s, heuristic},
        {"switched off", modified_1000s_ago, 200, no_heuristics, 0s, none},
        {"heuristics of 404 are an option", modified_1000s_ago, 404, {}, 0s, none},
        {"heuristics of 404, chosen", modified_1000s_ago, 404, with_errors, 100s, heuristic},
        {"heuristics of 404 that is public", modified_1000s_ago + "Cache-Control: public", 404, {}, 100s, heuristic},
        {"heuristics of 204", modified_1000s_ago, 204, {}, 100s, heuristic},
        {"no heuristics of 302", modified_1000s_ago, 302, {}, 0s, none},
        {"`public` allows them", modified_1000s_ago + "Cache-Control: public", 302, {}, 100s, heuristic},
        {"none with Expires", expires_in_60s + "Last-Modified: Sun, 06 Nov 1988 08:49:37 GMT", 200, {}, 60s, expires},
        {"none with no-cache", modified_1000s_ago + "Cache-Control: no-cache", 200, {}, 0s, none},
        {"Last-Modified in the future", date + "Last-Modified: Sun, 06 Nov 1994 09:49:37 GMT", 200, {}, 0s, none},
        {"an invalid Last-Modified", date + "Last-Modified: long ago", 200, {}, 0s, none},

        {"default where nothing is said", "", 200, with_default, 300s, default_ttl},
        {"default counts from arrival", "Age: 50", 200, with_default, 350s, default_ttl},
        {"default of a skewed clock", "Date: Sun, 06 Nov 1994 07:49:37 GMT", 200, with_default, 3900s, default_ttl},
        {"default where heuristics give nothing", date + "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", 200,
         with_default, 300s, default_ttl},
        {"heuristics before default", modified_1000s_ago, 200, with_default, 100s, heuristic},
        {"default yields to max-age=0", "Cache-Control: max-age=0", 200, with_default, 0s, max_age},
        {"default yields to an invalid Expires", "Expires: 0", 200, with_default, 0s, expires},
        {"default yields to no-cache", "Cache-Control: no-cache", 200, with_default, 0s, none},
        {"default of 302", "", 302, with_default, 0s, none},
        {"default of 404 is an option", "", 404, with_default, 0s, none},
        {"default of 404, chosen", "", 404, with_errors, 300s, default_ttl},
        {"default of 500, never", "", 500, with_errors, 0s, none},

        {"override", "Cache-Control: max-age=10", 200, with_override, 300s, override_ttl},
        {"override of nothing", "", 200, with_override, 300s, override_ttl},
        {"override of no-cache", "Cache-Control: no-cache", 200, with_override, 300s, override_ttl},
        {"override counts from arrival", "Age: 1000\nCache-Control: max-age=10", 200, with_override, 1300s,
         override_ttl},
        {"no override of an error that says nothing", "", 500, with_override, 0s, none},
        {"override of an error that does", "Cache-Control: max-age=1", 500, with_override, 300s, override_ttl},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.lines);
        const ResponseHeader response = response_with(lines, row.status);
        const Freshness freshness = freshness_of(response, arrival_of(response, t, t), row.policy);
        CHECK(freshness.lifetime == row.lifetime);
        CHECK((freshness.source == row.source));
    }
}

TEST_CASE("a Date from before the times that are kept makes nothing fresh for longer") {
    Policy with_override;
    with_override.override_ttl = 300s;
    for (const char* date : {"Sun, 06 Nov 1960 08:49:37 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"}) {
        CAPTURE(date);
        const std::string lines = std::string("Cache-Control: max-age=10\nDate: ") + date;
        CHECK((stored_from(lines, 200, with_override)->fresh_until() == t + 300s));
        CHECK((stored_from(lines)->fresh_until() < t));
    }
}

TEST_CASE("freshness_of: vetoes and stale windows, RFC 9111 §4.2.4, RFC 5861") {
    Policy operators, never_disconnected;
    operators.stale_while_revalidate = 11s;
    operators.stale_if_error = 12s;
    operators.grace = 13s;
    never_disconnected = operators;
    never_disconnected.stale_when_disconnected = false;
    Policy override = operators;
    override.override_ttl = 300s;

    struct Row {
        std::string_view name;
        const char* lines;
        Policy policy;
        bool no_cache, must_revalidate;
        seconds swr, sie, disconnected;
    };
    const Row rows[] = {
        {"nothing said", "", {}, false, false, 0s, 0s, 3600s},
        {"the origin's",
         "Cache-Control: max-age=1, stale-while-revalidate=5, stale-if-error=6",
         {},
         false,
         false,
         5s,
         6s,
         3600s},
        {"the operator's", "", operators, false, false, 11s, 12s, 13s},
        {"the origin's first", "Cache-Control: stale-while-revalidate=5, stale-if-error=0", operators, false, false, 5s,
         0s, 13s},
        {"an invalid one is none", "Cache-Control: stale-while-revalidate=x", operators, false, false, 0s, 12s, 13s},
        {"disconnected is switched off", "", never_disconnected, false, false, 11s, 12s, 0s},
        {"must-revalidate", "Cache-Control: must-revalidate, stale-if-error=9", operators, false, true, 0s, 0s, 0s},
        {"proxy-revalidate", "Cache-Control: proxy-revalidate", operators, false, true, 0s, 0s, 0s},
        {"s-maxage", "Cache-Control: s-maxage=9, stale-while-revalidate=9", operators, false, true, 0s, 0s, 0s},
        {"no-cache", "Cache-Control: no-cache, stale-if-error=9", operators, true, false, 0s, 0s, 0s},
        {"no-cache with field names is none", "Cache-Control: no-cache=\"a\"", operators, false, false, 11s, 12s, 13s},
        {"override lifts no-cache", "Cache-Control: no-cache", override, false, false, 11s, 12s, 13s},
        {"override does not lift must-revalidate", "Cache-Control: must-revalidate", override, false, true, 0s, 0s, 0s},
        {"of the targeted field",
         "Cache-Control: no-cache, must-revalidate\nCDN-Cache-Control: stale-if-error=6",
         {},
         false,
         false,
         0s,
         6s,
         3600s},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.lines);
        const ResponseHeader response = response_with(lines);
        const Freshness freshness = freshness_of(response, arrival_of(response, t, t), row.policy);
        CHECK(freshness.no_cache == row.no_cache);
        CHECK(freshness.must_revalidate == row.must_revalidate);
        CHECK(freshness.stale_while_revalidate == row.swr);
        CHECK(freshness.stale_if_error == row.sie);
        CHECK(freshness.stale_when_disconnected == row.disconnected);
    }
}

TEST_CASE("with_ttl_jitter") {
    struct Row {
        std::string_view name;
        const char* lines;
        unsigned percent;
        double random;
        seconds expected;
    };
    const Row rows[] = {
        {"none", "Cache-Control: max-age=100", 0, 0.999, 100s},
        {"the luckiest draw", "Cache-Control: max-age=100", 10, 0, 100s},
        {"half of ten percent", "Cache-Control: max-age=100", 10, 0.5, 95s},
        {"nearly ten percent", "Cache-Control: max-age=100", 10, 0.999, 91s},
        {"half of it at most", "Cache-Control: max-age=100", 50, 0.999, 51s},
        {"less than a second is none", "Cache-Control: max-age=9", 10, 0.999, 9s},
        {"of what is left, not of what has passed", "Cache-Control: max-age=100\nAge: 60", 50, 0.5, 90s},
        {"never stale by it alone", "Cache-Control: max-age=100\nAge: 99", 50, 0.999, 100s},
        {"stale at arrival", "Cache-Control: max-age=100\nAge: 100", 50, 0.999, 100s},
        {"no lifetime", "ETag: \"a\"", 50, 0.999, 0s},
        {"the longest there is", "Cache-Control: max-age=2147483648", 50, 0.5, 1'610'612'736s},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const StoredPtr stored = stored_from(row.lines);
        CHECK(with_ttl_jitter(stored->freshness(), stored->arrival(), row.percent, row.random).lifetime ==
              row.expected);
    }
}
