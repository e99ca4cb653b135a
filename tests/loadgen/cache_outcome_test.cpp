#include "loadgen/cache_outcome.hpp"

#include <doctest/doctest.h>

using namespace loadgen;

TEST_CASE("is_hit: RFC 9211") {
    struct Row {
        std::string name;
        const char* cache_status;
        const char* x_cache;
        bool expected;
    };
    const Row rows[] = {
        {"neither field", "", "", false},
        {"a hit", "Weir; hit; ttl=299", "", true},
        {"a hit without spaces", "Weir;hit", "", true},
        {"a hit written out", "Weir; hit=?1", "", true},
        {"a hit denied", "Weir; hit=?0", "", false},
        {"a miss", "Weir; fwd=uri-miss; stored", "", false},
        {"only a name", "Weir", "", false},
        {"a cache named hit", "hit; fwd=miss", "", false},
        {"a parameter that begins like it", "Weir; hits=1", "", false},
        {"hit within a quoted string", "Weir; detail=\"a; hit\"", "", false},
        {"a quoted string with an escape", "Weir; detail=\"\\\"; hit", "", false},
        {"a comma within a quoted string", "Weir; detail=\"a, b\"; hit", "", true},
        {"a name that is a quoted string", "\"my; cache\"; hit", "", true},
        {"the nearest cache hit", "Origin; fwd=miss, Weir; hit", "", true},
        {"only a cache behind hit", "Behind; hit, Weir; fwd=miss", "", false},
        {"a comma at the end", "Weir; hit,", "", true},
        {"Cache-Status counts before X-Cache", "Weir; fwd=miss", "HIT", false},
        {"an empty Cache-Status does not", " ", "HIT", true},
        {"X-Cache: HIT", "", "HIT", true},
        {"X-Cache in lower case", "", "hit from weir", true},
        {"X-Cache: MISS", "", "MISS", false},
        {"X-Cache: the nearest cache", "", "HIT, MISS", false},
        {"X-Cache: STALE is no hit", "", "STALE", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(is_hit(row.cache_status, row.x_cache) == row.expected);
    }
}
