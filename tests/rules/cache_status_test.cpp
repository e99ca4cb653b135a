#include "proxy/rules/cache_status.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

namespace {

void append_to(std::string& out, const CacheStatus& status) {
    Appender pieces(out);
    append_cache_status(pieces, "Weir", status);
}

}  // namespace

TEST_CASE("append_cache_status: RFC 9211") {
    using enum ForwardReason;
    struct Row {
        CacheStatus status;
        std::string_view expected;
    };
    const Row rows[] = {
        {{}, "Weir; hit"},
        {{.ttl = 299s}, "Weir; hit; ttl=299"},
        {{.ttl = -412s, .detail = "memory"}, "Weir; hit; ttl=-412; detail=memory"},
        {{.forwarded = uri_miss, .forward_status = 200, .stored = true}, "Weir; fwd=uri-miss; fwd-status=200; stored"},
        {{.forwarded = vary_miss, .collapsed = true}, "Weir; fwd=vary-miss; collapsed"},
        {{.forwarded = stale, .ttl = 60s, .forward_status = 304, .stored = true, .collapsed = true, .detail = "x"},
         "Weir; fwd=stale; ttl=60; fwd-status=304; stored; collapsed; detail=x"},
        {{.forwarded = bypass}, "Weir; fwd=bypass"},
        {{.forwarded = method, .forward_status = 201}, "Weir; fwd=method; fwd-status=201"},
        {{.forwarded = request}, "Weir; fwd=request"},
        {{.forwarded = partial, .forward_status = 206, .stored = true}, "Weir; fwd=partial; fwd-status=206; stored"},
        {{.hit = false, .detail = "\"a bad day\""}, "Weir; detail=\"a bad day\""},
    };
    for (const Row& row : rows) {
        std::string out = "Other; hit, ";
        append_to(out, row.status);
        CHECK(out == "Other; hit, " + std::string{row.expected});
    }
}
