#pragma once
// Keeps what was asked of the origin before an invalidation from being stored after it. RFC 9111 §4.4

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace proxy::serving {

// How often each primary key was invalidated on this node. Any thread. Keys share their counters: by coincidence a
// response may be taken for one that was asked for too early, and not be stored.
class Invalidations {
 public:
    [[nodiscard]] std::uint64_t count(std::string_view primary_key) const noexcept {
        return counters_[index(primary_key)].load();
    }

    // Before the stores are told: whoever has stored meanwhile sees it, or is seen by them.
    void add(std::string_view primary_key) noexcept { counters_[index(primary_key)].fetch_add(1); }

 private:
    static std::size_t index(std::string_view key) noexcept { return std::hash<std::string_view>{}(key) % size; }

    static constexpr std::size_t size = 1u << 16;
    std::vector<std::atomic<std::uint64_t>> counters_ = std::vector<std::atomic<std::uint64_t>>(size);
};

}  // namespace proxy::serving
