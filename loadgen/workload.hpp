#pragma once
// Which keys are asked for, in which order. The same on every run and machine for the same seed.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace loadgen {

// Fifty requests: 35 for one hot key and 15 over ten further ones, each of which is visited. So a cold cache misses 11
// times and hits 39 times.
[[nodiscard]] std::vector<std::string> demo_keys();

// Numbers from 0 to `count` - 1, of which number i comes with a probability proportional to 1 / (i + 1)^skew. A skew of
// 0 makes all alike. Keeps one double a number.
class Zipf {
 public:
    Zipf(std::size_t count, double skew);

    // `uniform`: at least 0, below 1.
    [[nodiscard]] std::size_t pick(double uniform) const;

 private:
    std::vector<double> cumulative_;  // ends with 1
};

// Keys drawn by popularity: "key-1" is the most popular.
class KeySampler {
 public:
    KeySampler(std::size_t count, double skew, std::uint64_t seed) : zipf_(count, skew), random_(seed) {}

    [[nodiscard]] std::string next();

 private:
    Zipf zipf_;
    std::mt19937_64 random_;
};

}  // namespace loadgen
