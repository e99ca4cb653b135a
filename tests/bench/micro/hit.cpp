// What a hit costs beside the parse and the key: the look-up, the decision, the generated fields.

#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "proxy/rules/reuse.hpp"
#include "proxy/serving/heads.hpp"
#include "proxy/store/memory_store.hpp"
#include "proxy/store/purges.hpp"
#include "tests/bench/micro/examples.hpp"

namespace bench {
namespace {

using std::chrono::seconds;

std::string key_number(std::size_t number) { return "http://bench.test/k/" + std::to_string(number); }

// So many objects in the store, and their keys in an order without pattern.
struct FullStore {
    explicit FullStore(std::size_t count) : store({.budget = std::size_t{4} << 30}, purges) {
        for (std::size_t i = 0; i < count; ++i) {
            store.put(key_number(i), response_under(key_number(i), 16), now, seconds{3600}, purges.mark());
            keys.push_back(key_number(i * 7919 % count));
        }
    }

    proxy::store::Purges purges{1000};
    proxy::store::MemoryStore store;
    std::vector<std::string> keys;
};

std::unique_ptr<FullStore> shared_store;

void fill(const benchmark::State& state) { shared_store = std::make_unique<FullStore>(state.range(0)); }
void empty(const benchmark::State&) { shared_store.reset(); }

// All keys in turn, by one worker and by two: cold caches count.
void look_up(benchmark::State& state) {
    FullStore& full = *shared_store;
    const Request request(wrk_request);
    std::size_t at = full.keys.size() / 2 * static_cast<std::size_t>(state.thread_index());
    for (auto _ : state) {
        benchmark::DoNotOptimize(full.store.lookup(full.keys[at], request, now));
        if (++at == full.keys.size()) at = 0;
    }
}
BENCHMARK(look_up)->RangeMultiplier(10)->Range(1'000, 1'000'000)->Setup(fill)->Teardown(empty);
BENCHMARK(look_up)->Arg(10'000)->Threads(2)->UseRealTime()->Setup(fill)->Teardown(empty);

// Each for the first time after a purge of something else: whether it is still good is found out anew.
void look_up_after_purge(benchmark::State& state) {
    FullStore& full = *shared_store;
    const Request request(wrk_request);
    std::size_t at = 0;
    for (auto _ : state) {
        if (at == 0) full.purges.apply({.urls = {"http://bench.test/other"}}, 0, now);
        benchmark::DoNotOptimize(full.store.lookup(full.keys[at], request, now));
        if (++at == full.keys.size()) at = 0;
    }
}
BENCHMARK(look_up_after_purge)->Arg(1'000)->Setup(fill)->Teardown(empty);

void look_up_one_key(benchmark::State& state) {
    const Request request(wrk_request);
    for (auto _ : state) benchmark::DoNotOptimize(shared_store->store.lookup(shared_store->keys[0], request, now));
}
BENCHMARK(look_up_one_key)->Arg(1'000)->Setup(fill)->Teardown(empty);
BENCHMARK(look_up_one_key)->Arg(1'000)->Threads(2)->UseRealTime()->Setup(fill)->Teardown(empty);

void decide(benchmark::State& state, std::string_view bytes) {
    const Request request(bytes);
    const proxy::rules::StoredPtr stored = response_under("http://bench.test/k/123");
    const proxy::rules::Policy policy;
    for (auto _ : state)
        benchmark::DoNotOptimize(proxy::rules::decide_reuse(request, stored.get(), false, now + seconds{9}, policy));
}
BENCHMARK_CAPTURE(decide, wrk, wrk_request);
BENCHMARK_CAPTURE(decide, browser, browser_request);

void generated_fields(benchmark::State& state) {
    proxy::observe::ExchangeRecord record;
    record.outcome = proxy::observe::Outcome::hit;
    record.tier = proxy::observe::Tier::memory;
    record.status = 200;
    std::string out;
    out.reserve(proxy::serving::max_generated_fields);
    for (auto _ : state) {
        out.clear();
        proxy::serving::append_generated_fields(out, record, seconds{9}, seconds{3591}, true, 11);
        benchmark::DoNotOptimize(out.data());
    }
}
BENCHMARK(generated_fields);

}  // namespace
}  // namespace bench
