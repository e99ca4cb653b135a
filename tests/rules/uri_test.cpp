#include "proxy/rules/uri.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

TEST_CASE("is_authority: RFC 9110 §4.2.4, §7.2") {
    for (const std::string_view text :
         {"a", "a.test", "A.Test:80", "a.test.", "a:", "a:0", "a:65535", "127.0.0.1:8080", "[::1]", "[::1]:81",
          "[2001:db8::192.0.2.1]", "a_b-c~d", "a%C3%A4", "!$&'()*+;="}) {
        CAPTURE(text);
        CHECK(is_authority(text));
    }
    for (const std::string_view text : {"",
                                        ":80",
                                        "a:b",
                                        "a:-1",
                                        "a:+1",
                                        "a:65536",
                                        "a:80:81",
                                        "a:80 ",
                                        "::1",
                                        "[::1",
                                        "[]",
                                        "[::1]a",
                                        "[a.test]",
                                        "[:1:::2]",
                                        "[fe80::1%25eth0]",
                                        "[v1.a]",
                                        "me@a",
                                        "a/b",
                                        "a?b",
                                        "a#b",
                                        "a\\b",
                                        "a b",
                                        "a,b",
                                        "a%",
                                        "a%zz",
                                        "\"a\"",
                                        "\xc3\xa4",
                                        "a\x7f",
                                        "[1111:1111:1111:1111:1111:1111:111.111.111.1111]"}) {
        CAPTURE(text);
        CHECK_FALSE(is_authority(text));
    }
}

TEST_CASE("normalised_path: RFC 3986 §6.2.2, and nothing beyond it") {
    struct Row {
        std::string_view name, path, expected;
    };
    const Row rows[] = {
        {"normal already", "/a/b.c/~d-e_f", "/a/b.c/~d-e_f"},
        {"unreserved characters", "/%7Ea%2d%5F%2E%41%30", "/~a-_.A0"},
        {"hexadecimal digits", "/%c3%a4", "/%C3%A4"},
        {"an encoded slash is none", "/a%2fb", "/a%2Fb"},
        {"a backslash is none either, encoded or not", "/a%5cb\\c", "/a%5Cb\\c"},
        {"; stays what it is, encoded or not", "/a%3bb;c", "/a%3Bb;c"},
        {"encoded reserved characters", "/%3f%23%25%26%3d%2b%20+%00", "/%3F%23%25%26%3D%2B%20+%00"},
        {"encoded twice is decoded never", "/%252e%252e/%2541", "/%252e%252e/%2541"},
        {"letter case", "/A%61", "/Aa"},
        {"not ASCII", "/\xc3\xa4", "/\xc3\xa4"},
        {"dot segments", "/a/./b/../c", "/a/c"},
        {"encoded dot segments", "/a/%2e/b/%2E./c", "/a/c"},
        {"more than there are", "/../../a", "/a"},
        {"dot segments at the end", "/a/b/..", "/a/"},
        {"nothing but a dot", "/.", "/"},
        {"a dot segment with parameters is a name", "/a/..;x/b", "/a/..;x/b"},
        {"a dot segment before an encoded slash is a name", "/a/..%2Fb", "/a/..%2Fb"},
        {"names with dots", "/.a/b./...", "/.a/b./..."},
        {"empty segments", "/a//b/", "/a//b/"},
        {"a trailing slash", "/a/", "/a/"},
        {"a malformed escape leaves all alone", "/%7E/../%zz", "/%7E/../%zz"},
        {"an escape cut off", "/%7E%4", "/%7E%4"},
        {"no escape is made of two", "/%%34%31", "/%%34%31"},
        {"the server", "*", "*"},
        {"nothing", "", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        std::string buffer = "what stood there before", again;
        const std::string_view normal = normalised_path(row.path, buffer);
        CHECK(normal == row.expected);
        CHECK(normalised_path(normal, again) == normal);
    }
}

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
