// What every request costs before anything is looked up: the parse and the key.

#include <benchmark/benchmark.h>

#include "proxy/rules/cache_key.hpp"
#include "tests/bench/micro/examples.hpp"

namespace bench {
namespace {

void parse(benchmark::State& state, std::string_view bytes) {
    std::vector<proxy::rules::Field> fields;
    const proxy::LimitsConfig limits;
    for (auto _ : state) {
        proxy::serving::RequestParser parser(fields, limits, "bench.test");
        benchmark::DoNotOptimize(parser.parse(bytes));
    }
}
BENCHMARK_CAPTURE(parse, wrk, wrk_request);
BENCHMARK_CAPTURE(parse, browser, browser_request);

void key(benchmark::State& state, std::string_view bytes, const proxy::rules::KeyPolicy& policy) {
    const Request request(bytes);
    std::string key;
    for (auto _ : state) {
        proxy::rules::primary_key(key, request, policy);
        benchmark::DoNotOptimize(key.data());
    }
}
BENCHMARK_CAPTURE(key, wrk, wrk_request, {});
BENCHMARK_CAPTURE(key, browser, browser_request, {});
BENCHMARK_CAPTURE(key, browser_without_tracking, browser_request, {.ignore_tracking = true});

void variant_key(benchmark::State& state) {
    const Request request(browser_request);
    for (auto _ : state)
        benchmark::DoNotOptimize(proxy::rules::variant_key("http://www.example.com/k/123", "accept-encoding", request));
}
BENCHMARK(variant_key);

}  // namespace
}  // namespace bench
