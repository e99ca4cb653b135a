#include "loadgen/url.hpp"

#include <doctest/doctest.h>

using namespace loadgen;

TEST_CASE("parse_url: what it is made of") {
    struct Row {
        std::string text;
        const char* host;
        const char* port;
        const char* authority;
        const char* target;  // of the key `k`
    };
    const Row rows[] = {
        {"http://localhost:5000/items", "localhost", "5000", "localhost:5000", "/items/k"},
        {"http://localhost:5000/items/", "localhost", "5000", "localhost:5000", "/items/k"},
        {"http://example.com", "example.com", "80", "example.com", "/k"},
        {"http://example.com/", "example.com", "80", "example.com", "/k"},
        {"http://example.com/a/b?c=d/e", "example.com", "80", "example.com", "/a/b/k?c=d/e"},
        {"http://example.com?c", "example.com", "80", "example.com", "/k?c"},
        {"http://example.com/a#part?", "example.com", "80", "example.com", "/a/k"},
        {"http://[::1]:8080/items", "::1", "8080", "[::1]:8080", "/items/k"},
        {"http://[::1]/items", "::1", "80", "[::1]", "/items/k"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const Url url = parse_url(row.text);
        CHECK(url.host == row.host);
        CHECK(url.port == row.port);
        CHECK(url.authority == row.authority);
        CHECK(url.target("k") == row.target);
    }
}

TEST_CASE("parse_url: what it refuses") {
    struct Row {
        std::string text;
        const char* message;
    };
    const Row rows[] = {
        {"https://localhost/", "'https://localhost/': https is not supported, only http"},
        {"localhost:5000/items", "'localhost:5000/items': expected a URL like http://localhost:5000/items"},
        {"", "'': expected a URL like http://localhost:5000/items"},
        {"ftp://x/", "'ftp://x/': expected a URL like http://localhost:5000/items"},
        {"http:///items", "'http:///items': expected http://HOST[:PORT]/PATH"},
        {"http://x:/", "'http://x:/': expected http://HOST[:PORT]/PATH"},
        {"http://x:0/", "'http://x:0/': expected http://HOST[:PORT]/PATH"},
        {"http://x:65536/", "'http://x:65536/': expected http://HOST[:PORT]/PATH"},
        {"http://x:80a/", "'http://x:80a/': expected http://HOST[:PORT]/PATH"},
        {"http://[::1/", "'http://[::1/': expected http://HOST[:PORT]/PATH"},
        {"http://[::1]80/", "'http://[::1]80/': expected http://HOST[:PORT]/PATH"},
        {"http://me:secret@x/", "'http://me:secret@x/': user and password are not supported"},
        {"http://x/a b", "'http://x/a b': a URL has no spaces or unprintable characters"},
        {"http://x/\r\nA: b", "'http://x/\r\nA: b': a URL has no spaces or unprintable characters"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK_THROWS_WITH_AS((void)parse_url(row.text), row.message, BadUrl);
    }
}
