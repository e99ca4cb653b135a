// When Redis is unwell: the breaker at work.
#include "tests/store/redis_fixture.hpp"

using namespace proxy::store;
using namespace tests;
using proxy::Errc;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t failures = 3;

proxy::RedisConfig config_with(const RedisServer& server) {
    proxy::RedisConfig config = redis_config(server);
    config.breaker.failures = failures;
    config.breaker.min_open = config.breaker.max_open = milliseconds(20);
    return config;
}

std::uint64_t refused(const TestClient& redis, Refusal why) {
    return redis.client.stats().refused[static_cast<std::size_t>(why)].get();
}

std::uint64_t replies(const TestClient& redis, RedisError error) {
    return redis.client.stats().error_replies[static_cast<std::size_t>(error)].get();
}

void await_breaker(boost::asio::io_context& context, const TestClient& redis, BreakerState state) {
    run_until(context, [&] { return redis.client.stats().breaker == state; });
}

}  // namespace

TEST_CASE("redis replies: what errors are about") {
    struct Row {
        const char* text;
        RedisError error;
        bool unwell;
    };
    const Row rows[] = {
        {"OOM command not allowed when used memory > 'maxmemory'.", RedisError::oom, false},
        {"LOADING Redis is loading the dataset in memory", RedisError::loading, true},
        {"BUSY Redis is busy running a script.", RedisError::busy, true},
        {"MASTERDOWN Link with MASTER is down", RedisError::masterdown, true},
        {"READONLY You can't write against a read only replica.", RedisError::readonly, false},
        {"NOAUTH Authentication required.", RedisError::noauth, true},
        {"NOPERM this user has no permissions", RedisError::noperm, false},
        {"MISCONF Redis is configured to save RDB snapshots", RedisError::misconf, false},
        {"WRONGTYPE Operation against a key", RedisError::wrongtype, false},
        {"ERR unknown command", RedisError::other, false},
        {"OOMPH", RedisError::other, false},
        {"", RedisError::other, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.text);
        const RedisError error = error_of({.type = Reply::Type::error, .integer = 0, .text = row.text, .elements = {}});
        CHECK(error == row.error);
        CHECK(is_unwell(error) == row.unwell);
    }
}

TEST_CASE("redis client: while Redis hangs nothing is sent, and a ping brings it back") {
    RedisServer server;
    boost::asio::io_context context(1);
    proxy::RedisConfig config = config_with(server);
    config.command_budget = milliseconds(500);
    TestClient redis(context, config);
    redis.await_connected();
    server.pause();
    CHECK(redis.command({"ECHO", "late"}).error() == Errc::deadline_exceeded);
    await_breaker(context, redis, BreakerState::open);  // by attempts to connect
    CHECK(redis.client.stats().timeouts.get() == 1);
    for (int i = 0; i < 100; ++i) CHECK(redis.command({"PING"}).error() == Errc::store_unavailable);
    CHECK(redis.client.stats().timeouts.get() == 1);
    CHECK(refused(redis, Refusal::breaker) == 100);
    server.resume();
    await_breaker(context, redis, BreakerState::closed);
    CHECK(redis.text({"ECHO", "mine"}) == "mine");
    CHECK(redis.client.stats().transitions[static_cast<std::size_t>(BreakerState::half_open)].get() > 0);
}

TEST_CASE("redis client: commands that are lost together open the breaker at once") {
    RedisServer server;
    boost::asio::io_context context(1);
    proxy::RedisConfig config = config_with(server);
    config.command_budget = milliseconds(100);
    TestClient redis(context, config);
    redis.await_connected();
    server.pause();
    const auto lost = run(context, redis.client.pipeline({{"GET", "a"}, {"GET", "b"}, {"GET", "c"}}));
    CHECK(lost.error() == Errc::deadline_exceeded);
    CHECK(redis.client.stats().breaker == BreakerState::open);
    CHECK(redis.told_of_breaker.size() == 1);
    CHECK(redis.told_of_breaker.front().second.find("3 failures in a row, the last: no reply") != std::string::npos);
    server.resume();
}

TEST_CASE("redis client: Redis killed and back empty") {
    RedisServer server;
    boost::asio::io_context context(1);
    TestClient redis(context, config_with(server));
    redis.await_connected();
    server.kill();
    await_breaker(context, redis, BreakerState::open);
    server.restart();
    await_breaker(context, redis, BreakerState::closed);
    CHECK(redis.text({"GET", "a"}) == "");
}

