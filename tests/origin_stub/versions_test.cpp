#include "origin-stub/versions.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "origin-stub/content.hpp"

using namespace origin_stub;

TEST_CASE("Versions: each key has its own, from 1 on") {
    Versions versions;
    CHECK(versions.of("a") == 1);
    CHECK(versions.raise("a") == 2);
    CHECK(versions.raise("a") == 3);
    CHECK(versions.of("a") == 3);
    CHECK(versions.of("b") == 1);
}

TEST_CASE("Versions: bounded; what is known goes on") {
    Versions versions;
    for (std::size_t i = 0; i < Versions::max_keys; ++i) REQUIRE(versions.raise(std::to_string(i)) == 2);
    CHECK_FALSE(versions.raise("one more"));
    CHECK(versions.raise("0") == 3);
}

TEST_CASE("versioned_content says what it is") {
    const std::string content = versioned_content("a/b", 7);
    std::istringstream first(content.substr(0, content.find('\n')));
    std::string key, version, length, checksum;
    first >> key >> version >> length >> checksum;
    CHECK(key == "a/b");
    CHECK(version == "7");
    CHECK(checksum.size() == 8);
    const std::string filler = content.substr(content.find('\n') + 1);
    CHECK(std::to_string(filler.size()) == length);
    CHECK(filler == pattern("a/b 7", 0, filler.size()));
    CHECK(versioned_content("a", 1) == "a 1 957 4c5acf26\n" + pattern("a 1", 0, 957));  // the same for all time
}

TEST_CASE("versioned_content: most are short, some are long") {
    std::size_t few = 0, some = 0, many = 0;
    for (unsigned version = 1; version <= 640; ++version) {
        const std::size_t size = versioned_content("key", version).size();
        CHECK(size < (3u << 20) + 64);
        ++(size < 5000 ? few : size < (1u << 20) ? some : many);
    }
    CHECK(few > 500);
    CHECK(some > 30);
    CHECK(many > 2);
}

TEST_CASE("surrogate_keys_of") {
    CHECK(surrogate_keys_of("a/b/c") == "a b c");
    CHECK(surrogate_keys_of("a") == "a");
}
