#include "proxy/store/redis_store.hpp"

#include <thread>

#include "tests/store/redis_fixture.hpp"
#include "tests/store/store_contract.hpp"

using namespace proxy::store;
using namespace tests;
using proxy::Errc;
using proxy::Result;
using std::chrono::seconds;

namespace {

constexpr std::string_view example_name = "weir:{http://example.com/items/foo?a=1}";

struct Node {
    Node(boost::asio::io_context& context, const RedisServer& server)
        : redis(context, config_for(server)), store(redis.client, redis.config) {
        redis.await_connected();
    }

    static proxy::RedisConfig config_for(const RedisServer& server) {
        proxy::RedisConfig config = redis_config(server);
        config.max_object_size = 100'000;
        config.chunk_size = 30'000;
        return config;
    }

    std::vector<std::string> keys() {
        std::vector<std::string> names;
        const auto found = redis.command({"KEYS", "*"});
        for (const Reply& name : found.value().elements) names.push_back(name.text);
        return names;
    }

    TestClient redis;
    RedisStore store;
};

struct Fixture {
    RedisServer server;
    boost::asio::io_context context{1};
    Node node{context, server};
    // Redis has no clock that a test could move
    StoreUnderTest store{context, node.store,
                         [](seconds time) { std::this_thread::sleep_for(time + std::chrono::milliseconds(20)); }};
    const Request plain;
    const Request gzip{"accept-encoding", "gzip"};
    const Request brotli{"accept-encoding", "br"};
};

}  // namespace

TEST_CASE("redis store: the contract") {
    Fixture fixture;
    check_store_contract(fixture.store);
    CHECK(fixture.node.store.stats().bad_records.get() == 0);
}