TEST_CASE("redis client: answers that say that Redis is unwell open the breaker, others do not") {
    RedisServer server;
    boost::asio::io_context context(1);
    TestClient redis(context, config_with(server));
    TestClient operators(context, redis_config(server));
    redis.await_connected();
    operators.await_connected();

    SUBCASE("no memory left") {
        operators.text({"CONFIG", "SET", "maxmemory", "1"});
        for (int i = 0; i < 10; ++i) CHECK(redis.text({"SET", "a", "b"}).starts_with("OOM"));
        CHECK(replies(redis, RedisError::oom) == 10);
        CHECK(redis.client.stats().usable());
    }
    SUBCASE("another type") {
        operators.text({"LPUSH", "list", "x"});
        for (int i = 0; i < 10; ++i) CHECK(redis.text({"GET", "list"}).starts_with("WRONGTYPE"));
        CHECK(replies(redis, RedisError::wrongtype) == 10);
        CHECK(redis.client.stats().usable());
    }
    SUBCASE("a command that its user may not use") {
        operators.text({"ACL", "SETUSER", "default", "-set"});
        for (int i = 0; i < 10; ++i) CHECK(redis.text({"SET", "a", "b"}).starts_with("NOPERM"));
        CHECK(redis.text({"GET", "a"}) == "");
        CHECK(redis.client.stats().usable());
    }
    SUBCASE("a replica without its master") {
        operators.text({"CONFIG", "SET", "replica-serve-stale-data", "no"});
        operators.text({"REPLICAOF", "127.0.0.1", "1"});
        for (std::size_t i = 0; i < failures; ++i) CHECK(redis.text({"GET", "a"}).starts_with("MASTERDOWN"));
        CHECK(redis.client.stats().breaker == BreakerState::open);
        CHECK(redis.command({"GET", "a"}).error() == Errc::store_unavailable);
        CHECK(refused(redis, Refusal::breaker) == 1);
        operators.text({"REPLICAOF", "NO", "ONE"});
        await_breaker(context, redis, BreakerState::closed);
        CHECK(redis.text({"GET", "a"}) == "");
    }
    SUBCASE("a replica: the connection is opened anew, for its name may lead elsewhere") {
        operators.text({"REPLICAOF", "127.0.0.1", "1"});
        for (std::size_t i = 0; i < failures; ++i) {
            CHECK(redis.text({"SET", "a", "b"}).starts_with("READONLY"));
            CHECK(redis.text({"GET", "a"}) ==
                  (i + 1 < failures ? "" : make_error_code(Errc::store_unavailable).message()));
        }
        operators.text({"REPLICAOF", "NO", "ONE"});
        await_breaker(context, redis, BreakerState::closed);
        CHECK(redis.client.stats().reconnects.get() == 1);
        CHECK(redis.text({"SET", "a", "b"}) == "OK");
    }
}

TEST_CASE("redis client: slow answers open the breaker") {
    RedisServer server({"--enable-debug-command", "yes"});
    boost::asio::io_context context(1);
    proxy::RedisConfig config = config_with(server);
    config.breaker.slow = milliseconds(200);
    config.breaker.slow_percent = 50;
    config.breaker.window = 4;
    config.command_budget = milliseconds(10'000);
    TestClient redis(context, config);
    redis.await_connected();
    const auto ask = [&](std::string_view seconds) { CHECK(redis.text({"DEBUG", "SLEEP", seconds}) == "OK"); };
    for (const char* const seconds : {"0", "0.25", "0", "0"}) ask(seconds);
    CHECK(redis.client.stats().usable());
    for (const char* const seconds : {"0.25", "0", "0.25", "0.25"}) ask(seconds);
    CHECK(redis.client.stats().breaker == BreakerState::open);
    await_breaker(context, redis, BreakerState::closed);
    CHECK(redis.text({"PING"}) == "PONG");
}

TEST_CASE("redis client: no more bytes wait for Redis than it may") {
    RedisServer server;
    boost::asio::io_context context(1);
    proxy::RedisConfig config = config_with(server);
    config.max_unsent = 1u << 20;
    config.command_budget = milliseconds(10'000);
    TestClient redis(context, config);
    redis.await_connected();
    server.pause();
    const std::string large(512u << 10, 'x');
    int ended = 0;
    for (int i = 0; i < 20; ++i)
        boost::asio::co_spawn(context, redis.client.command({"SET", "key", large}),
                              [&](const std::exception_ptr&, const proxy::Result<Reply>&) { ++ended; });
    run_until(context, [&] { return refused(redis, Refusal::unsent) > 0 && ended > 0; });
    CHECK(redis.client.stats().unsent.get() > config.max_unsent);
    CHECK(redis.client.stats().unsent.get() < config.max_unsent + 2 * large.size());
    server.resume();
    run_until(context, [&] { return ended == 20; });
    CHECK(redis.client.stats().in_flight.get() == 0);
    CHECK(redis.text({"PING"}) == "PONG");
    CHECK(redis.client.stats().unsent.get() == 0);
}
