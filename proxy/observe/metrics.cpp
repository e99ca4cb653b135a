#include "proxy/observe/metrics.hpp"

#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <string_view>

#include "proxy/observe/access_log.hpp"
#include "proxy/observe/exposition.hpp"
#include "proxy/observe/process_stats.hpp"

namespace proxy::observe {
namespace {

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
        expose_requests(out, sources);
        expose_tiers(out, sources);
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
