#include "loadgen/options.hpp"

#include <doctest/doctest.h>

using namespace loadgen;
using namespace std::chrono_literals;

namespace {

Options accepted(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "weir-loadgen");
    Options options;
    REQUIRE_FALSE(parse_command_line(static_cast<int>(arguments.size()), arguments.data(), options));
    return options;
}

}  // namespace

TEST_CASE("parse_duration") {
    struct Row {
        std::string text;
        std::optional<nanoseconds> expected;
    };
    const Row rows[] = {
        {"10s", 10s},           {"1.5s", 1500ms},       {"50ms", 50ms},         {"200us", 200us},
        {"2m", 2min},           {"24h", 24h},           {"10", std::nullopt},   {"", std::nullopt},
        {"s", std::nullopt},    {"-1s", std::nullopt},  {"0s", std::nullopt},   {"25h", std::nullopt},
        {"10 s", std::nullopt}, {"1e9s", std::nullopt}, {"nans", std::nullopt},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        CHECK((parse_duration(row.text) == row.expected));
    }
}

TEST_CASE("parse_command_line: the demo") {
    const Options options = accepted({});
    CHECK(options.demo);
    CHECK(options.url == "http://localhost:5000/items");
    CHECK(options.connections == 1);

    const Options checked = accepted(
        {"http://x/", "--min-hit-rate", "70", "--max-errors", "0", "--max-p99", "50ms", "--timeout", "2s", "--json"});
    CHECK(checked.demo);
    CHECK(checked.url == "http://x/");
    CHECK(checked.thresholds.min_hit_rate == 70.0);
    CHECK(checked.thresholds.max_errors == 0u);
    CHECK((checked.thresholds.max_p99 == nanoseconds{50ms}));
    CHECK((checked.timeout == nanoseconds{2s}));
    CHECK(checked.json);
}

TEST_CASE("parse_command_line: a load") {
    const Options options = accepted({"--rate", "100", "--keys", "7", "--zipf", "0", "--connections", "3"});
    CHECK_FALSE(options.demo);
    CHECK(options.rate == 100.0);
    CHECK(options.keys == 7);
    CHECK(options.zipf == 0.0);
    CHECK(options.connections == 3);
    CHECK((options.duration == nanoseconds{10s}));

    const Options counted = accepted({"--requests", "5"});
    CHECK(counted.requests == 5u);
    CHECK_FALSE(counted.duration);
    CHECK(counted.connections == 10);
}
