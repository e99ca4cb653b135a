#pragma once
// The origin's response to the client, as it comes, while it is gathered for the store.

#include <optional>

#include "proxy/serving/exchange.hpp"
#include "proxy/serving/storage.hpp"

namespace proxy::serving {

// `collector`: empty where the route stores nothing. A part of the content may complete the part `had` (may be null).
// The record says what became of it.
Awaitable<void> relay(ClientExchange& exchange, upstream::Exchange& origin, const Storage& storage,
                      const rules::Arrival& arrival, std::optional<Collector> collector,
                      const rules::StoredResponse* had);

}  // namespace proxy::serving
