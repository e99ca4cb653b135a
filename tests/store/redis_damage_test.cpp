// A thousand things that may happen to values in Redis: what is found is what was stored, or nothing is.

#include <algorithm>
#include <random>

#include "proxy/store/redis_store.hpp"
#include "tests/store/examples.hpp"
#include "tests/store/redis_fixture.hpp"

using namespace proxy::store;
using namespace tests;
using std::chrono::seconds;

namespace {

using Random = std::mt19937;

std::size_t below(Random& random, std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
}

std::string bytes_of(std::size_t size, Random& random) {
    std::string bytes(size, '\0');
    std::ranges::generate(bytes, [&] { return static_cast<char>(random()); });
    return bytes;
}

// One resource, with or without variants.
struct Object {
    std::string primary;
    StoredPtr response;
    std::unique_ptr<Request> request;
};

struct Fixture {
    static proxy::RedisConfig config_with(const RedisServer& server) {
        proxy::RedisConfig config = redis_config(server);
        config.chunk_size = 16'384;
        config.content_grace = std::chrono::milliseconds{0};
        return config;
    }

    explicit Fixture(Random& random) {
        redis.await_connected();
        purges.set_current(true);
        const std::size_t sizes[] = {0, 1, 300, 16'384, 16'385, 60'000, batch_size + 1};
        for (const std::size_t size : sizes) {
            for (const bool varies : {false, true}) {
                if (varies && size > batch_size) continue;
                Object object;
                object.primary = "http://example.com/" + std::to_string(size) + (varies ? "/varies" : "");
                object.request = std::make_unique<Request>("accept-encoding", "gzip");
                const std::string content = bytes_of(size, random);
                object.response = varies ? example_variant(content, "accept-encoding", *object.request, object.primary)
                                         : example(content, object.primary);
                objects.push_back(std::move(object));
            }
        }
        for (const Object& object : objects) put(object);
    }

    void put(const Object& object) {
        REQUIRE(run(context, store.put(object.primary, object.response, seconds{1'000}, Mark{})).has_value());
    }

    // Null where nothing is found.
    StoredPtr find(const Object& object) {
        Found found = run(context, store.lookup(object.primary, *object.request)).value();
        if (!found.content) return found.response;
        proxy::BufferShare share(buffers);
        const auto whole = run(context, read_all(*found.content, found.response, share));
        return whole ? *whole : nullptr;
    }

    std::vector<std::string> keys(const std::string& pattern) {
        std::vector<std::string> names;
        const auto found = redis.command({"KEYS", pattern});
        for (const Reply& name : found.value().elements) names.push_back(name.text);
        std::ranges::sort(names);
        return names;
    }

    std::string damage(const Object& object, Random& random);

    RedisServer server;
    boost::asio::io_context context{1};
    TestClient redis{context, config_with(server)};
    Purges purges{100};
    proxy::BufferBudget buffers{1u << 30};
    RedisStore store{redis.client, redis.config, purges};
    std::vector<Object> objects;
};

// Does one thing to one value of the object; says what, for people.
std::string Fixture::damage(const Object& object, Random& random) {
    const auto own = keys("weir:{" + object.primary + "}*");
    const auto all = keys("*");
    const std::string& key = own[below(random, own.size())];
    const std::string& other = all[below(random, all.size())];
    std::string value = redis.text({"GET", key});
    const auto set = [&](const std::string& changed) { redis.text({"SET", key, changed, "EX", "1000"}); };
    const bool is_record = value.size() > 12;  // what an earlier cut has left need not be
    const std::size_t kind = below(random, 10);
    switch (is_record ? kind : 9) {
        case 0:
            value[below(random, value.size())] ^= static_cast<char>(1 << below(random, 8));
            return set(value), "bit";
        case 1: return set(value.substr(0, below(random, value.size()))), "cut short";
        case 2: return set(value + bytes_of(1 + below(random, 20), random)), "longer";
        case 3: return set(bytes_of(value.size(), random)), "garbage";
        case 4: {  // all is well but for the version
            value[4] = static_cast<char>(value[4] + 1);
            const std::uint64_t sum = checksum(std::string_view(value).substr(0, value.size() - 8));
            for (std::size_t i = 0; i < 8; ++i) value[value.size() - 8 + i] = static_cast<char>(sum >> (8 * i));
            return set(value), "a later version";
        }
        case 5: {
            const std::size_t at = below(random, value.size());
            std::ranges::reverse(value.begin() + static_cast<std::ptrdiff_t>(at), value.end());
            return set(value), "bytes in another order";
        }
        case 6: return redis.text({"COPY", other, key, "REPLACE"}), "that of " + other;
        case 7: {
            redis.text({"RENAME", key, "aside"});
            redis.text({"RENAME", other == key ? "aside" : other, key});
            return redis.text({"RENAME", "aside", other}), "swapped with " + other;
        }
        case 8: return redis.text({"DEL", key}), "gone";
        default: redis.text({"DEL", key}); return redis.text({"LPUSH", key, "x"}), "another type";
    }
}

}  // namespace

TEST_CASE("redis store: no wrong byte comes from a thousand damaged values, and each is mended by a put") {
    const unsigned seed = std::random_device{}();
    Random random(seed);
    CAPTURE(seed);
    Fixture fixture(random);
    const RedisStoreStats& stats = fixture.store.stats();
    int misses = 0;
    for (int attempt = 0; attempt < 1'000; ++attempt) {
        CAPTURE(attempt);
        const Object& object = fixture.objects[below(random, fixture.objects.size())];
        const std::string done = fixture.damage(object, random);
        CAPTURE(object.primary);
        CAPTURE(done);
        for (const Object& any :
             {std::cref(object), std::cref(fixture.objects[below(random, fixture.objects.size())])}) {
            const StoredPtr found = fixture.find(any);
            if (found) REQUIRE(found->key() == any.response->key());
            if (found) REQUIRE(content_of(*found) == content_of(*any.response));
        }
        if (!fixture.find(object)) ++misses;
        for (const Object& any : fixture.objects) {
            if (!fixture.find(any)) fixture.put(any);
        }
        const StoredPtr mended = fixture.find(object);
        REQUIRE(mended);
        REQUIRE(content_of(*mended) == content_of(*object.response));
    }
    CHECK(misses > 500);
    CHECK(stats.bad_records.get() > 300);
    CHECK(stats.lost_content.get() > 0);
    CHECK(fixture.redis.client.stats().usable());
}
