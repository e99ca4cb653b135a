#include "proxy/observe/metrics.hpp"

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>

#include "proxy/observe/access_log.hpp"
#include "proxy/observe/process_stats.hpp"
#include "proxy/store/stream_position.hpp"

namespace proxy::observe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

template <class Stats>
std::uint64_t sum(const std::vector<const Stats*>& parts, Counter Stats::* counter) {
    std::uint64_t total = 0;
    for (const Stats* part : parts) total += (part->*counter).get();
    return total;
}

// The samples of several histograms as one.
ClientMetric::Histogram merge(const std::vector<const Histogram*>& parts) {
    ClientMetric::Histogram merged;
    for (std::size_t i = 0; i <= Histogram::bounds.size(); ++i) {
        for (const Histogram* part : parts) merged.sample_count += part->bucket(i);
        const bool last = i == Histogram::bounds.size();
        merged.bucket.push_back(
            {merged.sample_count, last ? std::numeric_limits<double>::infinity() : Histogram::bounds[i]});
    }
    for (const Histogram* part : parts) merged.sample_sum += part->sum_seconds();
    return merged;
}

template <class Stats>
std::vector<const Histogram*> each(const std::vector<const Stats*>& parts, Histogram Stats::* histogram) {
    std::vector<const Histogram*> histograms;
    for (const Stats* part : parts) histograms.push_back(&(part->*histogram));
    return histograms;
}

// One family of an exposition, with a function for each kind of sample.
class Family {
 public:
    Family(std::vector<MetricFamily>& families, std::size_t index) : families_(families), index_(index) {}

    template <class Number>
    void counter(Number value, Labels labels = {}) const {
        add(std::move(labels)).counter.value = static_cast<double>(value);
    }
    template <class Number>
    void gauge(Number value, Labels labels = {}) const {
        add(std::move(labels)).gauge.value = static_cast<double>(value);
    }
    void histogram(ClientMetric::Histogram value, Labels labels = {}) const {
        add(std::move(labels)).histogram = std::move(value);
    }

 private:
    ClientMetric& add(Labels labels) const {
        ClientMetric& metric = families_[index_].metric.emplace_back();
        metric.label = std::move(labels);
        return metric;
    }

    std::vector<MetricFamily>& families_;
    std::size_t index_;
};

class Exposition {
 public:
    Family counter(const char* name, const char* help) { return add(name, help, MetricType::Counter); }
    Family gauge(const char* name, const char* help) { return add(name, help, MetricType::Gauge); }
    Family histogram(const char* name, const char* help) { return add(name, help, MetricType::Histogram); }

    std::vector<MetricFamily> families;

 private:
    Family add(const char* name, const char* help, MetricType type) {
        families.push_back({name, help, type, {}});
        return {families, families.size() - 1};
    }
};

std::uint64_t requests_with(const std::vector<const WorkerMetrics*>& workers, Outcome outcome, std::size_t status) {
    std::uint64_t total = 0;
    for (const WorkerMetrics* worker : workers)
        total += worker->requests[static_cast<std::size_t>(outcome)][status].get();
    return total;
}

std::uint64_t requests_with(const std::vector<const WorkerMetrics*>& workers, Outcome outcome) {
    std::uint64_t total = 0;
    for (std::size_t status = 0; status < WorkerMetrics::status_classes; ++status)
        total += requests_with(workers, outcome, status);
    return total;
}

void expose_requests(Exposition& out, const std::vector<const WorkerMetrics*>& workers) {
    out.counter("cache_hits_total",
                "Requests answered with stored or shared content: weir_requests_total of hit, stale, revalidated.")
        .counter(requests_with(workers, Outcome::hit) + requests_with(workers, Outcome::stale) +
                 requests_with(workers, Outcome::revalidated));
    out.counter("cache_misses_total", "Requests that could have been hits but were answered by the origin.")
        .counter(sum(workers, &WorkerMetrics::misses));

    const auto hits = each(workers, &WorkerMetrics::hit_latency);
    const auto misses = each(workers, &WorkerMetrics::miss_latency);
    const auto others = each(workers, &WorkerMetrics::other_latency);
    std::vector<const Histogram*> all = hits;
    all.insert(all.end(), misses.begin(), misses.end());
    all.insert(all.end(), others.begin(), others.end());
    out.histogram("request_latency_seconds",
                  "Request header complete to last byte written, for all requests but those for local endpoints.")
        .histogram(merge(all));
    const Family duration =
        out.histogram("weir_request_duration_seconds",
                      "request_latency_seconds by result. hit: answered from the cache, fresh or "
                      "stale; miss: by the origin; other: collapsed, revalidated, bypass and error.");
    duration.histogram(merge(hits), {{"result", "hit"}});
    duration.histogram(merge(misses), {{"result", "miss"}});
    duration.histogram(merge(others), {{"result", "other"}});

    constexpr const char* status_names[WorkerMetrics::status_classes] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    const Family requests = out.counter("weir_requests_total", "Client requests by what became of them.");
    for (std::size_t outcome = 0; outcome < outcome_count; ++outcome)
        for (std::size_t status = 0; status < WorkerMetrics::status_classes; ++status)
            requests.counter(
                requests_with(workers, static_cast<Outcome>(outcome), status),
                {{"result", std::string(to_string(static_cast<Outcome>(outcome)))}, {"status", status_names[status]}});
}

