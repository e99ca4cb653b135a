#include "origin-stub/content.hpp"

#include <doctest/doctest.h>

using namespace origin_stub;

TEST_CASE("pattern: any cut of it is the same text") {
    const std::string whole = pattern("key", 0, 1000);
    REQUIRE(whole.size() == 1000);
    for (const std::size_t offset : {0u, 1u, 9u, 10u, 11u, 500u, 999u}) {
        CAPTURE(offset);
        CHECK(pattern("key", offset, 25) == (whole + pattern("key", 1000, 25)).substr(offset, 25));
    }
}

TEST_CASE("pattern: the same for all time") { CHECK(pattern("x", 0, 20) == "OiRkoIsK4xPmjlwjtYCO"); }

TEST_CASE("pattern: another key, another text; no repetition at a power of two") {
    CHECK(pattern("a", 0, 100) != pattern("b", 0, 100));
    CHECK(pattern("a", 0, 100) != pattern("a", 65536, 100));
}

TEST_CASE("Content: read stops at the end") {
    const Content text("hello");
    CHECK(text.size() == 5);
    CHECK(text.read(0, 100) == "hello");
    CHECK(text.read(3, 100) == "lo");
    CHECK(text.read(5, 100).empty());
    CHECK(Content{}.read(0, 100).empty());
}

TEST_CASE("Content: cut leaves the range") {
    Content text("hello");
    text.cut(1, 3);
    CHECK(text.size() == 3);
    CHECK(text.read(0, 100) == "ell");

    Content long_one("key", 1000);
    long_one.cut(990, 999);
    CHECK(long_one.read(0, 100) == pattern("key", 990, 10));
}
