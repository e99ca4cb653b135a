#include "proxy/rules/cache_control.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

namespace {

std::string shown(const DeltaSeconds& value) {
    switch (value.state) {
        case DeltaSeconds::State::absent: return "absent";
        case DeltaSeconds::State::valid: return std::to_string(value.value.count());
        case DeltaSeconds::State::invalid: return "invalid";
    }
    return {};
}

// All that is set, in the order of the struct.
std::string shown(const CacheControl& control) {
    std::string out = control.present ? "" : "not present";
    const auto add = [&](const std::string& text) { out += (out.empty() ? "" : " ") + text; };
    const auto add_duration = [&](const char* name, const DeltaSeconds& value) {
        if (value.state != DeltaSeconds::State::absent) add(std::string{name} + "=" + shown(value));
    };
    add_duration("max-age", control.max_age);
    add_duration("s-maxage", control.s_maxage);
    add_duration("swr", control.stale_while_revalidate);
    add_duration("sie", control.stale_if_error);
    add_duration("min-fresh", control.min_fresh);
    add_duration("max-stale", control.max_stale);
    if (control.max_stale_any) add("max-stale");
    if (control.no_store) add("no-store");
    if (control.no_cache) add("no-cache");
    if (control.is_private) add("private");
    if (control.is_public) add("public");
    if (control.must_revalidate) add("must-revalidate");
    if (control.proxy_revalidate) add("proxy-revalidate");
    if (control.must_understand) add("must-understand");
    if (control.only_if_cached) add("only-if-cached");
    if (control.immutable) add("immutable");
    for (const std::string& name : control.no_cache_fields) add("no-cache:" + name);
    for (const std::string& name : control.private_fields) add("private:" + name);
    return out;
}

}  // namespace

