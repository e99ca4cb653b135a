#include "proxy/rules/uri.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

TEST_CASE("same_origin_target: RFC 3986 §5.2, §5.4") {
    struct Row {
        std::string_view name;
        std::string_view reference;
        std::optional<std::string> expected;
    };
    const Row rows[] = {
        {"nothing", "", {}},
        {"a fragment alone", "#x", {}},
        {"a path", "/x/y", "/x/y"},
        {"a path and query", "/x?y=/..", "/x?y=/.."},
        {"a fragment is dropped", "/x#y", "/x"},
        {"relative", "g", "/b/c/g"},
        {"relative, with a colon later", "g/h:i", "/b/c/g/h:i"},
        {"relative to here", "./g", "/b/c/g"},
        {"one up", "../g", "/b/g"},
        {"two up", "../../g", "/g"},
        {"more than there are", "../../../../g", "/g"},
        {"to a folder", "..", "/b/"},
        {"to this folder", ".", "/b/c/"},
        {"dots within", "g/./h/../i", "/b/c/g/i"},
        {"dots that are names", "..g/g..", "/b/c/..g/g.."},
        {"empty segments stay", "/a//b/../c", "/a//c"},
        {"another query", "?y", "/b/c/d;p?y"},
        {"absolute", "http://example.com/x", "/x"},
        {"absolute, letter case and default port", "HTTP://EXAMPLE.com:80/x", "/x"},
        {"absolute without path", "http://example.com", "/"},
        {"absolute without path, with query", "http://example.com?x", "/?x"},
        {"without scheme", "//example.com/x", "/x"},
        {"another host", "http://example.org/x", {}},
        {"another host without scheme", "//example.org/x", {}},
        {"another port", "http://example.com:8080/x", {}},
        {"another scheme", "https://example.com/x", {}},
        {"a subdomain", "http://a.example.com/x", {}},
        {"userinfo", "http://example.com@example.org/x", {}},
        {"no authority", "http:/x", {}},
        {"no URL", "mailto:a@example.com", {}},
    };
    RequestHeader request;
    request.authority = "example.com";
    request.target = "/b/c/d;p?q";
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK((same_origin_target(request, row.reference) == row.expected));
    }
}
