#pragma once
// One connection to Redis: pipelined commands from one worker's coroutines. hiredis' async context on an Asio adapter.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "proxy/async/executor.hpp"
#include "proxy/config/config.hpp"
#include "proxy/counters.hpp"
#include "proxy/error.hpp"
#include "proxy/store/redis_reply.hpp"

namespace proxy::store {

struct RedisStats {
    Counter ok, errors, timeouts, refused;  // commands; refused: not connected, or the queue was full
    Counter reconnects;
    Counter in_flight;
    Histogram latency;                   // of commands that were answered
    std::atomic<bool> connected{false};  // usable: connected, authenticated, last command or ping answered in time
};

// Called on the client's worker at every change of `connected`, and when the first attempt fails; `why` is for people.
// It must not call the client.
using ConnectionObserver = std::function<void(bool connected, std::string_view why)>;

// All functions on the worker's thread, but for stats(), whose numbers any thread may read.
class RedisClient {
 public:
    RedisClient(Executor executor, const RedisConfig& config, ConnectionObserver observer);
    ~RedisClient();  // after stop() and when no command is awaited any more
    RedisClient(const RedisClient&) = delete;
    RedisClient& operator=(const RedisClient&) = delete;

    // Connects, and keeps reconnecting with back-off and jitter; a ping each second while idle notices a silent end.
    void start();

    // Closes the connection; commands in flight complete with store_unavailable.
    void stop();

    // Sends one command: arguments are length-prefixed, so nothing in them can become another command. Fails at once
    // where not connected (store_unavailable) or max_queue are in flight (store_overloaded). An answer later than
    // command_budget is deadline_exceeded, and the connection is dropped: a late reply must never meet another request.
    // An error reply is a value (Type::error), and counted as an error. May be cancelled: the reply is then discarded.
    Awaitable<Result<Reply>> command(std::vector<std::string_view> arguments);

    // Several commands in one write, all answered before it completes; in order. The first failure fails all.
    Awaitable<Result<std::vector<Reply>>> pipeline(std::vector<std::vector<std::string_view>> commands);

    [[nodiscard]] Executor executor() const noexcept;
    [[nodiscard]] const RedisStats& stats() const noexcept;

 private:
    class State;
    std::shared_ptr<State> state_;  // also held by what waits for the connection
};

}  // namespace proxy::store
