#include "tests/store/redis_fixture.hpp"

using namespace proxy::store;
using namespace tests;
using proxy::Errc;
using proxy::Result;
using std::chrono::milliseconds;

TEST_CASE("redis client: each type of reply") {
    RedisServer server;
    boost::asio::io_context context(1);
    TestClient redis(context, redis_config(server));
    redis.await_connected();
    CHECK(redis.text({"SET", "key", "value"}) == "OK");
    CHECK(redis.command({"SET", "key", "value"})->type == Reply::Type::status);
    CHECK(redis.command({"GET", "key"})->type == Reply::Type::string);
    CHECK(redis.text({"GET", "key"}) == "value");
    CHECK(redis.command({"GET", "none"})->type == Reply::Type::nil);
    CHECK(redis.number({"INCR", "count"}) == 1);
    const auto array = redis.command({"EVAL", "return {1, {'two', false}, {}}", "0"});
    REQUIRE(array->elements.size() == 3);
    CHECK(array->elements[0].integer == 1);
    REQUIRE(array->elements[1].elements.size() == 2);
    CHECK(array->elements[1].elements[0].text == "two");
    CHECK(array->elements[1].elements[1].type == Reply::Type::nil);
    CHECK(array->elements[2].elements.empty());

    const auto error = redis.command({"NONSENSE"});
    CHECK(error->type == Reply::Type::error);
    CHECK(error->text.starts_with("ERR unknown command"));
    CHECK(redis.client.stats().errors.get() == 1);
    CHECK(redis.client.stats().in_flight.get() == 0);
}

TEST_CASE("redis client: nothing in an argument becomes a command") {
    RedisServer server;
    boost::asio::io_context context(1);
    TestClient redis(context, redis_config(server));
    redis.await_connected();
    const std::string nasty("x\r\n*1\r\n$8\r\nFLUSHALL\r\n\0 \"'%s%b", 30);
    redis.text({"SET", nasty, nasty});
    CHECK(redis.text({"GET", nasty}) == nasty);
    CHECK(redis.text({"SET", "empty", ""}) == "OK");
    CHECK(redis.text({"GET", "empty"}) == "");
}

TEST_CASE("redis client: many at once leave in few writes, and each has its own answer") {
    RedisServer server;
    boost::asio::io_context context(1);
    TestClient redis(context, redis_config(server));
    redis.await_connected();
    const auto reads = [&] {
        const std::string stats = redis.text({"INFO", "stats"});
        const std::string_view name = "total_reads_processed:";
        return std::stoi(stats.substr(stats.find(name) + name.size()));
    };
    const int before = reads();
    std::vector<std::string> sent;
    for (int i = 0; i < 500; ++i) sent.push_back(std::to_string(i));
    int answered = 0;
    int wrong = 0;
    for (const std::string& text : sent) {
        boost::asio::co_spawn(context, redis.client.command({"ECHO", text}),
                              [&](const std::exception_ptr&, const Result<Reply>& reply) {
                                  ++answered;
                                  if (!reply || reply->text != text) ++wrong;
                              });
    }
    run_until(context, [&] { return answered == 500; });
    CHECK(wrong == 0);
    CHECK(reads() - before < 20);
}

TEST_CASE("redis client: a pipeline is answered in order") {
    RedisServer server;
    boost::asio::io_context context(1);
    TestClient redis(context, redis_config(server));
    redis.await_connected();
    const std::string large(300'000, 'x');
    const auto replies = run(context, redis.client.pipeline({{"SET", "a", large}, {"GET", "a"}, {"BAD"}, {"PING"}}));
    REQUIRE(replies.has_value());
    REQUIRE(replies->size() == 4);
    CHECK((*replies)[0].text == "OK");
    CHECK((*replies)[1].text == large);
    CHECK((*replies)[2].type == Reply::Type::error);
    CHECK((*replies)[3].text == "PONG");
    CHECK(run(context, redis.client.pipeline({}))->empty());
}

TEST_CASE("redis client: ways to connect") {
    RedisServer server({"--requirepass", "secret", "--user", "weir", "on", ">hidden", "~*", "&*", "+@all"});
    boost::asio::io_context context(1);
    struct Row {
        const char* name;
        const char* host;  // nullptr: the unix socket
        const char* username;
        const char* password;
        const char* refusal;  // nullptr: connects
    };
    const Row rows[] = {
        {"unix socket", nullptr, "", "secret", nullptr},
        {"address", "127.0.0.1", "", "secret", nullptr},
        {"name", "localhost", "", "secret", nullptr},
        {"user", nullptr, "weir", "hidden", nullptr},
        {"wrong password", nullptr, "", "wrong", "WRONGPASS"},
        {"wrong user", nullptr, "nobody", "hidden", "WRONGPASS"},
        {"no password", nullptr, "", "", "NOAUTH"},
        {"no such name", "name.invalid", "", "secret", "cannot resolve name.invalid"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        proxy::RedisConfig config = redis_config(server);
        config.port = server.port();
        if (row.host != nullptr) {
            config.unix_socket.clear();
            config.host = row.host;
        }
        config.username = row.username;
        config.password = row.password;
        config.database = 3;
        TestClient redis(context, config);
        run_until(context, [&] { return !redis.told.empty(); });
        CHECK(redis.told.front().first == (row.refusal == nullptr));
        if (row.refusal != nullptr) {
            CHECK(redis.told.front().second.starts_with(row.refusal));
            CHECK(redis.text({"PING"}) == make_error_code(Errc::store_unavailable).message());
            CHECK(redis.client.stats().all_refused() == 1);
        } else {
            CHECK(redis.text({"CLIENT", "INFO"}).find(" db=3 ") != std::string::npos);
        }
    }
}

TEST_CASE("redis client: no more in flight than the queue takes") {
    RedisServer server;
    boost::asio::io_context context(1);
    proxy::RedisConfig config = redis_config(server);
    config.max_queue = 10;
    TestClient redis(context, config);
    redis.await_connected();
    int answered = 0;
    int refused = 0;
    for (int i = 0; i < 15; ++i) {
        boost::asio::co_spawn(context, redis.client.command({"PING"}),
                              [&](const std::exception_ptr&, const Result<Reply>& reply) {
                                  ++answered;
                                  if (!reply && reply.error() == Errc::store_overloaded) ++refused;
                              });
    }
    run_until(context, [&] { return answered == 15; });
    CHECK(refused == 5);
    CHECK(redis.client.stats().all_refused() == 5);
    CHECK(redis.text({"PING"}) == "PONG");
}
