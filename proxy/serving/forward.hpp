#pragma once
// To the origin and back: the answer streams to the client while it is gathered for the store.

#include "proxy/serving/exchange.hpp"

namespace proxy::serving {

// Asks the origin and answers the client. `stored` (may be null): what the cache has, to be validated, and to answer
// with where the origin fails and the rules allow it.
Awaitable<void> forward(ClientExchange& exchange, rules::Forward decision, store::StoredPtr stored);

// Validates `stored`, or replaces it, while the client is answered with it; once per key and worker at a time. RFC 5861
// §3
void revalidate_in_background(const ClientExchange& exchange, const store::StoredPtr& stored);

}  // namespace proxy::serving
