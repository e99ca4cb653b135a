#include "origin-stub/stats.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace origin_stub;

namespace {
nlohmann::json json_of(const Stats& stats) { return nlohmann::json::parse(stats.to_json()); }
}  // namespace

TEST_CASE("Stats: counts by method and target, open and most at once") {
    Stats stats;
    const auto connection = stats.connection_accepted();
    {
        const auto first = stats.request_received("GET", "/items/a");
        const auto second = stats.request_received("GET", "/items/a");
        CHECK(json_of(stats)["open_requests"] == 2);
    }
    {
        const auto third = stats.request_received("POST", "/items/b?x");
    }
    const auto json = json_of(stats);
    CHECK(json["requests"] == 3);
    CHECK(json["methods"] == nlohmann::json{{"GET", 2}, {"POST", 1}});
    CHECK(json["targets"] == nlohmann::json{{"/items/a", 2}, {"/items/b?x", 1}});
    CHECK(json["open_requests"] == 0);
    CHECK(json["max_concurrent"] == 2);
    CHECK(json["connections"] == 1);
    CHECK(json["open_connections"] == 1);
}

TEST_CASE("Stats: reset keeps what is open") {
    Stats stats;
    const auto connection = stats.connection_accepted();
    const auto request = stats.request_received("GET", "/items/a");
    stats.reset();
    const auto json = json_of(stats);
    CHECK(json["requests"] == 0);
    CHECK(json["targets"].empty());
    CHECK(json["connections"] == 0);
    CHECK(json["open_requests"] == 1);
    CHECK(json["max_concurrent"] == 1);
    CHECK(json["open_connections"] == 1);
}

TEST_CASE("Stats: the list of targets is bounded") {
    Stats stats;
    for (std::size_t i = 0; i < Stats::max_targets + 5; ++i)
        const auto request = stats.request_received("GET", "/" + std::to_string(i));
    const auto again = stats.request_received("GET", "/0");
    const auto json = json_of(stats);
    CHECK(json["targets"].size() == Stats::max_targets);
    CHECK(json["targets"]["/0"] == 2);
    CHECK(json["other_targets"] == 5);
    CHECK(json["requests"] == Stats::max_targets + 6);
}
