// What becomes of requests, and the connections they come by.
#include "proxy/observe/exposition.hpp"

namespace proxy::observe {
namespace {

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

void expose_outcomes(Exposition& out, const std::vector<const WorkerMetrics*>& workers) {
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

}  // namespace

void expose_requests(Exposition& out, const Sources& sources) {
    expose_outcomes(out, sources.workers);
    expose_reasons(out, sources.workers);
    expose_transfers(out, sources);
    expose_resumptions(out, sources.workers);
    expose_clients(out, sources.workers);
}

}  // namespace proxy::observe