void expose_reasons(Exposition& out, const std::vector<const WorkerMetrics*>& workers) {
    const Family forwarded = out.counter("weir_forwarded_total", "Requests forwarded to an origin, by why.");
    for (std::size_t reason = 0; reason < rules::forward_reason_count; ++reason) {
        std::uint64_t total = 0;
        for (const WorkerMetrics* worker : workers) total += worker->forwarded[reason].get();
        forwarded.counter(total, {{"reason", std::string(to_string(static_cast<rules::ForwardReason>(reason)))}});
    }
    const Family uncacheable = out.counter("weir_uncacheable_total", "Origin responses that were not stored, by why.");
    for (std::size_t reason = 0; reason < rules::uncacheable_count; ++reason) {
        std::uint64_t total = 0;
        for (const WorkerMetrics* worker : workers) total += worker->uncacheable[reason].get();
        uncacheable.counter(total, {{"reason", std::string(to_string(static_cast<rules::Uncacheable>(reason)))}});
    }
    out.counter("weir_stored_total", "Origin responses stored.").counter(sum(workers, &WorkerMetrics::stored));
}

void expose_transfers(Exposition& out, const Sources& sources) {
    const TransferStats stats = sources.transfers ? sources.transfers() : TransferStats{};
    out.counter("weir_collapsed_total", "Requests answered by another one's request to the origin.")
        .counter(sum(sources.workers, &WorkerMetrics::collapsed));
    out.gauge("weir_transfers", "Responses on their way that further requests may wait for.").gauge(stats.in_flight);
    out.gauge("weir_transfer_readers", "Requests that wait for another one's response, or are answered by it.")
        .gauge(sum(sources.workers, &WorkerMetrics::followers));
    out.gauge("weir_transfer_bytes", "Content on its way into the store: collapse.max_bytes limits it.")
        .gauge(stats.bytes);
    out.gauge("weir_hit_for_miss_marks", "Resources whose answers nobody waits for: collapse.max_marks limits them.")
        .gauge(stats.marks);
    out.gauge("weir_background_fetches", "Fetches that no client waits for: collapse.max_background limits them.")
        .gauge(sum(sources.workers, &WorkerMetrics::background_fetches));
    out.counter("weir_background_fetches_total", "Fetches that no client waited for.")
        .counter(sum(sources.workers, &WorkerMetrics::background_fetches_total));
    out.counter("weir_background_fetches_refused_total", "Such fetches that were left to later.")
        .counter(sum(sources.workers, &WorkerMetrics::background_fetches_refused));
}

void expose_resumptions(Exposition& out, const std::vector<const WorkerMetrics*>& workers) {
    const Family family =
        out.counter("weir_redis_resumptions_total",
                    "Responses whose content Redis lost on the way: completed by the origin, or not.");
    constexpr std::array<const char*, 2> outcomes{"completed", "broken_off"};
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        std::uint64_t total = 0;
        for (const WorkerMetrics* worker : workers) total += worker->resumptions[i].get();
        family.counter(total, {{"outcome", outcomes[i]}});
    }
}

void expose_clients(Exposition& out, const std::vector<const WorkerMetrics*>& workers) {
    out.gauge("weir_connections", "Client connections that are open.")
        .gauge(sum(workers, &WorkerMetrics::connections_open));
    out.counter("weir_connections_total", "Client connections accepted.")
        .counter(sum(workers, &WorkerMetrics::connections_total));
    out.counter("weir_connections_refused_total", "Client connections answered 429 or 503, or closed, at once.")
        .counter(sum(workers, &WorkerMetrics::connections_refused));
    out.counter("weir_idle_connections_closed_total", "Client connections closed while idle, to make room for others.")
        .counter(sum(workers, &WorkerMetrics::idle_connections_closed));
    const Family limits =
        out.counter("weir_limits_reached_total",
                    "Clients that came up against a limit, by its setting under `limits`. descriptors: the system's.");
    for (std::size_t limit = 0; limit < limit_names.size(); ++limit) {
        std::uint64_t total = 0;
        for (const WorkerMetrics* worker : workers) total += worker->limits[limit].get();
        limits.counter(total, {{"limit", std::string(limit_names[limit])}});
    }
    out.gauge("weir_tunnels", "Client connections that another protocol, such as WebSocket, has taken over.")
        .gauge(sum(workers, &WorkerMetrics::tunnels));
    out.counter("weir_tunnels_total", "Client connections that another protocol took over.")
        .counter(sum(workers, &WorkerMetrics::tunnels_total));
    out.counter("weir_malformed_requests_total", "Requests that are not HTTP, or too large to be read.")
        .counter(sum(workers, &WorkerMetrics::malformed_requests));
    out.counter("weir_sent_bytes_total", "Bytes sent to clients, header sections included.")
        .counter(sum(workers, &WorkerMetrics::bytes_sent));
}

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

