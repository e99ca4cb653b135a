#pragma once
// Latencies in bounded space: each power of two is cut in 256 equal buckets, so a percentile is off by less than 0.4 %.
// Sum, smallest and largest are exact.

#include <array>
#include <chrono>
#include <cstdint>

namespace loadgen {

using std::chrono::nanoseconds;

class Histogram {
 public:
    void record(nanoseconds latency);  // negative ones count as zero

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] nanoseconds mean() const noexcept;
    [[nodiscard]] nanoseconds max() const noexcept { return nanoseconds{max_}; }

    // The smallest latency that `percent` of all do not exceed (nearest rank); 0 where none was recorded.
    [[nodiscard]] nanoseconds percentile(double percent) const noexcept;

 private:
    static constexpr unsigned precision = 8;  // bits
    static constexpr std::size_t per_power = std::size_t{1} << precision;

    static std::size_t bucket_of(std::uint64_t value) noexcept;
    static std::uint64_t middle_of(std::size_t bucket) noexcept;

    std::array<std::uint64_t, (64 - precision + 1) * per_power> buckets_{};
    std::uint64_t count_ = 0;
    double sum_ = 0;
    std::int64_t min_ = INT64_MAX;
    std::int64_t max_ = 0;
};

}  // namespace loadgen
