#pragma once
// Whether Redis is worth asking. Closed: commands go. Open: they are refused at once, so that no request pays for a
// Redis that is unwell; after a while, with jitter, one probe decides (half-open). Nothing here reads a clock or sends
// anything.

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <random>
#include <string_view>

#include "proxy/config/config.hpp"

namespace proxy::store {

enum class BreakerState : std::uint8_t { closed, half_open, open };
inline constexpr std::array<std::string_view, 3> breaker_state_names{"closed", "half_open", "open"};

class Breaker {
 public:
    using Time = std::chrono::steady_clock::time_point;
    using Observer = std::function<void(BreakerState now, std::string_view why)>;  // of each transition

    Breaker(const BreakerConfig& config, Observer observer, unsigned seed = std::random_device{}())
        : config_(config), observer_(std::move(observer)), random_(seed) {}

    [[nodiscard]] BreakerState state() const noexcept { return state_; }

    // How commands ended. Opens after so many failures in a row, or where too many of the last answers were slow.
    // Nothing but probes counts while it is not closed.
    void answered(std::chrono::nanoseconds latency, Time now);
    void failed(std::string_view why, Time now);

    void open(std::string_view why, Time now);  // at once; nothing where it is open

    [[nodiscard]] Time probe_due() const noexcept { return probe_due_; }  // while it is open
    void probe();                                                         // begins: from open to half-open
    void probed(bool well, std::string_view why, Time now);               // from there to closed, or open again

 private:
    void enter(BreakerState state, std::string_view why);

    const BreakerConfig config_;
    const Observer observer_;
    std::minstd_rand random_;
    BreakerState state_ = BreakerState::closed;
    std::size_t failures_ = 0;            // in a row
    std::size_t answers_ = 0, slow_ = 0;  // of the current window
    unsigned openings_ = 0;               // without having been closed for long in between
    Time probe_due_{};
    Time closed_since_{};
};

}  // namespace proxy::store
