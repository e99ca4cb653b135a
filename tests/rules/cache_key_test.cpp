#include "proxy/rules/cache_key.hpp"

#include <algorithm>

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

namespace {

std::string key_of(const RequestHeader& request, const KeyPolicy& policy = {}) {
    std::string key = "what stood there before";
    primary_key(key, request, policy);
    return key;
}

}  // namespace

TEST_CASE("primary_key: the target URI, RFC 9111 §2, RFC 9110 §4.2.3") {
    struct Row {
        std::string_view name;
        const char *scheme, *authority, *target;
        std::string_view expected;
    };
    const Row rows[] = {
        {"plain", "http", "example.com", "/items/foo?a=1", "http://example.com/items/foo?a=1"},
        {"scheme and authority in lower case", "HTTP", "Example.COM", "/A?B=C", "http://example.com/A?B=C"},
        {"default port", "http", "example.com:80", "/", "http://example.com/"},
        {"empty port", "http", "example.com:", "/", "http://example.com/"},
        {"other port", "http", "example.com:8080", "/", "http://example.com:8080/"},
        {"port of the other scheme", "http", "example.com:443", "/", "http://example.com:443/"},
        {"https", "https", "example.com:443", "/", "https://example.com/"},
        {"port that only ends alike", "http", "example.com:8:80", "/", "http://example.com:8/"},
        {"IPv6", "http", "[::1]:80", "/", "http://[::1]/"},
        {"IPv6 without port", "http", "[::80]", "/", "http://[::80]/"},
        {"letter case of a path matters, of a host it does not", "http", "A", "/A", "http://a/A"},
        {"a final dot of the host stays", "http", "example.com.", "/", "http://example.com./"},
        {"an empty path cannot come, / is /", "http", "a", "/", "http://a/"},
        {"no query is not an empty one", "http", "a", "/x", "http://a/x"},
        {"path and query byte for byte", "http", "a", "/%7Ea//b/../c/?&&x=%2f", "http://a/%7Ea//b/../c/?&&x=%2f"},
        {"an empty query is a query", "http", "a", "/?", "http://a/?"},
        {"not ASCII", "http", "a", "/\xc3\xa4", "http://a/\xc3\xa4"},
        {"no path hides in the authority", "http", "a/b", "/c", "http://a%2Fb/c"},
        {"no userinfo either", "http", "x@a", "/", "http://x%40a/"},
        {"no space, no control character", "http", "a b", "/ \x01\x7f", "http://a%20b/%20%01%7F"},
        {"no authority", "http", "", "/", "http:///"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        RequestHeader request;
        request.scheme = row.scheme;
        request.authority = row.authority;
        request.target = row.target;
        CHECK(key_of(request) == row.expected);
    }
}

TEST_CASE("primary_key: what the policy says of the query") {
    using enum QueryPolicy;
    const std::vector<std::string> none, tracking{"utm_*", "gclid"};
    struct Row {
        std::string_view name;
        QueryPolicy query;
        const std::vector<std::string>& ignored;
        const char* target;
        std::string_view expected;
    };
    const Row rows[] = {
        {"sorted by name", sort, none, "/?b=1&a=2&c", "/?a=2&b=1&c"},
        {"equal names keep their order", sort, none, "/?a=2&b&a=1", "/?a=2&a=1&b"},
        {"a name is not its prefix", sort, none, "/?ab=1&a=2", "/?a=2&ab=1"},
        {"values are not names", sort, none, "/?a=z&a-=b", "/?a=z&a-=b"},
        {"dropped", drop, none, "/p?b=1&a=2", "/p"},
        {"dropped, with nothing there", drop, none, "/p", "/p"},
        {"ignored parameters", keep, tracking, "/?utm_source=x&b=1&gclid=2&a=2", "/?b=1&a=2"},
        {"all ignored", keep, tracking, "/?utm_source=x&gclid", "/"},
        {"an ignored name is matched whole", keep, tracking, "/?gclids=1&xgclid=2", "/?gclids=1&xgclid=2"},
        {"letter case matters", keep, tracking, "/?GCLID=1", "/?GCLID=1"},
        {"nothing hides behind a semicolon", keep, tracking, "/?utm_x=1;callback=evil&a", "/?utm_x=1;callback=evil&a"},
        {"ignored and sorted", sort, tracking, "/?b&gclid=2&a", "/?a&b"},
        {"empty parameters stay", keep, tracking, "/?&a&&b&", "/?&a&&b&"},
        {"a second ? belongs to the query", keep, tracking, "/?a=?&gclid=1", "/?a=?"},
        {"an empty query stays one", sort, tracking, "/?", "/?"},
        {"unless all are dropped", drop, none, "/?", "/"},
        {"an encoded name is another one", keep, tracking, "/?%67clid=1", "/?%67clid=1"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        KeyPolicy policy;
        policy.query = row.query;
        policy.ignored_parameters = row.ignored;
        RequestHeader request;
        request.authority = "a";
        request.target = row.target;
        CHECK(key_of(request, policy) == "http://a" + std::string{row.expected});
    }
}

TEST_CASE("primary_key: tracking parameters, off unless chosen") {
    RequestHeader request;
    request.authority = "a";
    request.target = "/?utm_source=x&id=1&fbclid=2&ref=3&_ga=4;callback=x&gclid";
    KeyPolicy policy;
    CHECK(key_of(request, policy) == "http://a" + std::string{request.target});
    policy.ignore_tracking = true;
    CHECK(key_of(request, policy) == "http://a/?id=1&ref=3&_ga=4;callback=x");
    policy.ignored_parameters = {"ref"};
    CHECK(key_of(request, policy) == "http://a/?id=1&_ga=4;callback=x");
    CHECK(std::ranges::is_sorted(tracking_parameters));
}

TEST_CASE("primary_key: a normalised path and a fixed host") {
    struct Row {
        std::string_view name;
        const char *host, *authority, *target;
        std::string_view expected;
    };
    const Row rows[] = {
        {"path", "", "a", "/x/../%7Eb%2fc", "http://a/~b%2Fc"},
        {"the query is none of it", "", "a", "/%7E?/../%7E", "http://a/~?/../%7E"},
        {"host", "Site.example", "localhost:5000", "/", "http://site.example/"},
        {"host with port", "site:81", "site", "/", "http://site:81/"},
        {"host with default port", "site:80", "a", "/", "http://site/"},
        {"host for a request that names none", "site", "", "/", "http://site/"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        KeyPolicy policy;
        policy.host = row.host;
        policy.path = PathPolicy::normalise;
        RequestHeader request;
        request.authority = row.authority;
        request.target = row.target;
        CHECK(key_of(request, policy) == row.expected);
    }
}

TEST_CASE("the origin is told what the key says, byte for byte") {
    std::vector<KeyPolicy> policies(7);
    policies[1].path = PathPolicy::normalise;
    policies[2].query = QueryPolicy::sort;
    policies[3].query = QueryPolicy::drop;
    policies[4].ignore_tracking = true;
    policies[5].ignored_parameters = {"a", "b*"};
    policies[6] = {.host = "Site:80",
                   .path = PathPolicy::normalise,
                   .query = QueryPolicy::sort,
                   .ignore_tracking = true,
                   .ignored_parameters = {"a"},
                   .request_fields = {},
                   .cookies = {}};
    const char* const targets[] = {
        "/", "/?", "/a/../%7E%2f?b=2&gclid=1&a=1;b=2&a=2&&", "/%zz/../?utm_x&a", "/?a&b", "*", "//x/.?c=%7E"};
    for (const KeyPolicy& policy : policies) {
        for (const char* target : targets) {
            for (const char* authority : {"Example.com:80", "example.com:8080", "[::1]", "example.com."}) {
                RequestHeader request;
                request.authority = authority;
                request.target = target;
                const std::string sent_target = forwarded_target(request, policy);
                const std::string sent_authority = forwarded_authority(request, policy);
                CAPTURE(sent_target);
                CAPTURE(sent_authority);
                CHECK(key_of(request, policy) == "http://" + sent_authority + sent_target);
                RequestHeader sent;
                sent.authority = sent_authority;
                sent.target = sent_target;
                CHECK(forwarded_target(sent, policy) == sent_target);
                CHECK(key_of(sent, policy) == key_of(request, policy));
                if (&policy == policies.data()) CHECK(sent_target == target);
            }
        }
    }
}

TEST_CASE("primary_key: request fields and cookies of the policy") {
    KeyPolicy policy;
    policy.request_fields = {"X-Device"};
    policy.cookies = {"lang"};
    struct Row {
        std::string_view name;
        const char* lines;
        std::string_view expected;
    };
    const Row rows[] = {
        {"absent", "", " field:x-device cookie:lang"},
        {"there", "x-DEVICE: phone\nCookie: a=1; lang=de;b=2", " field:x-device=phone cookie:lang=de"},
        {"empty is not absent", "X-Device:\nCookie: lang=", " field:x-device= cookie:lang="},
        {"several lines", "X-Device: a\nX-Device: b\nCookie: lang=x\nCookie: lang=y",
         " field:x-device=a,b cookie:lang=x cookie:lang=y"},
        {"no value can pretend to be another", "X-Device: a cookie:lang=de%20",
         " field:x-device=a%20cookie:lang=de%2520 cookie:lang"},
        {"not ASCII", "X-Device: \xc3\xa4", " field:x-device=%C3%A4 cookie:lang"},
        {"cookie names are matched whole, case matters", "Cookie: xlang=1; Lang=2; lang2=3",
         " field:x-device cookie:lang"},
        {"a cookie without =", "Cookie: lang; ; =x", " field:x-device cookie:lang="},
        {"hop-by-hop: the origin does not see it", "Connection: X-Device, Cookie\nX-Device: a\nCookie: lang=de",
         " field:x-device cookie:lang"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.lines);
        CHECK(key_of(request_with(lines), policy) == "http://example.com/path?a=1" + std::string{row.expected});
    }
}

TEST_CASE("selecting_fields: RFC 9110 §12.5.5") {
    struct Row {
        std::string_view name;
        const char* lines;
        std::string_view expected;
    };
    const Row rows[] = {
        {"no Vary", "X: y", ""},
        {"an empty Vary", "Vary:\nVary: ,", ""},
        {"lower case, sorted, without doubles", "Vary: Foo, accept, FOO", "accept,foo"},
        {"several lines", "Vary: b\nX: y\nvary: a", "a,b"},
        {"*", "Vary: *", "*"},
        {"* among others", "Vary: a, *, b", "*"},
        {"* in another line", "Vary: a\nVary:\nVary: ,*", "*"},
        {"a name with * in it", "Vary: a*", "a*"},
        {"what is no name", "Vary: a b", "*"},
        {"what is quoted", "Vary: \"a\"", "*"},
        {"what we write for each client", "Vary: X-Forwarded-For", "*"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.lines);
        CHECK(selecting_fields(response_with(lines)) == row.expected);
    }
}

TEST_CASE("variant_key: RFC 9111 §4.1") {
    struct Row {
        std::string_view name;
        const char *selecting, *lines;
        std::string_view expected;
    };
    const Row rows[] = {
        {"nothing selects", "", "A: 1", "K"},
        {"one field", "foo", "Foo: 1", "K foo=1"},
        {"absent", "foo", "", "K foo"},
        {"empty", "foo", "Foo:", "K foo="},
        {"two fields", "bar,foo", "Foo: 1\nBar: 2", "K bar=2 foo=1"},
        {"one of two", "bar,foo", "Foo: 1", "K bar foo=1"},
        {"several lines are one list", "foo", "Foo: 1\nX: y\nfoo: 2", "K foo=1,2"},
        {"which may also come as one", "foo", "Foo: 1, 2", "K foo=1,2"},
        {"white space about commas", "foo", "Foo:  1\t,2 , ,3,", "K foo=1,2,,3,"},
        {"but not within quotes", "foo", "Foo: \"a , \\\" , b\" , c", "K foo=\"a%20,%20\\\"%20,%20b\",c"},
        {"a backslash at the end", "foo", "Foo: \"a\\", "K foo=\"a\\"},
        {"nor in what is no list", "user-agent", "User-Agent: a , b", "K user-agent=a%20,%20b"},
        {"other values: byte for byte", "foo", "Foo: A  b,C", "K foo=A%20%20b,C"},
        {"no value can pretend to be another", "bar,foo", "Bar: 1 foo=2%", "K bar=1%20foo=2%25 foo"},
        {"not ASCII", "foo", "Foo: \xe4", "K foo=%E4"},
        {"hop-by-hop: the origin does not see it", "foo", "Connection: Foo\nFoo: 1", "K foo"},

        {"Accept-Encoding", "accept-encoding", "Accept-Encoding: gzip", "K accept-encoding=gzip"},
        {"Accept-Encoding: order, case, white space, doubles", "accept-encoding",
         "Accept-Encoding: GZIP ,br\nAccept-Encoding: gzip,\tdeflate", "K accept-encoding=br,deflate,gzip"},
        {"Accept-Encoding: weights", "accept-encoding", "Accept-Encoding: gzip ; Q=0.5, br;q=0",
         "K accept-encoding=br;q=0,gzip;q=0.5"},
        {"Accept-Encoding: a weight of 1", "accept-encoding", "Accept-Encoding: gzip;q=1.000, br;q=1",
         "K accept-encoding=br,gzip"},
        {"Accept-Encoding: a weight like 1", "accept-encoding", "Accept-Encoding: gzip;q=1.0001",
         "K accept-encoding=gzip;q=1.0001"},
        {"Accept-Encoding: malformed stays itself", "accept-encoding", "Accept-Encoding: g zip",
         "K accept-encoding=g%20zip"},
        {"Accept-Encoding: absent", "accept-encoding", "", "K accept-encoding"},
        {"Accept-Encoding: empty", "accept-encoding", "Accept-Encoding: ,", "K accept-encoding="},
        {"Accept-Language: case and white space", "accept-language", "Accept-Language: DE-at ,en ; Q=0.5",
         "K accept-language=de-at,en;q=0.5"},
        {"Accept-Language: the order stays", "accept-language", "Accept-Language: en, de, en",
         "K accept-language=en,de,en"},
        {"*", "*", "Foo: 1", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.lines);
        CHECK(variant_key("K", row.selecting, request_with(lines)) == row.expected);
    }
}

TEST_CASE("variant_key: values that are too long select nothing") {
    const std::string overhead = " foo=";
    const Lines longest("Foo: " + std::string(max_selecting_values - overhead.size(), 'x'));
    const Lines too_long("Foo: " + std::string(max_selecting_values - overhead.size() + 1, 'x'));
    CHECK(variant_key("K", "foo", request_with(longest)).size() == 1 + max_selecting_values);
    CHECK(variant_key("K", "foo", request_with(too_long)).empty());
}

TEST_CASE("VaryIndex: newest first, bounded") {
    using Sets = std::vector<std::string>;
    VaryIndex index;
    for (const char* set : {"a", "b", "c", "d"}) index.add(set);
    CHECK(index.sets == Sets{"d", "c", "b", "a"});
    index.add(index.sets[2]);
    CHECK(index.sets == Sets{"b", "d", "c", "a"});
    index.add("e");
    CHECK(index.sets == Sets{"e", "b", "d", "c"});
}
