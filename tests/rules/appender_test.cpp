#include "proxy/rules/appender.hpp"

#include <doctest/doctest.h>

#include <limits>

using proxy::rules::Appender;

TEST_CASE("Appender: all pieces in their order, whatever their sizes") {
    constexpr std::size_t full = Appender::gathers;
    for (const std::size_t first : {std::size_t{0}, std::size_t{1}, full - 1, full, full + 1, 3 * full}) {
        CAPTURE(first);
        const std::string large(first, 'x');
        std::string out = "before ";
        {
            Appender pieces(out);
            pieces.append(large).append("yz").append("").append(large).append("!");
        }
        CHECK(out == "before " + large + "yz" + large + "!");
    }
}

TEST_CASE("Appender: numbers") {
    std::string out;
    {
        Appender pieces(out);
        pieces.append(0).append(" ").append(-1).append(" ").append(std::numeric_limits<std::int64_t>::min());
    }
    CHECK(out == "0 -1 -9223372036854775808");
}
