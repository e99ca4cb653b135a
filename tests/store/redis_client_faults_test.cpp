#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "proxy/async/within.hpp"
#include "tests/store/redis_fixture.hpp"

using namespace proxy::store;
using namespace tests;
using proxy::Errc;
using proxy::Result;
using std::chrono::milliseconds;

namespace {

// Answers the greeting with `greeting` and each later command with `answer`; closes where that is empty.
proxy::Awaitable<void> speak(proxy::Socket socket, std::string greeting, std::string answer) {
    std::string input;
    for (std::string next = greeting; !next.empty(); next = answer) {
        auto [error, size] = co_await boost::asio::async_read_until(socket, boost::asio::dynamic_buffer(input),
                                                                    "PING\r\n", proxy::as_result);
        if (error) co_return;
        input.erase(0, size);
        co_await boost::asio::async_write(socket, boost::asio::buffer(next), proxy::as_result);
    }
}

proxy::Awaitable<void> serve(proxy::Acceptor& acceptor, std::string greeting, std::string answer) {
    for (;;) {
        auto [error, socket] = co_await acceptor.async_accept(proxy::as_result);
        if (error) co_return;
        auto spoken = speak(std::move(socket), greeting, answer);
        boost::asio::co_spawn(acceptor.get_executor(), std::move(spoken), boost::asio::detached);
    }
}

}  // namespace

TEST_CASE("redis client: absent at first, then there, then gone, then back") {
    RedisServer server;
    server.kill();
    boost::asio::io_context context(1);
    TestClient redis(context, redis_config(server));
    run_until(context, [&] { return !redis.told.empty(); });
    CHECK_FALSE(redis.told.front().first);
    CHECK(redis.command({"PING"}).error() == Errc::store_unavailable);

    server.restart();
    redis.await_connected();
    CHECK(redis.text({"PING"}) == "PONG");
    CHECK(redis.client.stats().reconnects.get() == 0);

    server.kill();
    redis.await_disconnected();
    CHECK(redis.command({"PING"}).error() == Errc::store_unavailable);
    server.restart();
    redis.await_connected();
    CHECK(redis.text({"PING"}) == "PONG");
    CHECK(redis.client.stats().reconnects.get() == 1);
    const std::vector<bool> expected{false, true, false, true};
    std::vector<bool> told;
    for (const auto& [connected, why] : redis.told) told.push_back(connected);
    CHECK(told == expected);
}

TEST_CASE("redis client: a frozen Redis costs one budget, and its late replies reach nobody") {
    RedisServer server;
    boost::asio::io_context context(1);
    proxy::RedisConfig config = redis_config(server);
    config.command_budget = milliseconds(500);
    TestClient redis(context, config);
    redis.await_connected();
    CHECK(redis.text({"ECHO", "before"}) == "before");
    server.pause();
    const auto start = std::chrono::steady_clock::now();
    CHECK(redis.command({"ECHO", "late"}).error() == Errc::deadline_exceeded);
    const auto waited = std::chrono::steady_clock::now() - start;
    CHECK(waited >= milliseconds(500));
    CHECK_FALSE(redis.client.stats().connected);
    CHECK(redis.client.stats().timeouts.get() == 1);
    CHECK(redis.command({"ECHO", "refused"}).error() == Errc::store_unavailable);
    server.resume();
    redis.await_connected();
    CHECK(redis.text({"ECHO", "mine"}) == "mine");
}

TEST_CASE("redis client: a ping notices that an idle Redis is frozen") {
    RedisServer server;
    boost::asio::io_context context(1);
    proxy::RedisConfig config = redis_config(server);
    config.command_budget = milliseconds(100);
    TestClient redis(context, config);
    redis.await_connected();
    server.pause();
    redis.await_disconnected();
    server.resume();
    redis.await_connected();
}

