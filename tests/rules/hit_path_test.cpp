// What is asked at every hit takes no memory.

#include <atomic>
#include <cstdlib>
#include <new>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/cache_status.hpp"
#include "proxy/rules/reuse.hpp"
#include "proxy/rules/validation.hpp"
#include "tests/rules/messages.hpp"

namespace {

std::atomic<std::size_t> allocations{0};

}  // namespace

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

using namespace proxy::rules;

TEST_CASE("a hit allocates nothing") {
    const StoredPtr stored = stored_from("Cache-Control: max-age=10\nETag: \"a\"");
    const Lines lines("Host: example.com\nAccept: */*\nCache-Control: max-age=0\nConnection: keep-alive\nCookie: a=b");
    const RequestHeader request = request_with(lines);
    const Policy policy;
    std::string key, status;
    key.reserve(256);
    status.reserve(256);

    const std::size_t before = allocations;
    primary_key(key, request, policy.key);
    const bool look_up = may_look_up(request);
    const Reuse reuse = decide_reuse(request, stored.get(), false, t + 3s, policy);
    const bool valid = client_copy_is_valid(request, *stored);
    {
        Appender pieces(status);
        append_cache_status(pieces, "Weir",
                            {.ttl = stored->freshness().lifetime - current_age(stored->arrival(), t + 3s)});
    }
    const std::size_t after = allocations;

    CHECK(after - before == 0);
    CHECK(look_up);
    CHECK(std::holds_alternative<Serve>(reuse));
    CHECK_FALSE(valid);
    CHECK(status == "Weir; hit; ttl=7");
}
