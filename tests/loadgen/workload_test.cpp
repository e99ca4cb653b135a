#include "loadgen/workload.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

using namespace loadgen;

TEST_CASE("demo_keys: 35 for the hot key, 15 over ten more; a cold cache misses 11 of 50") {
    std::map<std::string, int> counts;
    int misses = 0;
    for (const std::string& key : demo_keys()) misses += ++counts[key] == 1 ? 1 : 0;
    CHECK(demo_keys().size() == 50);
    CHECK(counts["popular"] == 35);
    CHECK(counts.size() == 11);
    CHECK(misses == 11);
}

TEST_CASE("demo_keys: shuffled, and always the same") {
    const auto keys = demo_keys();
    CHECK(keys == demo_keys());
    CHECK_FALSE(std::ranges::is_sorted(keys));
    CHECK_FALSE(std::ranges::is_sorted(keys, std::ranges::greater{}));
    CHECK(std::vector(keys.begin(), keys.begin() + 5) ==
          std::vector<std::string>{"popular", "item-5", "popular", "popular", "popular"});
}

TEST_CASE("Zipf: the ends of the range") {
    const Zipf zipf(10, 1.0);
    CHECK(zipf.pick(0.0) == 0);
    CHECK(zipf.pick(std::nextafter(1.0, 0.0)) == 9);
    CHECK(Zipf(1, 1.0).pick(0.7) == 0);
}

TEST_CASE("Zipf: shares are as 1 / (i + 1)^skew") {
    struct Row {
        std::string name;
        double skew;
        std::vector<double> shares;
    };
    const Row rows[] = {
        {"all alike", 0, {0.25, 0.25, 0.25, 0.25}},
        {"harmonic", 1, {12.0 / 25, 6.0 / 25, 4.0 / 25, 3.0 / 25}},
        {"steep", 2, {144.0 / 205, 36.0 / 205, 16.0 / 205, 9.0 / 205}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Zipf zipf(row.shares.size(), row.skew);
        constexpr int steps = 100'000;
        std::vector<int> counts(row.shares.size());
        for (int i = 0; i < steps; ++i) ++counts[zipf.pick((i + 0.5) / steps)];
        for (std::size_t i = 0; i < counts.size(); ++i)
            CHECK(counts[i] / double{steps} == doctest::Approx(row.shares[i]).epsilon(0.001));
    }
}

TEST_CASE("KeySampler: the seed decides, key-1 leads") {
    const auto draw = [](std::uint64_t seed) {
        KeySampler sampler(50, 1.0, seed);
        std::vector<std::string> keys;
        for (int i = 0; i < 1000; ++i) keys.push_back(sampler.next());
        return keys;
    };
    CHECK(draw(1) == draw(1));
    CHECK(draw(1) != draw(2));
    const auto keys = draw(1);
    CHECK(std::ranges::count(keys, "key-1") > std::ranges::count(keys, "key-2"));
    CHECK(std::ranges::count(keys, "key-0") == 0);
    CHECK(std::ranges::count(keys, "key-51") == 0);
}
