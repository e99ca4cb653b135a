#pragma once
// Refresh what is popular before it expires, so that nobody waits for it and it is never asked for by all at once.
//
// XFetch of A. Vattani, F. Chierichetti, K. Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", PVLDB 8(8),
// 2015: every use of a fresh response draws lots whether it refreshes it. The chance rises exponentially towards the
// end of the freshness lifetime, on the scale of how long a fetch takes, so that of many users one is likely to have
// drawn in time, and of few none does before the response is stale. No user needs to know of another.

#include <chrono>

#include "proxy/rules/stored_response.hpp"

namespace proxy::rules {

// Whether the use of a fresh response at `now` is to refresh it as well. `random` is uniformly drawn from (0, 1] for
// this use alone. `beta` is the policy's early_refresh: 1 is optimal where the next fetch takes as long as the last
// one did, more refreshes earlier; with 0 the answer is no.
[[nodiscard]] bool should_refresh_early(const StoredResponse& stored,
                                        std::chrono::sys_time<std::chrono::milliseconds> now, double random,
                                        double beta) noexcept;

}  // namespace proxy::rules
