#pragma once
// What a client gets where the origin gave no usable answer.

#include "proxy/serving/exchange.hpp"

namespace proxy::serving {

// A stale response instead of what the origin failed to give, where the rules allow it. `stored` may be null.
Awaitable<bool> answer_stale(ClientExchange& exchange, const store::StoredPtr& stored, rules::OriginFailure failure);

// A stale response or an error: whose fault it is decides. RFC 9110 §15.6
Awaitable<void> answer_failure(ClientExchange& exchange, const store::StoredPtr& stored, boost::system::error_code ec);

}  // namespace proxy::serving
