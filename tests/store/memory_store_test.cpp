#include "proxy/store/memory_store.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "tests/store/store_contract.hpp"

using namespace proxy::store;
using namespace tests;
using std::chrono::seconds;

namespace {

// The memory tier with the functions of Store and a clock of the test's.
class MemoryAdapter final : public Store {
 public:
    MemoryAdapter(const proxy::MemoryConfig& config, const Purges& purges) : memory(config, purges) {}

    proxy::Awaitable<proxy::Result<Found>> lookup(std::string_view primary,
                                                  const proxy::rules::RequestHeader& request) override {
        co_return memory.lookup(primary, request, now);
    }
    proxy::Awaitable<proxy::Result<void>> put(std::string_view primary, StoredPtr response, seconds keep,
                                              Mark mark) override {
        memory.put(primary, std::move(response), now, keep, mark);
        co_return proxy::Result<void>();
    }
    proxy::Awaitable<proxy::Result<void>> remove(std::string_view primary) override {
        memory.remove(primary);
        co_return proxy::Result<void>();
    }

    MemoryStore memory;
    Time now = example_time;
};

const Purges no_purges(1);

std::string key_of(std::size_t i) { return "http://example.com/" + std::to_string(i); }

StoredPtr sized(std::size_t i, std::size_t size) { return example(std::string(size, 'x'), key_of(i)); }

}  // namespace

