// What a response costs on its way to Redis and back, without the way.

#include <benchmark/benchmark.h>

#include "proxy/store/wire_format.hpp"
#include "tests/bench/micro/examples.hpp"

namespace bench {
namespace {

constexpr const char* key = "http://bench.test/k/123";

void encode(benchmark::State& state) {
    const proxy::rules::StoredPtr response = response_under(key, static_cast<std::size_t>(state.range(0)));
    for (auto _ : state) benchmark::DoNotOptimize(proxy::store::encode_response(*response, 0, {}));
}
BENCHMARK(encode)->Arg(1 << 10)->Arg(16 << 10)->Arg(256 << 10);

void decode(benchmark::State& state) {
    const proxy::rules::StoredPtr response = response_under(key, static_cast<std::size_t>(state.range(0)));
    const std::string bytes = proxy::store::encode_response(*response, 0, {});
    for (auto _ : state) benchmark::DoNotOptimize(proxy::store::decode_record(bytes, key));
}
BENCHMARK(decode)->Arg(1 << 10)->Arg(16 << 10)->Arg(256 << 10);

}  // namespace
}  // namespace bench
