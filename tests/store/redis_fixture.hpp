#pragma once
// A client on the test's own thread, and what its observer was told.

#include <doctest/doctest.h>

#include "proxy/store/purges.hpp"
#include "proxy/store/redis_client.hpp"
#include "tests/store/run.hpp"
#include "tests/support/redis_server.hpp"

namespace tests {

inline proxy::RedisConfig redis_config(const RedisServer& server) {
    proxy::RedisConfig config;
    config.unix_socket = server.unix_socket();
    config.command_budget = std::chrono::seconds(5);  // that a machine is busy is not what is tested
    config.breaker.slow_percent = 0;
    config.reconnect_min = std::chrono::milliseconds(2);
    config.reconnect_max = std::chrono::milliseconds(20);
    return config;
}

// For stores of which nothing is ever purged.
inline const proxy::store::Purges& no_purges() {
    static proxy::store::Purges purges{1};
    purges.set_current(true);
    return purges;
}

class TestClient {
 public:
    TestClient(boost::asio::io_context& context, proxy::RedisConfig settings)
        : config(std::move(settings)),
          client(
              context.get_executor(), config,
              [this](bool connected, std::string_view why) { told.emplace_back(connected, why); },
              [this](proxy::store::BreakerState now, std::string_view why) { told_of_breaker.emplace_back(now, why); }),
          context_(context) {
        client.start();
    }
    ~TestClient() {
        client.stop();
        context_.restart();
        context_.poll();
    }

    TestClient& await_connected() {
        run_until(context_, [this] { return client.stats().connected.load(); });
        return *this;
    }
    void await_disconnected() {
        run_until(context_, [this] { return !client.stats().connected; });
    }

    proxy::Result<proxy::store::Reply> command(std::vector<std::string_view> arguments) {
        return run(context_, client.command(std::move(arguments)));
    }
    std::string text(std::vector<std::string_view> arguments) {
        const auto reply = command(std::move(arguments));
        return reply ? reply->text : reply.error().message();
    }
    std::int64_t number(std::vector<std::string_view> arguments) {
        return command(std::move(arguments)).value().integer;
    }

    const proxy::RedisConfig config;
    std::vector<std::pair<bool, std::string>> told;
    std::vector<std::pair<proxy::store::BreakerState, std::string>> told_of_breaker;
    proxy::store::RedisClient client;

 private:
    boost::asio::io_context& context_;
};

}  // namespace tests
