#pragma once
// Validation behind the client's back. RFC 5861 §3

#include "proxy/serving/exchange.hpp"

namespace proxy::serving {

// Validates `stored`, or replaces it, while the client is answered with it; once per key and worker at a time.
void revalidate_in_background(const ClientExchange& exchange, const store::StoredPtr& stored);

}  // namespace proxy::serving
