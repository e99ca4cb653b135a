#pragma once
// A limit on a wait.

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "proxy/async/executor.hpp"
#include "proxy/error.hpp"

namespace proxy {

// `operation`, or deadline_exceeded after `limit`. It is cancelled and awaited first: it may refer to the caller's
// locals, and must honour cancellation. It fails by value: an exception would go unnoticed until the deadline.
template <class T>
Awaitable<Result<T>> within(std::chrono::steady_clock::duration limit, Awaitable<Result<T>> operation) {
    using namespace asio::experimental::awaitable_operators;
    Timer deadline(co_await asio::this_coro::executor, limit);
    auto first = co_await (std::move(operation) || deadline.async_wait(use_awaitable));
    if (auto* finished = std::get_if<0>(&first)) co_return std::move(*finished);
    co_return Errc::deadline_exceeded;
}

}  // namespace proxy
