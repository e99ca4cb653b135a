#include "loadgen/workload.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace loadgen {

namespace {
constexpr int demo_requests = 50;
constexpr int hot_requests = 35;
constexpr int further_keys = 10;
constexpr std::uint64_t demo_seed = 42;
}  // namespace

std::vector<std::string> demo_keys() {
    std::vector<std::string> keys(hot_requests, "popular");
    for (int i = 0; i < demo_requests - hot_requests; ++i)
        keys.push_back("item-" + std::to_string(1 + i % further_keys));
    // by hand: what std::shuffle does is each library's own affair
    std::mt19937_64 random(demo_seed);
    for (std::size_t left = keys.size(); left > 1; --left) std::swap(keys[left - 1], keys[random() % left]);
    return keys;
}

Zipf::Zipf(std::size_t count, double skew) {
    cumulative_.reserve(count);
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) cumulative_.push_back(sum += std::pow(static_cast<double>(i + 1), -skew));
    for (double& value : cumulative_) value /= sum;
}

std::size_t Zipf::pick(double uniform) const {
    const auto place = std::ranges::upper_bound(cumulative_, uniform);
    return std::min(static_cast<std::size_t>(place - cumulative_.begin()), cumulative_.size() - 1);
}

std::string KeySampler::next() {
    const double uniform = static_cast<double>(random_() >> 11) * 0x1p-53;
    return "key-" + std::to_string(1 + zipf_.pick(uniform));
}

}  // namespace loadgen
