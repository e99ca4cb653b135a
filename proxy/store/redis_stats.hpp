#pragma once
// The numbers of one connection to Redis.

#include <array>
#include <atomic>

#include "proxy/counters.hpp"
#include "proxy/store/breaker.hpp"
#include "proxy/store/redis_reply.hpp"

namespace proxy::store {

enum class Refusal : std::uint8_t { disconnected, breaker, queue, unsent };
inline constexpr std::array<std::string_view, 4> refusal_names{"disconnected", "breaker", "queue", "unsent"};

struct RedisStats {
    Counter ok, errors, timeouts;  // commands by how they ended; the client's own pings are not among them
    std::array<Counter, refusal_names.size()> refused;            // commands that were never sent
    std::array<Counter, redis_error_names.size()> error_replies;  // part of errors; the rest lost their connection
    Counter reconnects;
    Counter in_flight;
    Counter unsent;                                               // bytes
    Histogram latency;                                            // of commands that were answered
    std::array<Counter, breaker_state_names.size()> transitions;  // of the breaker, to each state
    std::atomic<bool> connected{false};  // connected and authenticated, last command or ping answered in time
    std::atomic<BreakerState> breaker{BreakerState::closed};

    [[nodiscard]] bool usable() const noexcept { return connected && breaker == BreakerState::closed; }
    [[nodiscard]] std::uint64_t all_refused() const noexcept {
        std::uint64_t sum = 0;
        for (const Counter& counter : refused) sum += counter.get();
        return sum;
    }
};

}  // namespace proxy::store
