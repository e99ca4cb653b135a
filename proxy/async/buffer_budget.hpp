#pragma once
// One count of the bytes that all buffers of the node take, so that they have one limit.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace proxy {

// Any thread.
class BufferBudget {
 public:
    explicit BufferBudget(std::uint64_t limit) noexcept : limit_(limit) {}
    BufferBudget(const BufferBudget&) = delete;
    BufferBudget& operator=(const BufferBudget&) = delete;

    void set_limit(std::uint64_t limit) noexcept { limit_.store(limit, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t limit() const noexcept { return limit_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

    // Whether anything new may be begun that takes buffers. What was begun before may still take what it needs.
    [[nodiscard]] bool has_room() const noexcept { return used() < limit(); }

    // False, and nothing is taken, where it would go beyond the limit.
    [[nodiscard]] bool try_take(std::uint64_t bytes) noexcept {
        std::uint64_t before = used();
        do {
            if (before + bytes > limit()) return false;
        } while (!used_.compare_exchange_weak(before, before + bytes, std::memory_order_relaxed));
        return true;
    }
    void take(std::uint64_t bytes) noexcept { used_.fetch_add(bytes, std::memory_order_relaxed); }
    void give_back(std::uint64_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
    std::atomic<std::uint64_t> limit_;
    alignas(64) std::atomic<std::uint64_t> used_{0};
};

// What one owner of buffers takes, as long as it lives.
class BufferShare {
 public:
    explicit BufferShare(BufferBudget& budget) noexcept : budget_(budget) {}
    BufferShare(BufferShare&& other) noexcept : budget_(other.budget_), held_(std::exchange(other.held_, 0)) {}
    BufferShare& operator=(BufferShare&&) = delete;
    ~BufferShare() { hold(0); }

    // So many bytes from now on; touches nothing that is shared where that is as before.
    void hold(std::uint64_t bytes) noexcept {
        const std::uint64_t before = std::exchange(held_, bytes);
        if (bytes > before) budget_.take(bytes - before);
        if (bytes < before) budget_.give_back(before - bytes);
    }
    // False, and all is as before, where it would go beyond the limit.
    [[nodiscard]] bool try_hold(std::uint64_t bytes) noexcept {
        if (bytes > held_ && !budget_.try_take(bytes - held_)) return false;
        if (bytes < held_) budget_.give_back(held_ - bytes);
        held_ = bytes;
        return true;
    }
    [[nodiscard]] bool may_grow() const noexcept { return budget_.has_room(); }

 private:
    BufferBudget& budget_;
    std::uint64_t held_ = 0;
};

}  // namespace proxy
