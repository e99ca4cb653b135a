#pragma once
// To the origin and back: the answer streams to the client while it is gathered for the store.

#include "proxy/serving/exchange.hpp"

namespace proxy::serving {

// Asks the origin and answers the client. `stored` (may be null): what the cache has, to be validated, and to answer
// with where the origin fails and the rules allow it.
Awaitable<void> forward(ClientExchange& exchange, rules::Forward decision, store::StoredPtr stored);

}  // namespace proxy::serving
