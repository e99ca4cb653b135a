#include "proxy/serving/client_addresses.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace proxy::serving;
using boost::asio::ip::make_address;

TEST_CASE("client addresses: what counts as the same client") {
    struct Row {
        const char* name;
        const char *one, *other;
        bool same;
    };
    const Row rows[] = {
        {"an address and itself", "192.0.2.1", "192.0.2.1", true},
        {"its neighbour", "192.0.2.1", "192.0.2.2", false},
        {"IPv4 by a socket of IPv6", "192.0.2.1", "::ffff:192.0.2.1", true},
        {"two of IPv4 by such sockets", "::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        {"one site of IPv6", "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
        {"two sites", "2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"the loopback and the mapped addresses", "::1", "::ffff:0.0.0.1", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        ClientAddresses addresses;
        const auto one = addresses.enter(make_address(row.one), 1);
        REQUIRE(one.has_value());
        CHECK(addresses.enter(make_address(row.other), 1).has_value() == !row.same);
    }
}

TEST_CASE("client addresses: as many as allowed, and nothing is remembered of who has left") {
    ClientAddresses addresses;
    const auto address = make_address("192.0.2.1");
    CHECK(addresses.clients() == 0);
    {
        std::vector<ClientAddresses::Place> places;
        for (int i = 0; i < 3; ++i) places.push_back(std::move(*addresses.enter(address, 3)));
        CHECK_FALSE(addresses.enter(address, 3).has_value());
        CHECK(addresses.clients() == 1);
        places.pop_back();
        CHECK(addresses.enter(address, 3).has_value());
        CHECK_FALSE(addresses.enter(address, 2).has_value());  // the limit may have become less meanwhile
    }
    CHECK(addresses.clients() == 0);
}
