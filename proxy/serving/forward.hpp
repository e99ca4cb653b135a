#pragma once
// To the origin and back: the answer streams to the client, and to all who wait for it, while it is stored.

#include "proxy/serving/exchange.hpp"
#include "proxy/serving/transfers.hpp"

namespace proxy::serving {

// Asks the origin and answers the client. `stored` (may be null): what the cache has, to be validated, and to answer
// with where the origin fails and the rules allow it. `lead`: of those who wait for the same; they are released where
// the answer is not for them.
Awaitable<void> forward(ClientExchange& exchange, rules::Forward decision, store::StoredPtr stored,
                        std::optional<Lead> lead = std::nullopt);

}  // namespace proxy::serving
