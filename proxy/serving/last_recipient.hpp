#pragma once
// Requests that must not go further than here. RFC 9110 §7.6.2

#include "proxy/serving/exchange.hpp"

namespace proxy::serving {

// OPTIONS says what Weir passes on; TRACE shows the request as it came, but for what may be secret. RFC 9110 §9.3.7,
// §9.3.8
Awaitable<void> answer_as_last_recipient(ClientExchange& exchange);

}  // namespace proxy::serving
