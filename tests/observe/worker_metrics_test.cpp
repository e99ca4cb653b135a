#include "proxy/observe/worker_metrics.hpp"

#include <doctest/doctest.h>

using namespace proxy;
using namespace proxy::observe;
using namespace std::chrono_literals;

namespace {

std::uint64_t count_of(const Histogram& histogram) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= Histogram::bounds.size(); ++i) count += histogram.bucket(i);
    return count;
}

}  // namespace

TEST_CASE("record: outcome, status class, tier and latency") {
    struct Expected {
        std::uint64_t memory_hits, redis_hits, misses, hit_latency, miss_latency, other_latency;
    };
    struct Row {
        const char* name;
        ExchangeRecord record;
        std::size_t status_class;
        Expected expected;
    };
    const Row rows[] = {
        {"a hit in memory", {.outcome = Outcome::hit, .tier = Tier::memory, .status = 200}, 2, {1, 0, 0, 1, 0, 0}},
        {"a hit in Redis", {.outcome = Outcome::hit, .tier = Tier::redis, .status = 304}, 3, {0, 1, 0, 1, 0, 0}},
        {"stale is as fast as a hit",
         {.outcome = Outcome::stale, .tier = Tier::redis, .status = 200},
         2,
         {0, 1, 0, 1, 0, 0}},
        {"revalidated waited for the origin",
         {.outcome = Outcome::revalidated, .tier = Tier::memory, .status = 200},
         2,
         {1, 0, 0, 0, 0, 1}},
        {"a miss", {.outcome = Outcome::miss, .status = 404}, 4, {0, 0, 1, 0, 1, 0}},
        {"a miss that replaced a stored response",
         {.outcome = Outcome::miss, .tier = Tier::redis, .status = 200},
         2,
         {0, 0, 1, 0, 1, 0}},
        {"bypass", {.outcome = Outcome::bypass, .status = 201}, 2, {0, 0, 0, 0, 0, 1}},
        {"a local endpoint has no latency", {.outcome = Outcome::local, .status = 200}, 2, {0, 0, 0, 0, 0, 0}},
        {"an error", {.outcome = Outcome::error, .status = 502}, 5, {0, 0, 0, 0, 0, 1}},
        {"no answer was sent", {.outcome = Outcome::error}, 0, {0, 0, 0, 0, 0, 1}},
        {"a status out of range", {.outcome = Outcome::bypass, .status = 999}, 5, {0, 0, 0, 0, 0, 1}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        WorkerMetrics metrics;
        metrics.record(row.record);

        std::uint64_t requests = 0;
        for (const auto& statuses : metrics.requests)
            for (const Counter& counter : statuses) requests += counter.get();
        CHECK(requests == 1);
        CHECK(metrics.requests[static_cast<std::size_t>(row.record.outcome)][row.status_class].get() == 1);
        CHECK(metrics.memory_hits.get() == row.expected.memory_hits);
        CHECK(metrics.redis_hits.get() == row.expected.redis_hits);
        CHECK(metrics.misses.get() == row.expected.misses);
        CHECK(count_of(metrics.hit_latency) == row.expected.hit_latency);
        CHECK(count_of(metrics.miss_latency) == row.expected.miss_latency);
        CHECK(count_of(metrics.other_latency) == row.expected.other_latency);
    }
}

TEST_CASE("record: what else a record says") {
    WorkerMetrics metrics;
    metrics.record({.outcome = Outcome::miss,
                    .forwarded = rules::ForwardReason::uri_miss,
                    .forward_status = 200,
                    .stored = true,
                    .status = 200,
                    .bytes_sent = 300,
                    .total = 30ms});
    metrics.record({.outcome = Outcome::miss,
                    .forwarded = rules::ForwardReason::stale,
                    .uncacheable = rules::Uncacheable::no_store,
                    .status = 200,
                    .bytes_sent = 12});

    CHECK(metrics.bytes_sent.get() == 312);
    CHECK(metrics.stored.get() == 1);
    CHECK(metrics.forwarded[static_cast<std::size_t>(rules::ForwardReason::uri_miss)].get() == 1);
    CHECK(metrics.forwarded[static_cast<std::size_t>(rules::ForwardReason::stale)].get() == 1);
    CHECK(metrics.forwarded[static_cast<std::size_t>(rules::ForwardReason::method)].get() == 0);
    CHECK(metrics.uncacheable[static_cast<std::size_t>(rules::Uncacheable::no_store)].get() == 1);
    CHECK(metrics.uncacheable[static_cast<std::size_t>(rules::Uncacheable::method)].get() == 0);
    CHECK(metrics.miss_latency.sum_seconds() == doctest::Approx(0.03));
}
