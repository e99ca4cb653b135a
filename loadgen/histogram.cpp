#include "loadgen/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace loadgen {

// Values below per_power have a bucket each. A larger one of `width` bits is cut to its first precision + 1 bits, of
// which the first is always 1: the other bits number the bucket within its power of two.

std::size_t Histogram::bucket_of(std::uint64_t value) noexcept {
    if (value < per_power) return static_cast<std::size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - precision - 1;
    return (shift + 1) * per_power + (static_cast<std::size_t>(value >> shift) - per_power);
}

std::uint64_t Histogram::middle_of(std::size_t bucket) noexcept {
    if (bucket < per_power) return bucket;
    const std::size_t shift = bucket / per_power - 1;
    const std::uint64_t least = static_cast<std::uint64_t>(per_power + bucket % per_power) << shift;
    return least + ((std::uint64_t{1} << shift) >> 1);
}

void Histogram::record(nanoseconds latency) {
    const std::int64_t value = std::max<std::int64_t>(0, latency.count());
    ++buckets_[bucket_of(static_cast<std::uint64_t>(value))];
    ++count_;
    sum_ += static_cast<double>(value);
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
}

nanoseconds Histogram::mean() const noexcept {
    if (count_ == 0) return nanoseconds{0};
    return nanoseconds{static_cast<std::int64_t>(sum_ / static_cast<double>(count_))};
}

nanoseconds Histogram::percentile(double percent) const noexcept {
    if (count_ == 0) return nanoseconds{0};
    const auto rank = static_cast<std::uint64_t>(std::ceil(percent * static_cast<double>(count_) / 100));
    std::uint64_t seen = 0;
    std::size_t bucket = 0;
    while ((seen += buckets_[bucket]) < std::clamp<std::uint64_t>(rank, 1, count_)) ++bucket;
    return nanoseconds{std::clamp(static_cast<std::int64_t>(middle_of(bucket)), min_, max_)};
}

}  // namespace loadgen
