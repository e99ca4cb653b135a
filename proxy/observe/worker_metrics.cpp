#include "proxy/observe/worker_metrics.hpp"

#include <algorithm>

namespace proxy::observe {
namespace {

// A status above 5xx is treated as one of 5xx, RFC 9110 §15.
std::size_t class_of(unsigned status) noexcept {
    return std::min<std::size_t>(status / 100, WorkerMetrics::status_classes - 1);
}

constexpr bool content_was_stored(Outcome outcome) noexcept {
    return outcome == Outcome::hit || outcome == Outcome::stale || outcome == Outcome::revalidated;
}

}  // namespace

void WorkerMetrics::record(const ExchangeRecord& record) noexcept {
    requests[static_cast<std::size_t>(record.outcome)][class_of(record.status)].add();
    bytes_sent.add(record.bytes_sent);

    if (content_was_stored(record.outcome)) {
        if (record.tier == Tier::memory) memory_hits.add();
        if (record.tier == Tier::redis) redis_hits.add();
    }
    if (record.forwarded) forwarded[static_cast<std::size_t>(*record.forwarded)].add();
    if (record.uncacheable) uncacheable[static_cast<std::size_t>(*record.uncacheable)].add();
    if (record.stored) stored.add();
    if (record.collapsed) collapsed.add();

    switch (record.outcome) {
        case Outcome::hit:
        case Outcome::stale: (record.collapsed ? other_latency : hit_latency).observe(record.total); break;
        case Outcome::miss:
            misses.add();
            miss_latency.observe(record.total);
            break;
        case Outcome::revalidated:
        case Outcome::bypass:
        case Outcome::error:
            if (record.status != 101) other_latency.observe(record.total);  // what followed took as long as it took
            break;
        case Outcome::local: break;  // scrapes and health checks would pass for fast requests
    }
}

}  // namespace proxy::observe
