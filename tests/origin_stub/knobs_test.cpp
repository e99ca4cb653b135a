#include "origin-stub/knobs.hpp"

#include <doctest/doctest.h>

using namespace origin_stub;

namespace {

Knobs accepted(std::string_view query) {
    const auto parsed = parse_knobs(query);
    const auto* mistake = std::get_if<std::string>(&parsed);
    REQUIRE_MESSAGE(mistake == nullptr, *mistake);
    return std::get<Knobs>(parsed);
}

}  // namespace

TEST_CASE("parse_knobs: values") {
    struct Row {
        std::string name;
        std::string query;
        bool (*holds)(const Knobs&);
    };
    const Row rows[] = {
        {"nothing asked", "", [](const Knobs& k) { return !k.latency && !k.size && k.status == 200 && !k.chunked; }},
        {"latency", "latency_ms=50", [](const Knobs& k) { return k.latency == milliseconds{50}; }},
        {"no latency is not the default latency", "latency_ms=0",
         [](const Knobs& k) { return k.latency == milliseconds{0}; }},
        {"several knobs", "size=10&status=503", [](const Knobs& k) { return k.size == 10u && k.status == 503; }},
        {"the later value counts", "size=10&size=20", [](const Knobs& k) { return k.size == 20u; }},
        {"what is no knob is ignored", "a=1&%zz=%zz&=&status=404", [](const Knobs& k) { return k.status == 404; }},
        {"a flag with 1", "chunked=1", [](const Knobs& k) { return k.chunked; }},
        {"a flag without a value", "chunked", [](const Knobs& k) { return k.chunked; }},
        {"a flag with 0", "chunked=1&chunked=0", [](const Knobs& k) { return !k.chunked; }},
        {"an equals sign within the value", "cache_control=max-age=60",
         [](const Knobs& k) { return k.cache_control == "max-age=60"; }},
        {"percent-encoded", "cache_control=no-store%2C%20private",
         [](const Knobs& k) { return k.cache_control == "no-store, private"; }},
        {"a bare etag is quoted", "etag=v1", [](const Knobs& k) { return k.etag == "\"v1\""; }},
        {"a quoted etag stays", "etag=%22v1%22", [](const Knobs& k) { return k.etag == "\"v1\""; }},
        {"a weak etag stays", "etag=W/%22v1%22", [](const Knobs& k) { return k.etag == "W/\"v1\""; }},
        {"last_modified since the epoch", "last_modified=784111777",
         [](const Knobs& k) { return k.last_modified == Moment{seconds{784111777}, false}; }},
        {"last_modified ago", "last_modified=-60",
         [](const Knobs& k) { return k.last_modified == Moment{seconds{-60}, true}; }},
        {"expires in the future", "expires=+60",
         [](const Knobs& k) { return std::get<Moment>(k.expires.value()) == Moment{seconds{60}, true}; }},
        {"expires with what is no date", "expires=0",
         [](const Knobs& k) { return std::get<std::string>(k.expires.value()) == "0"; }},
        {"cookies add up", "set_cookie=a=1&set_cookie=b=2",
         [](const Knobs& k) { return k.set_cookie == std::vector<std::string>{"a=1", "b=2"}; }},
        {"header fields add up", "header=X-A:1&header=X-A:%202:3",
         [](const Knobs& k) { return k.header == std::vector<FieldLine>{{"X-A", "1"}, {"X-A", "2:3"}}; }},
        {"interim", "interim=103", [](const Knobs& k) { return k.interim == 103u; }},
        {"surplus may be anything", "surplus=a%0d%0a", [](const Knobs& k) { return k.surplus == "a\r\n"; }},
        {"truncate at once", "truncate=0", [](const Knobs& k) { return k.truncate == 0u; }},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(row.holds(accepted(row.query)));
    }
}

TEST_CASE("parse_knobs: wrong values") {
    struct Row {
        std::string query;
        const char* mistake;
    };
    const Row rows[] = {
        {"latency_ms=soon", "latency_ms: expected milliseconds from 0 to 600000, got 'soon'"},
        {"latency_ms=-1", "latency_ms: expected milliseconds from 0 to 600000, got '-1'"},
        {"latency_ms=600001", "latency_ms: expected milliseconds from 0 to 600000, got '600001'"},
        {"latency_ms=", "latency_ms: expected milliseconds from 0 to 600000, got ''"},
        {"size=1x", "size: expected bytes from 0 to 2^40, got '1x'"},
        {"status=100", "status: expected a status from 200 to 599, got '100'"},
        {"interim=101", "interim: expected 100, 102 or 103, got '101'"},
        {"chunked=yes", "chunked: expected 1 or 0, got 'yes'"},
        {"last_modified=today", "last_modified: expected seconds since 1970, or from now with a sign, got 'today'"},
        {"last_modified=+-5", "last_modified: expected seconds since 1970, or from now with a sign, got '+-5'"},
        {"header=X-A", "header: expected Name:Value, got 'X-A'"},
        {"header=X%20A:1", "header: expected Name:Value, got 'X%20A:1'"},
        {"header=X-A:1%0d%0aX-B:2", "header: expected Name:Value, got 'X-A:1%0d%0aX-B:2'"},
        {"vary=a%0ab", "vary: expected a field value, got 'a%0ab'"},
        {"vary=%4", "vary: expected a field value, got '%4'"},
        {"status=200&size=big", "size: expected bytes from 0 to 2^40, got 'big'"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.query);
        const auto parsed = parse_knobs(row.query);
        REQUIRE(std::holds_alternative<std::string>(parsed));
        CHECK(std::get<std::string>(parsed) == row.mistake);
    }
}

TEST_CASE("percent_decode") {
    CHECK(percent_decode("a%20b+c") == "a b+c");
    CHECK(percent_decode("%41%4a%4A") == "AJJ");
    CHECK(percent_decode("") == "");
    CHECK_FALSE(percent_decode("%"));
    CHECK_FALSE(percent_decode("%4"));
    CHECK_FALSE(percent_decode("%4g"));
    CHECK_FALSE(percent_decode("%+1"));
}
