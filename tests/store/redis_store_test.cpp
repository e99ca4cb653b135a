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
constexpr std::string_view variants_name = "weir:{http://example.com/items/foo?a=1}:variants";
constexpr std::size_t many = 1'000;

struct Node {
    Node(boost::asio::io_context& context, const RedisServer& server, std::size_t max_variants)
        : redis(context, config_for(server, max_variants)), store(redis.client, redis.config, purges) {
        purges.set_current(true);
        redis.await_connected();
    }

    static proxy::RedisConfig config_for(const RedisServer& server, std::size_t max_variants) {
        proxy::RedisConfig config = redis_config(server);
        config.max_object_size = 100'000;
        config.chunk_size = 30'000;
        config.content_grace = std::chrono::milliseconds{0};
        config.max_variants = max_variants;
        return config;
    }

    std::vector<std::string> keys() {
        std::vector<std::string> names;
        const auto found = redis.command({"KEYS", "*"});
        for (const Reply& name : found.value().elements) names.push_back(name.text);
        return names;
    }

    Purges purges{100};
    TestClient redis;
    RedisStore store;
};

struct Fixture {
    explicit Fixture(std::size_t max_variants = 3) : node(context, server, max_variants) {}

    RedisServer server;
    boost::asio::io_context context{1};
    Node node;
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
    CHECK(node.keys().size() == 3);  // and the index, and the list of variants
    store.remove();
    CHECK(node.keys().empty());
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

TEST_CASE("redis store: a variant that is one too many takes its pieces along, and is counted") {
    Fixture fixture;
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    const auto put = [&](int number, std::size_t size) {
        const Request request("accept-language", std::to_string(number));
        store.put(example_variant(std::string(size, 'x'), "accept-language", request));
    };
    put(0, 70'000);
    put(1, 10);
    put(2, 10);
    CHECK(node.keys().size() == 8);
    CHECK(node.store.stats().variants_dropped.get() == 0);
    put(3, 10);
    CHECK(node.keys().size() == 5);
    CHECK(node.store.stats().variants_dropped.get() == 1);
    node.redis.number({"DEL", "weir:{http://example.com/items/foo?a=1}accept-language=1"});  // as if its time were over
    put(4, 10);
    CHECK(node.keys().size() == 5);
    CHECK(node.store.stats().variants_dropped.get() == 1);
    CHECK(node.redis.number({"ZCARD", variants_name}) == 3);
    store.remove();
    CHECK(node.keys().empty());
}

TEST_CASE("redis store: what remove leaves of many variants is not found, and still counts") {
    Fixture fixture(150);
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    const auto put_all = [&](int first, int last) {
        for (int i = first; i < last; ++i)
            store.put(example_variant("x", "accept-language", Request("accept-language", std::to_string(i))));
    };
    put_all(0, 150);
    store.remove();
    CHECK(node.keys().size() == 51);
    CHECK(node.redis.number({"ZCARD", variants_name}) == 50);
    for (int i = 0; i < 150; ++i) CHECK(store.content(Request("accept-language", std::to_string(i))) == "none");
    put_all(200, 350);
    CHECK(node.keys().size() == 152);
    for (int i = 200; i < 350; ++i) CHECK(store.content(Request("accept-language", std::to_string(i))) == "x");
    CHECK(store.content(Request("accept-language", "149")) == "none");
}

TEST_CASE("redis store: something else in place of the list of variants") {
    struct Row {
        const char* name;
        std::vector<std::string_view> damage;
    };
    const Row rows[] = {
        {"a string", {"SET", variants_name, "hello"}},
        {"a list", {"LPUSH", variants_name, "hello"}},
        {"a score above all", {"ZADD", variants_name, "inf", "zzz"}},
        {"a score too large to be counted up", {"ZADD", variants_name, "1e300", "zzz"}},
        {"a score below all", {"ZADD", variants_name, "-inf", "zzz"}},
        {"names that are none of ours", {"ZADD", variants_name, "0", "elsewhere", "0", "}", "1", "#"}},
    };
    Fixture fixture;
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    for (const Row& row : rows) {
        CAPTURE(row.name);
        node.redis.text({"SET", "elsewhere", "stays"});
        REQUIRE(node.redis.command(row.damage)->type != Reply::Type::error);
        for (int i = 0; i < 8; ++i) {
            const Request request("accept-language", std::to_string(9 - i));
            store.put(example_variant("x", "accept-language", request));
            CHECK(store.content(request) == "x");
        }
        CHECK(node.redis.number({"ZCARD", variants_name}) == 3);
        CHECK(node.redis.number({"PTTL", variants_name}) > 90'000);
        CHECK(node.keys().size() == 6);
        node.redis.number({"DEL", variants_name});
        REQUIRE(node.redis.command(row.damage)->type != Reply::Type::error);
        store.remove();
        CHECK(node.redis.number({"EXISTS", variants_name, example_name}) == 0);
        CHECK(node.redis.text({"GET", "elsewhere"}) == "stays");
        node.redis.text({"FLUSHALL"});
    }
}

TEST_CASE("redis store: nodes that store variants at the same time keep to the bound") {
    Fixture fixture;
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    Node other(context, server, 3);
    int stored = 0;
    for (int i = 0; i < 40; ++i) {
        const Request request("accept-language", std::to_string(i));
        RedisStore& chosen = i % 2 == 0 ? node.store : other.store;
        boost::asio::co_spawn(
            context, chosen.put(example_key, example_variant("x", "accept-language", request), seconds{100}, {}),
            [&](const std::exception_ptr&, const Result<void>& result) { stored += result ? 1 : 0; });
    }
    run_until(context, [&] { return stored == 40; });
    CHECK(node.redis.number({"ZCARD", variants_name}) == 3);
    CHECK(node.keys().size() == 5);
    CHECK(node.store.stats().variants_dropped.get() + other.store.stats().variants_dropped.get() == 37);
}

TEST_CASE("redis store: a lowered bound is reached step by step") {
    Fixture fixture(many);
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    Node other(context, server, 3);
    for (int i = 0; i < 20; ++i)
        store.put(example_variant("x", "accept-language", Request("accept-language", std::to_string(i))));
    const std::size_t left[] = {11, 3, 3};
    for (const std::size_t expected : left) {
        const Request request("accept-language", "left " + std::to_string(expected));
        const auto variant = example_variant("x", "accept-language", request);
        CHECK(run(context, other.store.put(example_key, variant, seconds{100}, {})).has_value());
        CHECK(node.keys().size() == expected + 2);
    }
}

TEST_CASE("redis store: what Redis refuses to store") {
    Fixture fixture;
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    node.redis.text({"CONFIG", "SET", "maxmemory", "1"});
    const StoredPtr responses[] = {example(), example(std::string(70'000, 'x')),
                                   example_variant("gzip", "accept-encoding", gzip)};
    for (const StoredPtr& response : responses) {
        const auto stored = run(context, node.store.put(example_key, response, seconds{10}, {}));
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
    CHECK(run(fixture.context, fixture.node.store.put(example_key, example(), seconds{1}, {})).error() ==
          Errc::store_unavailable);
    CHECK(run(fixture.context, fixture.node.store.remove(example_key)).error() == Errc::store_unavailable);
}

TEST_CASE("redis store: nodes that store variants at the same time lose none") {
    Fixture fixture(many);
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    Node other(context, server, many);
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
            boost::asio::co_spawn(context, chosen.put(example_key, variant, seconds{100}, {}),
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

TEST_CASE("redis store: what was purged is not found, but what was fetched later is") {
    Fixture fixture;
    auto& [server, context, node, store, plain, gzip, brotli] = fixture;
    const auto put = [&](StoredPtr response, Mark mark) {
        CHECK(run(context, node.store.put(example_key, std::move(response), seconds{100}, mark)).has_value());
    };
    const Purge purge{.urls = {std::string(example_key)}};
    SUBCASE("a response, inline and in pieces") {
        for (const std::size_t size : {std::size_t{10}, std::size_t{70'000}}) {
            put(example(std::string(size, 'x')), {0, 5 * size});
            node.purges.apply({.surrogate_keys = {"another"}}, 5 * size + 1, example_time);
            CHECK(store.content(plain).size() == size);
            node.purges.apply(purge, 5 * size + 2, example_time);
            CHECK(store.content(plain) == "none");
            put(example(std::string(size, 'y')), node.purges.mark());
            CHECK(store.content(plain) == std::string(size, 'y'));
        }
    }
    SUBCASE("variants") {
        put(example_variant("gzip", "accept-encoding", gzip), {0, 5});
        put(example_variant("br", "accept-encoding", brotli), {0, 5});
        node.purges.apply(purge, 6, example_time);
        CHECK(store.content(gzip) == "none");
        put(example_variant("br again", "accept-encoding", brotli), {0, 6});
        CHECK(store.content(brotli) == "br again");
        CHECK(store.content(gzip) == "none");
    }
    SUBCASE("softly: stale") {
        put(example(), {0, 5});
        node.purges.apply({.surrogate_keys = {"items"}, .soft = true}, 6, example_time + seconds{50});
        const auto found = store.lookup(plain);
        REQUIRE(found.response);
        CHECK(found.response->freshness().lifetime ==
              proxy::rules::current_age(found.response->arrival(), example_time + seconds{50}));
    }
    SUBCASE("while the log is not followed, nothing is said") {
        put(example(), {0, 5});
        node.purges.set_current(false);
        CHECK(run(context, node.store.lookup(example_key, plain)).error() == Errc::store_unavailable);
        node.purges.set_current(true);
        CHECK(store.content(plain) == "content");
    }
}
