#pragma once
// Runs coroutines to their end on the test's own thread. Nothing waits for ever.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <stdexcept>

#include "proxy/async/executor.hpp"

namespace tests {

inline constexpr std::chrono::seconds patience{20};

template <class Condition>
void run_until(boost::asio::io_context& context, Condition condition) {
    const auto end = std::chrono::steady_clock::now() + patience;
    context.restart();
    while (!condition()) {
        if (context.stopped()) throw std::runtime_error("nothing left to wait for");
        if (std::chrono::steady_clock::now() > end) throw std::runtime_error("waited in vain");
        context.run_one_for(std::chrono::milliseconds(100));
    }
}

template <class T>
T run(boost::asio::io_context& context, proxy::Awaitable<T> operation) {
    std::optional<T> result;
    std::exception_ptr failure;
    boost::asio::co_spawn(context, std::move(operation), [&](std::exception_ptr thrown, T value) {
        failure = thrown;
        result = std::move(value);
    });
    run_until(context, [&] { return result.has_value(); });
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
}

}  // namespace tests