TEST_CASE("parse_delta_seconds: RFC 9111 §1.2.2") {
    CHECK(parse_delta_seconds("0") == 0s);
    CHECK(parse_delta_seconds("003600") == 3600s);
    CHECK(parse_delta_seconds("2147483647") == 2'147'483'647s);
    CHECK(parse_delta_seconds("2147483648") == max_delta_seconds);
    CHECK(parse_delta_seconds("9223372036854775808") == max_delta_seconds);
    CHECK(parse_delta_seconds("99999999999999999999") == max_delta_seconds);
    for (const char* text : {"", "-1", "+1", "1.0", "0x10", "1e3", " 1", "1 ", "1a", "a1"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_delta_seconds(text));
    }
}

TEST_CASE("parse_cache_control: RFC 9111 §5.2, §4.2.1") {
    struct Row {
        std::string_view name;
        const char* lines;
        std::string_view expected;
    };
    const Row rows[] = {
        {"no field", "X: max-age=1", "not present"},
        {"an empty field", "Cache-Control: , ,", "not present"},
        {"an unknown directive", "Cache-Control: foo=bar", ""},
        {"every flag", "Cache-Control: no-store, public, must-revalidate, proxy-revalidate, must-understand, immutable",
         "no-store public must-revalidate proxy-revalidate must-understand immutable"},
        {"of responses", "Cache-Control: max-age=1,s-maxage=2,stale-while-revalidate=3,stale-if-error=4",
         "max-age=1 s-maxage=2 swr=3 sie=4"},
        {"of requests", "Cache-Control: min-fresh=1, max-stale=2, only-if-cached",
         "min-fresh=1 max-stale=2 only-if-cached"},
        {"max-stale without a value", "Cache-Control: max-stale", "max-stale"},
        {"letter case does not matter", "cache-CONTROL: MAX-age=5, No-Store", "max-age=5 no-store"},
        {"several lines are one list", "Cache-Control: max-age=5\nX: y\nCache-Control: no-store", "max-age=5 no-store"},
        {"a quoted value", "Cache-Control: max-age=\"3600\"", "max-age=3600"},
        {"leading zeros", "Cache-Control: max-age=003600", "max-age=3600"},
        {"the smaller of duplicates", "Cache-Control: max-age=20, max-age=10\nCache-Control: max-age=30", "max-age=10"},
        {"an invalid duplicate is the smallest", "Cache-Control: max-age=10, max-age=x, max-age=20", "max-age=invalid"},
        {"2^31", "Cache-Control: max-age=2147483648", "max-age=2147483648"},
        {"2^63", "Cache-Control: max-age=9223372036854775808", "max-age=2147483648"},
        {"20 digits", "Cache-Control: max-age=99999999999999999999", "max-age=2147483648"},
        {"decimal", "Cache-Control: max-age=3600.0", "max-age=invalid"},
        {"a letter behind", "Cache-Control: max-age=3600a", "max-age=invalid"},
        {"a letter before", "Cache-Control: max-age=a3600", "max-age=invalid"},
        {"negative", "Cache-Control: max-age=-1", "max-age=invalid"},
        {"single quotes", "Cache-Control: max-age='3600'", "max-age=invalid"},
        {"no value", "Cache-Control: max-age", "max-age=invalid"},
        {"an empty value", "Cache-Control: max-age=", "max-age=invalid"},
        {"space before =", "Cache-Control: max-age =100", ""},
        {"space after =", "Cache-Control: max-age= 100", ""},
        {"space about = weakens no restriction", "Cache-Control: no-store =1, private = \"a b\"",
         "no-store private private:a b"},
        {"an argument weakens no restriction", "Cache-Control: no-store=0", "no-store"},
        {"in the quotes of another directive", "Cache-Control: ext=\"max-age=3600, no-store\", max-age=1", "max-age=1"},
        {"in quotes with an escaped quote", "Cache-Control: ext=\"\\\", no-store, \", max-age=1", "max-age=1"},
        {"a name that only ends alike", "Cache-Control: xmax-age=1, x-no-store", ""},
        {"a quotation never closed", "Cache-Control: max-age=5, ext=\"foo, private", "max-age=5 no-store"},
        {"a quotation that goes on", "Cache-Control: ext=\"foo\"bar, max-age=5", "max-age=5 no-store"},
        {"a quotation that ends inside another directive", "Cache-Control: ext\", private=\"foo\"", "no-store"},
        {"quotes in the middle", "Cache-Control: ext=a\"foo, no-cache\"", "no-store"},
        {"no-cache", "Cache-Control: no-cache", "no-cache"},
        {"no-cache with field names", "Cache-Control: no-cache=\"Set-Cookie, X-A\"",
         "no-cache:set-cookie no-cache:x-a"},
        {"no-cache with a token", "Cache-Control: no-cache=Set-Cookie", "no-cache:set-cookie"},
        {"no-cache of nothing", "Cache-Control: no-cache=\"\"", "no-cache"},
        {"no-cache of what is no name", "Cache-Control: no-cache=\"a;b\"", "no-cache no-cache:a;b"},
        {"no-cache twice", "Cache-Control: no-cache, no-cache=\"a\"", "no-cache no-cache:a"},
        {"private with field names", "Cache-Control: private=\"X-A\", max-age=1", "max-age=1 private:x-a"},
        {"Pragma is another field", "Pragma: no-cache", "not present"},
        {"not ASCII", "Cache-Control: \xc3\xa4, max-age=1", "max-age=1"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(shown(parse_cache_control(Lines(row.lines))) == row.expected);
    }
}

TEST_CASE("response_directives: targeted fields, RFC 9213 §2") {
    struct Row {
        std::string_view name;
        const char* lines;
        bool targeted;
        std::string_view expected;
    };
    const Row rows[] = {
        {"none there", "Cache-Control: max-age=1", false, "max-age=1"},
        {"it replaces Cache-Control", "Cache-Control: no-store\nCDN-Cache-Control: max-age=5", true, "max-age=5"},
        {"several lines", "CDN-Cache-Control: max-age=5\nCDN-Cache-Control: must-revalidate", true,
         "max-age=5 must-revalidate"},
        {"the first in the policy's order", "CDN-Cache-Control: max-age=5\nWeir-Cache-Control: max-age=6", true,
         "max-age=6"},
        {"one that does not parse is passed over", "CDN-Cache-Control: max-age=5\nWeir-Cache-Control: max-age= 6", true,
         "max-age=5"},
        {"capital letters", "Cache-Control: max-age=1\nCDN-Cache-Control: Max-Age=5", false, "max-age=1"},
        {"bad spacing", "Cache-Control: max-age=1\nCDN-Cache-Control: max-age = 5", false, "max-age=1"},
        {"a trailing comma", "Cache-Control: max-age=1\nCDN-Cache-Control: max-age=5,", false, "max-age=1"},
        {"one bad line voids all", "Cache-Control: max-age=1\nCDN-Cache-Control: max-age=5\nCDN-Cache-Control: &",
         false, "max-age=1"},
        {"an empty one", "Cache-Control: max-age=1\nCDN-Cache-Control:", false, "max-age=1"},
        {"the last of equal keys", "CDN-Cache-Control: max-age=5, max-age=9, no-store, no-store=?0", true, "max-age=9"},
        {"parameters are ignored", "CDN-Cache-Control: max-age=5;x=y, foo", true, "max-age=5"},
        {"a string is no number", "CDN-Cache-Control: max-age=\"5\"", true, "max-age=invalid"},
        {"a decimal is no number", "CDN-Cache-Control: max-age=5.5", true, "max-age=invalid"},
        {"a negative one", "CDN-Cache-Control: max-age=-5", true, "max-age=invalid"},
        {"no value", "CDN-Cache-Control: max-age", true, "max-age=invalid"},
        {"saturated", "CDN-Cache-Control: max-age=999999999999999", true, "max-age=2147483648"},
        {"with field names", "CDN-Cache-Control: no-cache=\"A, b\", private", true, "private no-cache:a no-cache:b"},
        {"of a field name alone", "CDN-Cache-Control: private=Foo", true, "private:foo"},
        {"false is as if absent", "CDN-Cache-Control: no-cache=?0, max-age=1", true, "max-age=1"},
        {"a list where names belong", "CDN-Cache-Control: private=(a b)", true, "private"},
        {"restrictions", "CDN-Cache-Control: no-store, must-revalidate, no-cache", true,
         "no-store no-cache must-revalidate"},
    };
    Policy policy;
    policy.targeted_fields = {"Weir-Cache-Control", "CDN-Cache-Control"};
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const ResponseDirectives directives = response_directives(Lines(row.lines), policy);
        CHECK(directives.targeted == row.targeted);
        CHECK(shown(directives.control) == row.expected);
    }
    policy.targeted_fields.clear();
    CHECK_FALSE(response_directives(Lines("CDN-Cache-Control: max-age=5"), policy).targeted);
}
