#pragma once
// Sends an answer, well or badly, as its knobs ask.

#include "origin-stub/answer.hpp"
#include "proxy/async/executor.hpp"

namespace origin_stub {

// True where the connection may carry another request. False after a failure to write too: the client is gone.
[[nodiscard]] proxy::Awaitable<bool> send_answer(proxy::Socket& socket, const Answer& answer);

}  // namespace origin_stub
