#include "proxy/rules/early_refresh.hpp"

#include <cmath>

namespace proxy::rules {

bool should_refresh_early(const StoredResponse& stored, std::chrono::sys_time<std::chrono::milliseconds> now,
                          double random, double beta) noexcept {
    if (beta <= 0) return false;
    using Milliseconds = std::chrono::duration<double, std::milli>;
    const Milliseconds delta = stored.fetch_time();
    const Milliseconds ahead = -delta * beta * std::log(random);
    return ahead >= Milliseconds(stored.fresh_until() - now);
}

}  // namespace proxy::rules
