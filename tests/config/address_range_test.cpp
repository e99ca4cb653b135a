#include "proxy/config/address_range.hpp"

#include <doctest/doctest.h>

using namespace proxy;

TEST_CASE("address ranges: what is one, and how it is written") {
    struct Row {
        const char* text;
        const char* written;  // null: it is none
    };
    const Row rows[] = {{"10.0.0.0/8", "10.0.0.0/8"},
                        {"192.0.2.1", "192.0.2.1/32"},
                        {"0.0.0.0/0", "0.0.0.0/0"},
                        {"fd00::/8", "fd00::/8"},
                        {"::1", "::1/128"},
                        {"::/0", "::/0"},
                        {"2001:DB8:0::/32", "2001:db8::/32"},
                        {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
                        {"10.0.0.1/8", nullptr},
                        {"10.0.0.0/33", nullptr},
                        {"10.0.0.0/", nullptr},
                        {"10.0.0.0/-1", nullptr},
                        {"10.0.0.0/8x", nullptr},
                        {"10.0.0/8", nullptr},
                        {"fd00::/129", nullptr},
                        {"localhost", nullptr},
                        {"*", nullptr},
                        {"", nullptr}};
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const auto range = address_range_from(row.text);
        REQUIRE(range.has_value() == (row.written != nullptr));
        if (range) CHECK(to_text(*range) == row.written);
    }
}

TEST_CASE("address ranges: what is in them") {
    struct Row {
        const char* range;
        const char* address;
        bool expected;
    };
    const Row rows[] = {{"10.0.0.0/8", "10.255.0.1", true},
                        {"10.0.0.0/8", "11.0.0.1", false},
                        {"10.128.0.0/9", "10.127.0.1", false},
                        {"10.128.0.0/9", "10.129.0.1", true},
                        {"192.0.2.1", "192.0.2.1", true},
                        {"192.0.2.1", "192.0.2.2", false},
                        {"0.0.0.0/0", "1.2.3.4", true},
                        {"0.0.0.0/0", "::1", false},
                        {"::/0", "1.2.3.4", false},
                        {"::/0", "fd00::1", true},
                        {"fd00::/8", "fdff::1", true},
                        {"fd00::/8", "fe80::1", false},
                        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
                        {"10.0.0.0/8", "nonsense", false},
                        {"10.0.0.0/8", "", false}};
    for (const Row& row : rows) {
        CAPTURE(row.range);
        CAPTURE(row.address);
        CHECK(address_range_from(row.range).value().contains(row.address) == row.expected);
    }
}
