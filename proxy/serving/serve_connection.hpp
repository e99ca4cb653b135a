#pragma once
// One client's connection from its first byte to its last.

#include "proxy/async/executor.hpp"
#include "proxy/serving/client_connection.hpp"

namespace proxy::serving {

class Worker;

// Answers request after request until either side wants no more. Both outlive it.
Awaitable<void> serve_connection(Worker& worker, ClientConnection& client);

// Answers by the client's refusal(), and ends the connection: after a framing doubt no byte of it can be trusted.
Awaitable<void> refuse(Worker& worker, ClientConnection& client);

}  // namespace proxy::serving
