#pragma once
// All that is more than a fresh hit in memory: look-ups in Redis, conditions, forwarding.

#include "proxy/async/executor.hpp"
#include "proxy/serving/client_connection.hpp"

namespace proxy::serving {

class Worker;

// Answers the request the client has taken. `keep_alive`: whether another may follow on the connection. Returns whether
// one may, now; where not, the connection is to be closed (a truncated answer is seen by that alone).
Awaitable<bool> handle_request(Worker& worker, ClientConnection& client, bool keep_alive);

}  // namespace proxy::serving
