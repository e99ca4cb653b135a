#pragma once
// One client's connection: its requests, one after another.

#include "origin-stub/server.hpp"

namespace origin_stub {

// Until either side closes. `origin` outlives it.
[[nodiscard]] proxy::Awaitable<void> serve_session(proxy::Socket socket, Origin& origin);

}  // namespace origin_stub
