#pragma once
// PURGE: no method of any RFC, but what caches have always understood. The target is purged on all nodes, all variants
// of it, and the origin is not asked.

#include "proxy/serving/exchange.hpp"

namespace proxy::serving {

// From the addresses of purge.allow, or with purge.token. `Soft-Purge: 1`, or Fastly-Soft-Purge: stale, not gone.
Awaitable<void> answer_purge(ClientExchange& exchange);

}  // namespace proxy::serving
