#pragma once
// Accepts clients and serves each in a coroutine of its own: a delayed answer is a timer, so thousands wait at once.

#include <string>

#include "origin-stub/stats.hpp"
#include "origin-stub/versions.hpp"
#include "proxy/async/executor.hpp"

namespace origin_stub {

struct Origin {
    std::chrono::milliseconds latency{200};
    Stats stats;
    Versions versions;
};

// Bound and listening on "host:port", port 0 being any free one. Throws std::runtime_error saying what was wrong.
[[nodiscard]] proxy::Acceptor listen_on(proxy::asio::io_context& io, const std::string& host_and_port);

// Until the io_context stops. `origin` outlives the io_context.
[[nodiscard]] proxy::Awaitable<void> accept_clients(proxy::Acceptor& acceptor, Origin& origin);

}  // namespace origin_stub
