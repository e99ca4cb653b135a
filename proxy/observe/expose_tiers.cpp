// The two tiers, and what the nodes agree on through Redis.
#include <algorithm>

#include "proxy/observe/exposition.hpp"
#include "proxy/store/stream_position.hpp"

namespace proxy::observe {
namespace {

void expose_memory(Exposition& out, const Sources& sources) {
    out.gauge("weir_buffer_bytes", "Bytes of buffers of all connections, and of content on its way.")
        .gauge(sources.buffers ? sources.buffers->used() : 0);
    out.gauge("weir_buffer_budget_bytes", "Beyond so many, requests that need more are refused: limits.max_buffers.")
        .gauge(sources.buffers ? sources.buffers->limit() : 0);
    const Family hits = out.counter("weir_tier_hits_total", "cache_hits_total by the tier that had the response.");
    hits.counter(sum(sources.workers, &WorkerMetrics::memory_hits), {{"tier", "memory"}});
    hits.counter(sum(sources.workers, &WorkerMetrics::redis_hits), {{"tier", "redis"}});

    const store::MemoryStats memory = sources.memory ? sources.memory->stats() : store::MemoryStats{};
    out.gauge("weir_memory_bytes", "Bytes the memory tier holds, overhead included.").gauge(memory.bytes);
    out.gauge("weir_memory_budget_bytes", "Bytes the memory tier may hold.").gauge(sources.memory_budget);
    out.gauge("weir_memory_objects", "Responses the memory tier holds.").gauge(memory.objects);
    out.counter("weir_memory_evictions_total", "Responses that left the memory tier to make room.")
        .counter(memory.evictions);
    out.counter("weir_memory_variants_dropped_total",
                "Variants that left the memory tier because one resource had too many: memory.max_variants.")
        .counter(memory.variants_dropped);
}

void expose_redis(Exposition& out, const Sources& sources) {
    using store::RedisStats;
    const auto& redis = sources.redis;
    const Family commands =
        out.counter("weir_redis_commands_total",
                    "Redis commands by how they ended. refused: never sent; weir_redis_refused_total says why.");
    commands.counter(sum(redis, &RedisStats::ok), {{"outcome", "ok"}});
    commands.counter(sum(redis, &RedisStats::errors), {{"outcome", "error"}});
    commands.counter(sum(redis, &RedisStats::timeouts), {{"outcome", "timeout"}});
    const auto sum_of = [&](auto member, std::size_t index) {
        std::uint64_t total = 0;
        for (const RedisStats* connection : redis) total += (connection->*member)[index].get();
        return total;
    };
    std::uint64_t refused = 0;
    for (const RedisStats* connection : redis) refused += connection->all_refused();
    commands.counter(refused, {{"outcome", "refused"}});
    const Family refusals = out.counter("weir_redis_refused_total",
                                        "Redis commands that were never sent, by why. breaker: Redis is left alone for "
                                        "a while; queue: redis.max_queue; unsent: redis.max_unsent.");
    for (std::size_t i = 0; i < store::refusal_names.size(); ++i)
        refusals.counter(sum_of(&RedisStats::refused, i), {{"reason", std::string(store::refusal_names[i])}});
    const Family errors =
        out.counter("weir_redis_error_replies_total", "Redis commands answered with an error, by kind.");
    for (std::size_t i = 0; i < store::redis_error_names.size(); ++i)
        errors.counter(sum_of(&RedisStats::error_replies, i), {{"kind", std::string(store::redis_error_names[i])}});
    out.histogram("weir_redis_command_duration_seconds", "Redis commands that were answered, sent to answered.")
        .histogram(merge(each(redis, &RedisStats::latency)));

    std::uint64_t connected = 0;
    for (const RedisStats* connection : redis) connected += connection->connected ? 1 : 0;
    out.gauge("weir_redis_connected", "Connections to Redis that are usable; one a worker.").gauge(connected);
    out.gauge("weir_redis_commands_in_flight", "Redis commands that wait for their answer.")
        .gauge(sum(redis, &RedisStats::in_flight));
    out.gauge("weir_redis_unsent_bytes",
              "Bytes of commands that Redis has not taken yet: redis.max_unsent limits them.")
        .gauge(sum(redis, &RedisStats::unsent));
    out.gauge("weir_redis_pending_put_bytes", "Content on its way to Redis: redis.max_pending_bytes limits it.")
        .gauge(sum(sources.workers, &WorkerMetrics::pending_put_bytes));
    out.counter("weir_redis_puts_refused_total", "Responses kept from Redis: too much was on its way there.")
        .counter(sum(sources.workers, &WorkerMetrics::puts_refused));
    const Family breaker = out.gauge("weir_redis_breaker_state", "Workers whose breaker is in this state.");
    const Family transitions =
        out.counter("weir_redis_breaker_transitions_total", "Changes of breakers, to this state.");
    for (std::size_t i = 0; i < store::breaker_state_names.size(); ++i) {
        const auto in_state = std::ranges::count_if(
            redis, [&](const RedisStats* one) { return one->breaker == static_cast<store::BreakerState>(i); });
        const std::string name(store::breaker_state_names[i]);
        breaker.gauge(in_state, {{"state", name}});
        transitions.counter(sum_of(&RedisStats::transitions, i), {{"state", name}});
    }
    out.counter("weir_redis_reconnects_total", "Connections to Redis opened anew.")
        .counter(sum(redis, &RedisStats::reconnects));
    out.counter("weir_redis_bad_records_total", "Records from Redis that did not decode or bore another key: misses.")
        .counter(sum(sources.redis_store, &store::RedisStoreStats::bad_records));
    out.counter("weir_redis_lost_content_total",
                "Responses in Redis of whose content a part was gone: misses, or answers cut short.")
        .counter(sum(sources.redis_store, &store::RedisStoreStats::lost_content));
    out.counter("weir_redis_variants_dropped_total",
                "Variants that left Redis because one resource had too many: redis.max_variants.")
        .counter(sum(sources.redis_store, &store::RedisStoreStats::variants_dropped));
}

void expose_leases(Exposition& out, const Sources& sources) {
    using store::LeaseStats;
    const auto& leases = sources.leases;
    const Family asked = out.counter("weir_redis_leases_total",
                                     "Leases asked for, by the answer. held: another node fetches; failed: none.");
    asked.counter(sum(leases, &LeaseStats::acquired), {{"outcome", "acquired"}});
    asked.counter(sum(leases, &LeaseStats::held), {{"outcome", "held"}});
    asked.counter(sum(leases, &LeaseStats::failed), {{"outcome", "failed"}});
    out.counter("weir_redis_leases_lost_total", "Leases that another node took while this one still fetched.")
        .counter(sum(leases, &LeaseStats::lost));

    const store::LeaseEvents::Stats none;
    const store::LeaseEvents::Stats& events = sources.lease_events ? *sources.lease_events : none;
    out.gauge("weir_redis_lease_waiters", "Requests that wait for another node's fetch.").gauge(events.waiting.get());
    const Family ended = out.counter("weir_redis_lease_waits_total",
                                     "Waits for another node's fetch that ended by its word, or were refused: "
                                     "redis.max_lease_waiters.");
    for (std::size_t i = 0; i < store::lease_outcome_count; ++i)
        ended.counter(events.told[i].get(), {{"outcome", std::string(to_string(static_cast<store::LeaseOutcome>(i)))}});
    ended.counter(events.refused.get(), {{"outcome", "refused"}});
}

void expose_purges(Exposition& out, const Sources& sources) {
    constexpr const char* source_names[purge_source_count] = {"admin", "client", "origin"};
    const Family purges = out.counter("weir_purges_total",
                                      "Purges made on this node, by who asked. origin: by the answer to an unsafe "
                                      "request, or one that contradicts what is stored.");
    for (std::size_t source = 0; source < purge_source_count; ++source) {
        std::uint64_t total = 0;
        for (const WorkerMetrics* worker : sources.workers) total += worker->purges[source].get();
        purges.counter(total, {{"source", source_names[source]}});
    }
    out.gauge("weir_purge_entries", "Purged things that are remembered.")
        .gauge(sources.purges ? sources.purges->entries() : 0);

    static const store::PurgeLogStats none;
    const store::PurgeLogStats& log = sources.purge_log ? sources.purge_log->stats() : none;
    const auto in_seconds = [](std::uint64_t position) {
        return static_cast<double>(store::milliseconds_of(position)) / 1e3;
    };
    const std::uint64_t applied = log.applied.load();
    const std::uint64_t newest = std::max(applied, log.newest.load());
    out.gauge("weir_purge_log_connected", "1 where the purge log is followed, and what Redis holds can be used.")
        .gauge(sources.purge_log && sources.purges && sources.purges->is_current() ? 1 : 0);
    out.gauge("weir_purge_log_position",
              "The last entry of the purge log that was applied: the seconds since 1970 of its id.")
        .gauge(in_seconds(applied));
    out.gauge("weir_purge_log_lag_seconds",
              "How much older the last entry applied is than the newest one this node knows to be in the log.")
        .gauge(in_seconds(newest) - in_seconds(applied));
    out.counter("weir_purge_log_applied_total", "Entries of the purge log applied since this node had caught up.")
        .counter(log.records.get());
    out.counter("weir_purge_log_not_understood_total",
                "Entries of the purge log that are damaged or of a later version: each purged everything.")
        .counter(log.not_understood.get());
    out.counter("weir_purge_log_gaps_total",
                "Times that entries of the purge log were gone before this node had read them: each purged all that "
                "was stored before.")
        .counter(log.gaps.get());
    out.histogram("weir_purge_propagation_seconds",
                  "From an entry of the purge log appended to applied here. It compares the clocks of two machines: "
                  "for observation only.")
        .histogram(merge({&log.propagation}));
    out.gauge("weir_purge_pending", "Purges by origins that wait for Redis, to be told to the other nodes.")
        .gauge(log.pending.load());
    out.counter("weir_purge_pending_overflows_total",
                "Times that more than purge.max_pending of them waited, and became one purge of everything.")
        .counter(log.overflows.load());
}

}  // namespace

void expose_tiers(Exposition& out, const Sources& sources) {
    expose_memory(out, sources);
    expose_redis(out, sources);
    expose_leases(out, sources);
    expose_purges(out, sources);
}

}  // namespace proxy::observe
