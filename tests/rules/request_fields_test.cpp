#include "proxy/rules/request_fields.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace proxy::rules;

TEST_CASE("matches: a name, letter case aside, and `*` for any text") {
    struct Row {
        std::string_view pattern, name;
        bool expected;
    };
    const Row rows[] = {
        {"X-Host", "x-hOST", true},
        {"X-Host", "X-Hosts", false},
        {"X-Hosts", "X-Host", false},
        {"X-Forwarded*", "X-Forwarded", true},
        {"X-Forwarded*", "x-forwarded-host", true},
        {"X-Forwarded*", "X-Forwards", false},
        {"X-*-Override", "X-HTTP-Method-Override", true},
        {"X-*-Override", "X-Override", false},
        {"X-*-Override", "X--Override", true},
        {"X-*-Override", "X-Method-Override-Not", false},
        {"*_*", "Content_Length", true},
        {"*_*", "_", true},
        {"*_*", "Content-Length", false},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},
        {"*", "anything", true},
        {"**", "anything", true},
        {"", "a", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.pattern);
        CAPTURE(row.name);
        CHECK(matches(row.pattern, row.name) == row.expected);
    }
}

TEST_CASE("is_dropped: what no key says") {
    const std::vector<std::string> dropped(std::begin(default_dropped_request_fields),
                                           std::end(default_dropped_request_fields));
    for (const std::string_view name :
         {"X-Forwarded-Host", "X-Forwarded-Server", "X-Forwarded-Prefix", "Forwarded", "X-Original-URL",
          "x-rewrite-url", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-HTTP-Host-Override",
          "X-Host", "Proxy", "transfer_encoding", "X_Forwarded_For", "Accept_Language"}) {
        CAPTURE(name);
        CHECK(is_dropped(name, dropped, {}));
    }
    for (const std::string_view name : {"Host", "Accept", "Accept-Language", "Cookie", "Authorization", "Origin",
                                        "X-Requested-With", "X-API-Key", "Sec-WebSocket-Key", "Override"}) {
        CAPTURE(name);
        CHECK_FALSE(is_dropped(name, dropped, {}));
    }
    const std::vector<std::string> in_key{"x-host"};
    CHECK_FALSE(is_dropped("X-Host", dropped, in_key));
    CHECK(is_dropped("X-Hosts_", dropped, in_key));
    CHECK_FALSE(is_dropped("X-Host", {}, {}));
}