TEST_CASE("redis store: names, and a time to live on every key") {
    Fixture fixture;
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    store.put(example(std::string(70'000, 'x')), seconds{50});
    auto names = node.keys();
    REQUIRE(names.size() == 4);
    for (const std::string& name : names) {
        CHECK(name.starts_with(example_name));
        const std::int64_t left = node.redis.number({"PTTL", name});
        CHECK(left > 45'000);
        CHECK(left <= 50'000);
    }
    store.put(example_variant(std::string(40'000, 'g'), "accept-encoding", gzip), seconds{50});
    store.put(example_variant("br", "accept-encoding", brotli), seconds{20});
    names = node.keys();
    CHECK(std::find(names.begin(), names.end(), example_name) != names.end());
    for (const std::string& name : names) CHECK(node.redis.number({"PTTL", name}) > 15'000);
    CHECK(node.redis.number({"PTTL", example_name}) > 45'000);  // as long as the longest of its variants
}

TEST_CASE("redis store: one GET answers, where nothing varies and content is small") {
    Fixture fixture;
    fixture.store.put(example());
    const RedisStats& stats = fixture.node.redis.client.stats();
    const std::uint64_t before = stats.ok.get();
    fixture.store.lookup(fixture.plain);
    CHECK(stats.ok.get() - before == 1);
}

TEST_CASE("redis store: what is replaced or removed takes its pieces along") {
    Fixture fixture;
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    store.put(example(std::string(70'000, 'x')));
    store.put(example(std::string(90'000, 'y')));
    CHECK(node.keys().size() == 4);
    store.put(example("small"));
    CHECK(node.keys().size() == 1);
    store.put(example(std::string(70'000, 'x')));
    store.remove();
    CHECK(node.keys().empty());
    store.put(example_variant(std::string(70'000, 'x'), "accept-encoding", gzip));
    store.put(example_variant("small", "accept-encoding", gzip));
    CHECK(node.keys().size() == 2);
}

TEST_CASE("redis store: damaged and foreign values are a miss, counted and deleted") {
    Fixture fixture;
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    struct Row {
        const char* name;
        std::vector<std::string_view> damage;  // of a response with three pieces, or of a small one
        bool small;
    };
    const std::string name(example_name);
    const Row rows[] = {
        {"a byte changed", {"SETRANGE", name, "60", "\x7f"}, true},
        {"truncated", {"EVAL", "redis.call('SET',KEYS[1],redis.call('GET',KEYS[1]):sub(1,-2))", "1", name}, true},
        {"something appended", {"APPEND", name, "x"}, true},
        {"somebody else's text", {"SET", name, "hello"}, true},
        {"another response's record",
         {"EVAL", "redis.call('SET',KEYS[1],redis.call('GET','weir:{http://example.com/other}'))", "1", name},
         true},
        {"a piece changed", {"EVAL", "redis.call('SETRANGE',redis.call('KEYS','*.1')[1],60,'y')", "0"}, false},
        {"two pieces swapped",
         {"EVAL",
          "local a,b=redis.call('KEYS','*.0')[1],redis.call('KEYS','*.1')[1] local v=redis.call('GET',a) "
          "redis.call('SET',a,redis.call('GET',b)) redis.call('SET',b,v)",
          "0"},
         false},
    };
    std::uint64_t bad = 0;
    for (const Row& row : rows) {
        CAPTURE(row.name);
        store.put(example("other", "http://example.com/other"), seconds{100}, "http://example.com/other");
        store.put(example(row.small ? "small" : std::string(70'000, 'x')));
        const auto damaged = node.redis.command(row.damage);
        REQUIRE(damaged.has_value());
        REQUIRE(damaged->type != Reply::Type::error);
        CHECK(store.content(plain) == "none");
        CHECK(node.store.stats().bad_records.get() == ++bad);
        CHECK(node.redis.number({"EXISTS", name}) == 0);
        store.put(example("good"));
        CHECK(store.content(plain) == "good");
        node.redis.text({"FLUSHALL"});
    }
}

TEST_CASE("redis store: a missing piece is a miss") {
    Fixture fixture;
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    store.put(example(std::string(70'000, 'x')));
    for (const std::string& name : node.keys())
        if (name.ends_with(".1")) node.redis.number({"DEL", name});
    CHECK(store.content(plain) == "none");
}

TEST_CASE("redis store: a key of another type is a miss, counted, and overwritten") {
    Fixture fixture;
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    node.redis.number({"LPUSH", example_name, "x"});
    CHECK(store.content(plain) == "none");
    CHECK(node.store.stats().bad_records.get() == 1);
    SUBCASE("by a response") {
        store.put(example());
        CHECK(store.content(plain) == "content");
    }
    SUBCASE("by an index") {
        store.put(example_variant("gzip", "accept-encoding", gzip));
        CHECK(store.content(gzip) == "gzip");
    }
}

TEST_CASE("redis store: a damaged index is replaced, and its variants with it") {
    Fixture fixture;
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    store.put(example_variant("gzip", "accept-encoding", gzip));
    node.redis.number({"SETRANGE", example_name, "8", "\x7f\x7f"});
    SUBCASE("after a look-up") { CHECK(store.content(gzip) == "none"); }
    SUBCASE("by a put") {}
    store.put(example_variant("br", "accept-encoding", brotli));
    CHECK(store.content(brotli) == "br");
    CHECK(store.content(gzip) == "none");
}

TEST_CASE("redis store: what Redis refuses to store") {
    Fixture fixture;
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    node.redis.text({"CONFIG", "SET", "maxmemory", "1"});
    const StoredPtr responses[] = {example(), example(std::string(70'000, 'x')),
                                   example_variant("gzip", "accept-encoding", gzip)};
    for (const StoredPtr& response : responses) {
        const auto stored = run(context, node.store.put(example_key, response, seconds{10}));
        REQUIRE_FALSE(stored.has_value());
        CHECK(stored.error() == Errc::store_unavailable);
    }
    CHECK(store.content(plain) == "none");
}

TEST_CASE("redis store: Redis gone") {
    Fixture fixture;
    fixture.server.kill();
    fixture.node.redis.await_disconnected();
    CHECK(run(fixture.context, fixture.node.store.lookup(example_key, fixture.plain)).error() ==
          Errc::store_unavailable);
    CHECK(run(fixture.context, fixture.node.store.put(example_key, example(), seconds{1})).error() ==
          Errc::store_unavailable);
    CHECK(run(fixture.context, fixture.node.store.remove(example_key)).error() == Errc::store_unavailable);
}

TEST_CASE("redis store: nodes that store variants at the same time lose none") {
    Fixture fixture;
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    Node other(context, server);
    const char* const fields[] = {"accept", "accept-encoding", "accept-language", "cookie"};
    for (int round = 0; round < 10; ++round) {
        std::vector<std::unique_ptr<Request>> requests;
        int stored = 0;
        int failed = 0;
        for (int i = 0; i < 40; ++i) {
            const std::string field = fields[i % 4];
            requests.push_back(std::make_unique<Request>(field, std::to_string(i)));
            RedisStore& chosen = i / 4 % 2 == 0 ? node.store : other.store;
            const auto variant = example_variant(std::to_string(i), field, *requests.back());
            boost::asio::co_spawn(context, chosen.put(example_key, variant, seconds{100}),
                                  [&](const std::exception_ptr&, const Result<void>& result) {
                                      ++stored;
                                      if (!result) ++failed;
                                  });
        }
        run_until(context, [&] { return stored == 40; });
        CHECK(failed == 0);
        for (int i = 0; i < 40; ++i) CHECK(store.content(*requests[static_cast<std::size_t>(i)]) == std::to_string(i));
        store.remove();
        for (const auto& request : requests) CHECK(store.content(*request) == "none");
    }
    CHECK(node.store.stats().bad_records.get() + other.store.stats().bad_records.get() == 0);
}
