#include <doctest/doctest.h>

#include <cstdlib>
#include <new>

#include "proxy/store/memory_store.hpp"
#include "tests/store/examples.hpp"

using namespace proxy::store;
using namespace tests;

namespace {
thread_local std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
    ++allocations;
    if (void* const memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

TEST_CASE("memory store: a hit allocates nothing and shares the response") {
    const Purges purges(1);
    MemoryStore store({}, purges);
    const StoredPtr response = example();
    store.put(example_key, response, example_time, seconds{10}, {});
    const Request request;
    const std::size_t before = allocations;
    const Found found = store.lookup(example_key, request, example_time);
    CHECK(allocations == before);
    CHECK(found.response == response);
}