TEST_CASE("memory store: the contract") {
    boost::asio::io_context context(1);
    MemoryAdapter adapter({.budget = 1u << 20, .max_object_size = 100'000, .max_variants = 3, .shards = 2}, no_purges);
    StoreUnderTest store(context, adapter, [&](seconds passed) { adapter.now += passed; });
    check_store_contract(store);
}

TEST_CASE("memory store: the budget holds, and counts what malloc takes") {
    const proxy::MemoryConfig config{.budget = 1u << 20, .max_object_size = 1u << 20, .shards = 1};
    MemoryStore store(config, no_purges);
    for (std::size_t i = 0; i < 5'000; ++i) {
        store.put(key_of(i), sized(i, i % 1'000), example_time, seconds{10}, {});
        REQUIRE(store.stats().bytes <= config.budget);
    }
    const MemoryStats full = store.stats();
    CHECK(full.bytes > config.budget * 9 / 10);
    CHECK(full.objects + full.evictions == 5'000);
    CHECK(full.bytes / full.objects > 500 + sizeof(proxy::rules::StoredResponse) + example_key.size());
    for (std::size_t i = 0; i < 5'000; ++i) store.remove(key_of(i));
    CHECK(store.stats().bytes == 0);
    CHECK(store.stats().objects == 0);
    for (const std::size_t too_large : {1u << 20, 2u << 20}) {  // for the shard with its overhead, for any
        store.put(key_of(1), sized(1, 10), example_time, seconds{10}, {});
        CHECK(store.stats().objects == 1);
        store.put(key_of(1), sized(1, too_large), example_time, seconds{10}, {});
        CHECK(store.stats().objects == 0);
    }
}

TEST_CASE("memory store: no budget, nothing stored") {
    MemoryStore store({.budget = 0}, no_purges);
    store.put(example_key, example(), example_time, seconds{10}, {});
    CHECK(store.stats().objects == 0);
}

TEST_CASE("memory store: what is asked for survives a scan") {
    MemoryStore store({.budget = 200'000, .max_object_size = 10'000, .shards = 1}, no_purges);
    const Request request;
    for (std::size_t i = 0; i < 50; ++i) store.put(key_of(i), sized(i, 1'000), example_time, seconds{10}, {});
    for (std::size_t scanned = 1'000; scanned < 2'000; ++scanned) {
        for (std::size_t i = 0; i < 50; ++i) REQUIRE(store.lookup(key_of(i), request, example_time).response);
        store.put(key_of(scanned), sized(scanned, 1'000), example_time, seconds{10}, {});
    }
    CHECK(store.stats().evictions > 800);
}

TEST_CASE("memory store: an index goes with the last of its variants") {
    MemoryStore store({.budget = 100'000, .max_object_size = 50'000, .max_variants = 1'000, .shards = 1}, no_purges);
    std::vector<std::unique_ptr<Request>> requests;
    for (int i = 0; i < 500; ++i) {
        requests.push_back(std::make_unique<Request>("accept-language", std::to_string(i)));
        store.put(example_key, example_variant("x", "accept-language", *requests.back()), example_time, seconds{10},
                  {});
        REQUIRE(store.stats().bytes <= 100'000);
    }
    CHECK(store.lookup(example_key, *requests.back(), example_time).response);
    CHECK(store.lookup(example_key, *requests.front(), example_time).vary_miss);
    for (const auto& request : requests)
        CHECK_FALSE(store.lookup(example_key, *request, example_time + seconds{10}).response);
    CHECK(store.stats().objects == 0);
    CHECK(store.stats().bytes == 0);
    CHECK_FALSE(store.lookup(example_key, *requests.back(), example_time).vary_miss);
}

TEST_CASE("memory store: whatever was stored, what is removed is counted no more") {
    MemoryStore store({.budget = 1u << 20, .max_variants = 2, .shards = 1}, no_purges);
    const Request gzip("accept-encoding", "gzip"), german("accept-language", "de"), french("accept-language", "fr");
    const auto put = [&](std::string_view primary, StoredPtr response) {
        store.put(primary, std::move(response), example_time, seconds{10}, {});
    };
    const std::string part = key_of(1), large = key_of(2);
    put(part, example_with([&](proxy::rules::StoredDraft& draft) {
            draft.key = part;
            draft.partial = std::make_shared<const proxy::rules::Partial>(proxy::rules::Partial{100, {{0, 6}}});
        }));
    put(large, example(std::string(100'000, 'x'), large));
    put(example_key, example("for all"));
    put(example_key, example_variant("gzip", "accept-encoding", gzip));  // in its place
    put(example_key, example_variant("gzip again", "accept-encoding", gzip));
    put(example_key, example_variant("de", "accept-language", german));
    put(example_key, example_variant("fr", "accept-language", french));  // one too many
    CHECK(store.stats().objects == 4);
    CHECK(store.stats().variants_dropped == 1);
    CHECK(store.stats().bytes > 100'000);
    for (const std::string_view key : {std::string_view(part), std::string_view(large), example_key}) store.remove(key);
    CHECK(store.stats().objects == 0);
    CHECK(store.stats().bytes == 0);
}

TEST_CASE("memory store: the variants of each primary key are bounded, and those dropped are counted") {
    MemoryStore store({.budget = 1u << 20, .max_variants = 3, .shards = 1}, no_purges);
    std::vector<std::unique_ptr<Request>> requests;
    for (int i = 0; i < 10; ++i) {
        requests.push_back(std::make_unique<Request>("accept-language", std::to_string(i)));
        store.put(example_key, example_variant("x", "accept-language", *requests.back()), example_time, seconds{10},
                  {});
        store.put(key_of(static_cast<std::size_t>(i)), sized(static_cast<std::size_t>(i), 1), example_time, seconds{10},
                  {});
    }
    CHECK(store.stats().objects == 13);
    CHECK(store.stats().variants_dropped == 7);
    CHECK(store.stats().evictions == 0);
    for (std::size_t i = 0; i < requests.size(); ++i)
        CHECK((store.lookup(example_key, *requests[i], example_time).response != nullptr) == (i >= 7));
    store.remove(example_key);
    CHECK(store.stats().objects == 10);
    CHECK(store.stats().variants_dropped == 7);
}

TEST_CASE("memory store: many threads") {
    MemoryStore store({.budget = 300'000, .max_object_size = 10'000, .max_variants = 2, .shards = 4}, no_purges);
    std::atomic<std::size_t> wrong{0};
    auto work = [&](unsigned seed) {
        const Request gzip("accept-encoding", "gzip");
        for (unsigned i = 0; i < 3'000; ++i) {
            const unsigned n = (i * 7919 + seed) % 200;
            const std::string key = key_of(n);
            switch ((i + seed) % 5) {
                case 0: store.put(key, sized(n, n * 10), example_time, seconds{10}, {}); break;
                case 1: {
                    const Request coding("accept-encoding", i % 2 == 0 ? "gzip" : std::to_string(i % 7));
                    store.put(key, example_variant("v", "accept-encoding", coding, key), example_time, seconds{5}, {});
                    break;
                }
                case 2:
                    if (i % 50 == 0) store.remove(key);
                    break;
                default: {
                    const Found found = store.lookup(key, gzip, example_time + seconds{i % 7});
                    if (found.response && !found.response->key().starts_with(key)) ++wrong;
                }
            }
            if (i % 100 == 0 && store.stats().bytes > 300'000) ++wrong;
        }
    };
    std::vector<std::jthread> threads;
    for (unsigned seed = 0; seed < 4; ++seed) threads.emplace_back(work, seed);
    threads.clear();
    CHECK(wrong == 0);
}

TEST_CASE("memory store: what was purged is not found, but what was fetched later is") {
    Purges purges(100);
    MemoryStore store({}, purges);
    const Request plain, gzip("accept-encoding", "gzip"), brotli("accept-encoding", "br");
    const Purge purge{.urls = {std::string(example_key)}};
    const auto content = [&](const Request& request) {
        const StoredPtr found = store.lookup(example_key, request, example_time).response;
        return found ? content_of(*found) : "none";
    };
    const auto put = [&](StoredPtr response, Mark mark) {
        store.put(example_key, std::move(response), example_time, seconds{100}, mark);
    };
    SUBCASE("before and after") {
        const Mark before = purges.mark();
        put(example("one"), before);
        purges.apply({.urls = {"http://example.com/other"}}, 0, example_time);
        CHECK(content(plain) == "one");
        purges.apply(purge, 0, example_time);
        CHECK(content(plain) == "none");
        CHECK(store.stats().objects == 0);
        put(example("two"), before);  // was being fetched meanwhile
        CHECK(content(plain) == "none");
        put(example("three"), purges.mark());
        CHECK(content(plain) == "three");
    }
    SUBCASE("all variants") {
        put(example_variant("gzip", "accept-encoding", gzip), {});
        put(example_variant("br", "accept-encoding", brotli), {});
        purges.apply(purge, 0, example_time);
        put(example_variant("br again", "accept-encoding", brotli), purges.mark());
        CHECK(content(gzip) == "none");
        CHECK(content(brotli) == "br again");
    }
    SUBCASE("softly: stale, once") {
        put(example_variant("gzip", "accept-encoding", gzip), {});
        const std::uint64_t bytes = store.stats().bytes;
        purges.apply({.surrogate_keys = {"items"}, .soft = true}, 0, example_time + seconds{50});
        const StoredPtr stale = store.lookup(example_key, gzip, example_time).response;
        REQUIRE(stale);
        CHECK(stale->freshness().lifetime == proxy::rules::current_age(stale->arrival(), example_time + seconds{50}));
        CHECK(store.lookup(example_key, gzip, example_time).response == stale);
        CHECK(store.stats().bytes == bytes);
        CHECK(store.stats().objects == 1);
        purges.apply(purge, 0, example_time);
        CHECK(content(gzip) == "none");
    }
}
