#pragma once
// The look-up in the shared tier, and what of its answer is better than what memory has.

#include "proxy/serving/exchange.hpp"

namespace proxy::serving {

struct LookedUp {
    store::Found found;
    bool store_failed = false;  // Redis did not answer
    bool is_from_redis = false;
    store::Mark mark{};  // taken before the look-up
};

// There is a Redis. `known`: what memory has, too old or nothing. Another node may have stored, freshened or completed
// it meanwhile: then that is promoted into memory. An unavailable Redis is a miss.
Awaitable<LookedUp> look_in_redis(ClientExchange& exchange, store::Found known);

}  // namespace proxy::serving