void expose_upstreams(Exposition& out, const Sources& sources) {
    using upstream::PoolStats;
    std::map<std::string_view, std::vector<const PoolStats*>> upstreams;
    const auto all = sources.pools ? sources.pools() : std::vector<std::pair<std::string, const PoolStats*>>();
    for (const auto& [name, pool] : all) upstreams[name].push_back(pool);

    const Family requests =
        out.counter("weir_upstream_requests_total",
                    "Exchanges with the origin by how they ended. refused: the queue was full, or the buffers.");
    for (const auto& [name, pools] : upstreams) {
        const std::pair<const char*, Counter PoolStats::*> outcomes[] = {{"ok", &PoolStats::ok},
                                                                         {"error", &PoolStats::errors},
                                                                         {"timeout", &PoolStats::timeouts},
                                                                         {"refused", &PoolStats::refused}};
        for (const auto& [outcome, counter] : outcomes)
            requests.counter(sum(pools, counter), {{"upstream", std::string(name)}, {"outcome", outcome}});
    }

    const auto counter = [&](const char* name, const char* help, Counter PoolStats::* member) {
        const Family family = out.counter(name, help);
        for (const auto& [upstream, pools] : upstreams)
            family.counter(sum(pools, member), {{"upstream", std::string(upstream)}});
    };
    counter("weir_upstream_retries_total", "Requests sent again: their connection had died while idle.",
            &PoolStats::retries);
    counter("weir_upstream_connects_total", "Connections to the origin opened.", &PoolStats::connects);
    counter("weir_upstream_reused_total", "Exchanges on a connection that was open already.", &PoolStats::reused);

    const Family duration = out.histogram("weir_upstream_duration_seconds",
                                          "Request sent to the origin until its response header was complete.");
    const Family connections = out.gauge("weir_upstream_connections", "Connections to the origin. open: all of them.");
    const Family queued = out.gauge("weir_upstream_queued", "Requests that wait for a connection to the origin.");
    for (const auto& [upstream, pools] : upstreams) {
        const std::string name(upstream);
        duration.histogram(merge(each(pools, &PoolStats::first_byte)), {{"upstream", name}});
        connections.gauge(sum(pools, &PoolStats::connections), {{"upstream", name}, {"state", "open"}});
        connections.gauge(sum(pools, &PoolStats::idle), {{"upstream", name}, {"state", "idle"}});
        queued.gauge(sum(pools, &PoolStats::queued), {{"upstream", name}});
    }
}

void expose_config(Exposition& out, const RunningConfig* config) {
    const RunningConfig::Stats stats =
        config ? config->stats() : RunningConfig::Stats{.last_successful = false, .last_success = {}};
    const Family reloads = out.counter("weir_config_reloads_total", "Times the configuration was to be loaded anew.");
    reloads.counter(stats.succeeded, {{"outcome", "ok"}});
    reloads.counter(stats.failed, {{"outcome", "error"}});
    out.gauge("weir_config_last_reload_successful", "1 unless the configuration could not be loaded the last time.")
        .gauge(stats.last_successful ? 1 : 0);
    const std::chrono::duration<double> loaded = stats.last_success.time_since_epoch();
    out.gauge("weir_config_last_reload_success_timestamp_seconds", "When the configuration in force was loaded.")
        .gauge(loaded.count());
    out.gauge("weir_config_hash",
              "Of the configuration in force without its secrets: nodes with the same have the same.")
        .gauge(stats.hash);
}

void expose_process(Exposition& out, const AccessLog* access_log) {
    out.counter("weir_access_log_dropped_total", "Access log lines lost: the queue or the disk was full.")
        .counter(access_log ? access_log->dropped() : 0);
    out.gauge("weir_build_info", "Always 1; the labels say what is running.").gauge(1, {{"version", WEIR_VERSION}});

    const ProcessStats process = process_stats();
    out.gauge("process_resident_memory_bytes", "Resident memory size in bytes.").gauge(process.resident_bytes);
    out.gauge("process_open_fds", "Number of open file descriptors.").gauge(process.open_fds);
    out.gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.")
        .gauge(process.start_time);
    out.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")
        .counter(process.cpu_seconds);
}

}  // namespace

struct Metrics::Impl final : prometheus::Collectable {
    explicit Impl(Sources from) : sources(std::move(from)) {}

    std::vector<MetricFamily> Collect() const override {
        Exposition out;
        expose_requests(out, sources.workers);
        expose_reasons(out, sources.workers);
        expose_transfers(out, sources);
        expose_resumptions(out, sources.workers);
        expose_clients(out, sources.workers);
        expose_memory(out, sources);
        expose_redis(out, sources);
        expose_leases(out, sources);
        expose_purges(out, sources);
        expose_upstreams(out, sources);
        expose_config(out, sources.config);
        expose_process(out, sources.access_log);
        return std::move(out.families);
    }

    const Sources sources;
};

Metrics::Metrics(Sources sources) : impl_(std::make_unique<Impl>(std::move(sources))) {}

Metrics::~Metrics() = default;

std::string Metrics::expose() const { return prometheus::TextSerializer().Serialize(impl_->Collect()); }

}  // namespace proxy::observe