TEST_CASE("redis client: an awaited command may be cancelled") {
    RedisServer server;
    boost::asio::io_context context(1);
    proxy::RedisConfig config = redis_config(server);
    config.command_budget = milliseconds(10'000);
    TestClient redis(context, config);
    redis.await_connected();
    server.pause();
    const auto start = std::chrono::steady_clock::now();

    SUBCASE("by its slot") {
        boost::asio::cancellation_signal cancel;
        std::optional<Result<Reply>> got;
        boost::asio::co_spawn(
            context, redis.client.command({"ECHO", "cancelled"}),
            boost::asio::bind_cancellation_slot(
                cancel.slot(), [&](const std::exception_ptr&, Result<Reply> reply) { got = std::move(reply); }));
        run_until(context, [&] { return redis.client.stats().in_flight.get() == 1; });
        cancel.emit(boost::asio::cancellation_type::terminal);
        run_until(context, [&] { return got.has_value(); });
    }
    SUBCASE("by a limit of its caller's") {
        const auto got = run(context, proxy::within(milliseconds(50), redis.client.command({"ECHO", "cancelled"})));
        CHECK(got.error() == Errc::deadline_exceeded);
    }
    CHECK(std::chrono::steady_clock::now() - start < milliseconds(5'000));
    CHECK(redis.client.stats().in_flight.get() == 1);
    server.resume();
    CHECK(redis.text({"ECHO", "mine"}) == "mine");
    CHECK(redis.client.stats().in_flight.get() == 0);
    CHECK(redis.client.stats().connected);
}

TEST_CASE("redis client: stopped while commands wait") {
    RedisServer server;
    boost::asio::io_context context(1);
    TestClient redis(context, redis_config(server));
    redis.await_connected();
    server.pause();
    std::optional<Result<Reply>> got;
    boost::asio::co_spawn(context, redis.client.command({"PING"}),
                          [&](const std::exception_ptr&, Result<Reply> reply) { got = std::move(reply); });
    run_until(context, [&] { return redis.client.stats().in_flight.get() == 1; });
    redis.client.stop();
    run_until(context, [&] { return got.has_value(); });
    CHECK(got->error() == Errc::store_unavailable);
    CHECK(redis.command({"PING"}).error() == Errc::store_unavailable);
    server.resume();
}

TEST_CASE("redis client: destroyed with its context while commands wait") {
    RedisServer server;
    boost::asio::io_context context(1);
    RedisClient client(context.get_executor(), redis_config(server), nullptr);
    client.start();
    run_until(context, [&] { return client.stats().connected.load(); });
    server.pause();
    boost::asio::co_spawn(context, client.command({"PING"}), boost::asio::detached);
    run_until(context, [&] { return client.stats().in_flight.get() == 1; });
}

TEST_CASE("redis client: a peer that speaks something else is dropped") {
    boost::asio::io_context context(1);
    proxy::Acceptor acceptor(context.get_executor(), {boost::asio::ip::make_address("127.0.0.1"), 0});
    struct Row {
        const char* name;
        std::string greeting, answer;
        bool connects;
    };
    const std::string pong = "+PONG\r\n";
    const Row rows[] = {
        {"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", pong, false},
        {"zeros", std::string(100, '\0'), pong, false},
        {"closes at once", "", "", false},
        {"half a reply", "$100\r\nabc", pong, false},
        {"an error", "-LOADING Redis is loading the dataset in memory\r\n", pong, false},
        {"negative length", pong, "$-7\r\n", true},
        {"not a length", pong, "$1x\r\nab\r\n", true},
        {"not a number", pong, ":\r\n", true},
        {"immense array", pong, "*99999999999\r\n", true},
        {"immense array, begun", pong, "*2147483647\r\n+a\r\n", true},
        {"deeply nested array", pong, std::string("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"),
         true},
        {"a reply nobody asked for", pong, pong + pong, true},
        {"an error nobody asked for", pong, pong + "-ERR max number of clients reached\r\n", true},
        {"a bulk reply nobody asked for", pong, pong + "$3\r\nabc\r\n", true},
        {"an array nobody asked for", pong, pong + "*1\r\n:1\r\n", true},
        {"closes", pong, "", true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        boost::asio::cancellation_signal end;
        bool ended = false;
        boost::asio::co_spawn(
            context, serve(acceptor, row.greeting, row.answer),
            boost::asio::bind_cancellation_slot(end.slot(), [&](const std::exception_ptr&) { ended = true; }));
        {
            proxy::RedisConfig config;
            config.port = acceptor.local_endpoint().port();
            config.command_budget = milliseconds(100);
            config.reconnect_min = config.reconnect_max = milliseconds(60'000);
            TestClient redis(context, config);
            run_until(context, [&] { return !redis.told.empty(); });
            CHECK(redis.told.front().first == row.connects);
            if (row.connects) {
                const auto reply = redis.command({"PING"});
                CHECK((!reply || reply->text == "PONG"));
                redis.await_disconnected();
            }
            CHECK(redis.client.stats().in_flight.get() == 0);
        }
        end.emit(boost::asio::cancellation_type::terminal);
        run_until(context, [&] { return ended; });
    }
}
