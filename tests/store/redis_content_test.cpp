#include "proxy/store/redis_content.hpp"

#include <algorithm>
#include <random>

#include "proxy/store/redis_store.hpp"
#include "tests/store/examples.hpp"
#include "tests/store/redis_fixture.hpp"

using namespace proxy::store;
using namespace tests;
using proxy::Errc;
using proxy::Result;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::size_t mib = 1u << 20;

// No two pieces of it are alike.
std::string bytes_of(std::size_t size, unsigned seed = 1) {
    std::minstd_rand random(seed);
    std::string bytes(size, '\0');
    std::ranges::generate(bytes, [&] { return static_cast<char>(random()); });
    return bytes;
}

struct Fixture {
    static proxy::RedisConfig config_with(const RedisServer& server) {
        proxy::RedisConfig config = redis_config(server);
        config.chunk_size = 256u << 10;
        return config;
    }

    Fixture() {
        redis.await_connected();
        purges.set_current(true);
    }

    Result<void> put(StoredPtr response) {
        return run(context, store.put(example_key, std::move(response), seconds{100}, Mark{}));
    }
    Found lookup() { return run(context, store.lookup(example_key, plain)).value(); }

    // All that comes until the end.
    Result<std::string> rest_of(ContentSource& source) {
        std::string rest;
        for (;;) {
            const Result<Chunks> chunks = run(context, source.next());
            if (!chunks) return chunks.error();
            if (chunks->empty()) return rest;
            for (const proxy::rules::Chunk& chunk : *chunks) rest += chunk.view();
        }
    }

    std::vector<std::string> pieces() {
        std::vector<std::string> names;
        const auto found = redis.command({"KEYS", "*#*"});
        for (const Reply& name : found.value().elements) names.push_back(name.text);
        return names;
    }
    std::string piece(std::size_t number) {
        const auto names = pieces();
        const auto is_it = [&](const std::string& name) { return name.ends_with('.' + std::to_string(number)); };
        return *std::ranges::find_if(names, is_it);
    }

    RedisServer server;
    boost::asio::io_context context{1};
    TestClient redis{context, config_with(server)};
    Purges purges{100};
    RedisStore store{redis.client, redis.config, purges};
    const Request plain;
    const std::string content = bytes_of(5 * mib + 12'345);
};

}  // namespace

