#pragma once
// Another protocol has taken over a client's connection and one of the origin's. RFC 9110 §7.8

#include "proxy/serving/exchange.hpp"

namespace proxy::serving {

// Passes the origin's 101 on, then bytes in both directions, until both sides have ended, one has broken, or neither
// has sent any for limits.tunnel_timeout. `origin` has switched. Nothing may follow on the client's connection.
Awaitable<void> tunnel(ClientExchange& exchange, upstream::Exchange& origin);

}  // namespace proxy::serving
