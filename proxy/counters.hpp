#pragma once
// Numbers that one thread writes and any other may read: no locked instruction, and no torn value. A counter shared by
// all threads was measured to cost more than parsing a request.

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace proxy {

class Counter {
 public:
    void add(std::uint64_t n = 1) noexcept { value_.store(get() + n, std::memory_order_relaxed); }
    void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
    void subtract(std::uint64_t n = 1) noexcept { value_.store(get() - n, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
    std::atomic<std::uint64_t> value_{0};
};

// One more, as long as it lives; on the thread that writes the counter.
class CountedWhile {
 public:
    explicit CountedWhile(Counter& counter) noexcept : counter_(counter) { counter_.add(); }
    ~CountedWhile() { counter_.subtract(); }
    CountedWhile(const CountedWhile&) = delete;
    CountedWhile& operator=(const CountedWhile&) = delete;

 private:
    Counter& counter_;
};

// Durations in fixed buckets, 50 µs to 30 s.
class Histogram {
 public:
    static constexpr std::array<double, 18> bounds{0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                   0.05,    0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30};

    void observe(std::chrono::nanoseconds duration) noexcept {
        const double value = std::chrono::duration<double>(duration).count();
        std::size_t bucket = 0;
        while (bucket < bounds.size() && value > bounds[bucket]) ++bucket;
        buckets_[bucket].add();
        sum_nanoseconds_.add(static_cast<std::uint64_t>(duration.count() < 0 ? 0 : duration.count()));
    }

    // Not cumulative; the last one counts what is above every bound.
    [[nodiscard]] std::uint64_t bucket(std::size_t index) const noexcept { return buckets_[index].get(); }
    [[nodiscard]] double sum_seconds() const noexcept { return static_cast<double>(sum_nanoseconds_.get()) / 1e9; }

 private:
    std::array<Counter, bounds.size() + 1> buckets_;
    Counter sum_nanoseconds_;
};

}  // namespace proxy
