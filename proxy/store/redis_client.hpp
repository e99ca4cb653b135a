#pragma once
// Redis for one worker's coroutines: pipelined commands over one connection that is kept up, and none at all while
// Redis is unwell.

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "proxy/async/executor.hpp"
#include "proxy/config/config.hpp"
#include "proxy/error.hpp"
#include "proxy/store/redis_stats.hpp"

namespace proxy::store {

// At every change of RedisStats::connected, and when the first attempt fails; `why` is for people.
using ConnectionObserver = std::function<void(bool connected, std::string_view why)>;

// All functions on the worker's thread, but for stats(), whose numbers any thread may read.
class RedisClient {
 public:
    // The observers are called on the client's worker, and must not call the client.
    RedisClient(Executor executor, const RedisConfig& config, ConnectionObserver observer,
                Breaker::Observer breaker_observer = {});
    ~RedisClient();  // after stop() and when no command is awaited any more
    RedisClient(const RedisClient&) = delete;
    RedisClient& operator=(const RedisClient&) = delete;

    // Connects, and keeps reconnecting with back-off and jitter; a ping each second while idle notices a silent end.
    void start();

    // Closes the connection; commands in flight complete with store_unavailable.
    void stop();

    // Sends one command: arguments are length-prefixed, so nothing in them can become another command. Fails at once
    // where not connected or the breaker is not closed (store_unavailable), and where max_queue are in flight or
    // max_unsent bytes wait (store_overloaded). An answer later than command_budget is deadline_exceeded, and the
    // connection is dropped. An error reply is a value (Type::error), and counted as an error. May be cancelled: the
    // reply is then discarded.
    Awaitable<Result<Reply>> command(std::vector<std::string_view> arguments);

    // Several commands in one write, all answered before it completes; in order. The first failure fails all.
    Awaitable<Result<Replies>> pipeline(Commands commands);

    [[nodiscard]] Executor executor() const noexcept;
    [[nodiscard]] const RedisStats& stats() const noexcept;

 private:
    class State;
    std::shared_ptr<State> state_;  // also held by what waits for the connection
};

}  // namespace proxy::store