TEST_CASE("redis content: pieces are no larger than they should, and never too many") {
    struct Row {
        std::uint64_t size;
        std::size_t chunk_size;
        std::uint32_t count;
    };
    const Row rows[] = {
        {0, 100, 0},
        {100, 100, 0},
        {101, 100, 2},
        {1'000, 100, 10},
        {1'001, 100, 11},
        {mib, 256u << 10, 4},
        {100 * mib, 4096, max_pieces},
    };
    for (const Row& row : rows) {
        CAPTURE(row.size);
        const Pieces pieces = pieces_for(row.size, row.chunk_size);
        CHECK(pieces.count == row.count);
        CHECK((pieces.generation != 0) == (row.count > 0));
    }
}

TEST_CASE("redis content: what is large is read on by the caller, no more than two batches at a time") {
    Fixture fixture;
    auto& [server, context, redis, purges, store, plain, content] = fixture;
    const auto original = example(content);
    REQUIRE(fixture.put(original));
    const auto read = [&, before = redis.client.stats().ok.get()] { return redis.client.stats().ok.get() - before; };
    Found found = fixture.lookup();
    REQUIRE(found.response);
    REQUIRE(found.content);
    CHECK(found.response->head() == original->head());
    CHECK(found.response->content_size() == content.size());
    CHECK(found.response->body()->chunks.empty());
    CHECK(read() == 1 + 1 + 4);  // the record; the question whether all pieces are there; four of them

    const Result<Chunks> first = run(context, found.content->next());
    REQUIRE(first.has_value());
    std::string got;
    for (const proxy::rules::Chunk& chunk : *first) got += chunk.view();
    CHECK(got.size() > mib / 2);
    CHECK(got.size() <= batch_size);
    run_until(context, [&] { return read() == 6 + 4; });  // the second batch is on its way
    CHECK(redis.client.stats().in_flight.get() == 0);     // the third is not

    got += fixture.rest_of(*found.content).value();
    CHECK(got == content);
    CHECK(run(context, found.content->next()).value().empty());
    CHECK(read() == 6 + 17);
    CHECK(store.stats().lost_content.get() == 0);
}

TEST_CASE("redis content: a batch or less comes with the response") {
    Fixture fixture;
    const std::string content = bytes_of(mib);
    REQUIRE(fixture.put(example(content)));
    CHECK(fixture.pieces().size() == 4);
    const Found found = fixture.lookup();
    REQUIRE(found.response);
    CHECK_FALSE(found.content);
    CHECK(content_of(*found.response) == content);
}

TEST_CASE("redis content: read whole") {
    Fixture fixture;
    auto& [server, context, redis, purges, store, plain, content] = fixture;
    const auto original = example(content);
    REQUIRE(fixture.put(original));
    const Found found = fixture.lookup();
    REQUIRE(found.content);
    proxy::BufferBudget buffers(1u << 30);
    proxy::BufferShare share(buffers);
    const auto whole = run(context, read_all(*found.content, found.response, share));
    REQUIRE(whole.has_value());
    check_same(**whole, *original);
}

TEST_CASE("redis content: a piece that is gone is a miss, whichever it is") {
    for (const std::size_t size : {mib, 3 * mib}) {
        for (const std::size_t lost : {0u, 1u, 3u}) {
            CAPTURE(size);
            CAPTURE(lost);
            Fixture fixture;
            auto& [server, context, redis, purges, store, plain, content] = fixture;
            REQUIRE(fixture.put(example(bytes_of(size))));
            const std::size_t last = fixture.pieces().size() - 1;
            redis.number({"DEL", fixture.piece(lost == 3 ? last : lost)});
            const Found found = fixture.lookup();
            CHECK_FALSE(found.response);
            CHECK_FALSE(found.content);
            CHECK(store.stats().lost_content.get() == 1);
            CHECK(redis.number({"DBSIZE"}) == 0);  // what was left of it is of no use
            REQUIRE(fixture.put(example("again")));
            CHECK(content_of(*fixture.lookup().response) == "again");
        }
    }
}

TEST_CASE("redis content: lost or damaged while it is read, it ends with an error") {
    struct Row {
        const char* name;
        const char* damage;  // a script, of a piece that is not read yet
        Errc error;
    };
    const Row rows[] = {
        {"gone", "redis.call('DEL', KEYS[1])", Errc::store_incomplete},
        {"a bit changed", "redis.call('SETBIT', KEYS[1], 8000, 1 - redis.call('GETBIT', KEYS[1], 8000))",
         Errc::bad_wire_format},
        {"cut short", "redis.call('SET', KEYS[1], redis.call('GETRANGE', KEYS[1], 0, -2))", Errc::bad_wire_format},
        {"empty", "redis.call('SET', KEYS[1], '')", Errc::bad_wire_format},
        {"another type", "redis.call('DEL', KEYS[1]) redis.call('LPUSH', KEYS[1], 'x')", Errc::bad_wire_format},
        {"the piece before it", "redis.call('COPY', KEYS[2], KEYS[1], 'REPLACE')", Errc::bad_wire_format},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        Fixture fixture;
        auto& [server, context, redis, purges, store, plain, content] = fixture;
        REQUIRE(fixture.put(example(content)));
        const Found found = fixture.lookup();
        REQUIRE(found.content);
        const auto damaged = redis.command({"EVAL", row.damage, "2", fixture.piece(18), fixture.piece(17)});
        REQUIRE(damaged->type != Reply::Type::error);
        CHECK(fixture.rest_of(*found.content).error() == row.error);
        CHECK(run(context, found.content->next()).error() == row.error);
        CHECK(store.stats().lost_content.get() == (row.error == Errc::store_incomplete ? 1 : 0));
        CHECK(store.stats().bad_records.get() == (row.error == Errc::bad_wire_format ? 1 : 0));
        CHECK_FALSE(fixture.lookup().response);
    }
}

TEST_CASE("redis content: a record that was replaced meanwhile is not removed with the pieces of its predecessor") {
    Fixture fixture;
    auto& [server, context, redis, purges, store, plain, content] = fixture;
    REQUIRE(fixture.put(example(content)));
    const Found found = fixture.lookup();
    redis.number({"DEL", fixture.piece(18)});
    REQUIRE(fixture.put(example("new")));
    CHECK(fixture.rest_of(*found.content).error() == Errc::store_incomplete);
    CHECK(content_of(*fixture.lookup().response) == "new");
}

TEST_CASE("redis content: who has begun to read what is replaced or removed reads it to its end") {
    Fixture fixture;
    auto& [server, context, redis, purges, store, plain, content] = fixture;
    REQUIRE(fixture.put(example(content)));
    const Found found = fixture.lookup();
    SUBCASE("replaced") { REQUIRE(fixture.put(example("new"))); }
    SUBCASE("removed") { REQUIRE(run(context, store.remove(example_key))); }
    for (const std::string& piece : fixture.pieces()) {
        const std::int64_t left = redis.number({"PTTL", piece});
        CHECK(left > 20'000);
        CHECK(left <= 30'000);
    }
    CHECK(fixture.rest_of(*found.content).value() == content);
}

TEST_CASE("redis content: dropped while it reads ahead") {
    Fixture fixture;
    auto& [server, context, redis, purges, store, plain, content] = fixture;
    REQUIRE(fixture.put(example(content)));
    {
        const Found found = fixture.lookup();
        REQUIRE(run(context, found.content->next()).has_value());
        CHECK(redis.client.stats().in_flight.get() > 0);
    }
    run_until(context, [&] { return redis.client.stats().in_flight.get() == 0; });
    CHECK(redis.text({"PING"}) == "PONG");
}

TEST_CASE("redis content: Redis hangs while it is read") {
    Fixture fixture;
    auto& [server, context, redis, purges, store, plain, content] = fixture;
    proxy::RedisConfig config = Fixture::config_with(server);
    config.command_budget = seconds(1);
    TestClient impatient(context, config);
    impatient.await_connected();
    RedisStore impatient_store(impatient.client, config, purges);
    REQUIRE(fixture.put(example(content)));
    const Found found = run(context, impatient_store.lookup(example_key, plain)).value();
    REQUIRE(found.content);
    server.pause();
    CHECK(fixture.rest_of(*found.content).error() == Errc::deadline_exceeded);
    server.resume();
    CHECK(fixture.lookup().response);  // still there
}

TEST_CASE("redis content: of nodes with different limits") {
    Fixture fixture;
    auto& [server, context, redis, purges, store, plain, content] = fixture;
    proxy::RedisConfig config = redis.config;
    config.max_object_size = mib;
    RedisStore smaller(redis.client, config, purges);
    REQUIRE(fixture.put(example(content)));
    CHECK_FALSE(run(context, smaller.lookup(example_key, plain))->response);
    CHECK(smaller.stats().bad_records.get() == 0);
    CHECK(fixture.lookup().response);  // the other one may keep it
}

TEST_CASE("redis content: what Redis has no memory for leaves nothing behind") {
    Fixture fixture;
    auto& [server, context, redis, purges, store, plain, content] = fixture;
    const std::string info = redis.text({"INFO", "memory"});
    const std::string_view name = "used_memory:";
    const std::size_t used = std::stoul(info.substr(info.find(name) + name.size()));
    redis.text({"CONFIG", "SET", "maxmemory", std::to_string(used + 5 * mib / 2)});
    const Result<void> stored = fixture.put(example(content));
    REQUIRE_FALSE(stored);
    CHECK(stored.error() == Errc::store_unavailable);
    CHECK(redis.number({"DBSIZE"}) == 0);
    CHECK(redis.client.stats().errors.get() > 0);
    CHECK(redis.client.stats().connected);
}
