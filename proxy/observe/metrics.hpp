#pragma once
// All numbers of the node in Prometheus' text format. Nothing is shared with the hit path: the workers' plain counters
// are summed when scraped. Times are in seconds, sizes in bytes, by Prometheus' conventions.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/async/buffer_budget.hpp"
#include "proxy/config/running_config.hpp"
#include "proxy/observe/worker_metrics.hpp"
#include "proxy/store/leases.hpp"
#include "proxy/store/memory_store.hpp"
#include "proxy/store/purge_log.hpp"
#include "proxy/store/redis_store.hpp"
#include "proxy/upstream/pool_stats.hpp"

namespace proxy::observe {

class AccessLog;

// Of the responses that are on their way.
struct TransferStats {
    std::size_t in_flight = 0;
    std::size_t marks = 0;  // hit-for-miss
    std::uint64_t bytes = 0;
};

// What is read at each scrape; all of it outlives Metrics. Null or empty where the node has no such part.
struct Sources {
    std::vector<const WorkerMetrics*> workers;
    const store::MemoryStore* memory = nullptr;
    std::size_t memory_budget = 0;
    const BufferBudget* buffers = nullptr;
    std::vector<const store::RedisStats*> redis;             // one a worker
    std::vector<const store::RedisStoreStats*> redis_store;  // one a worker
    std::vector<const store::LeaseStats*> leases;            // one a worker
    const store::LeaseEvents::Stats* lease_events = nullptr;
    const store::Purges* purges = nullptr;
    const store::PurgeLog* purge_log = nullptr;
    std::function<std::vector<std::pair<std::string, const upstream::PoolStats*>>()> pools;  // as PoolStatsTable::all
    const RunningConfig* config = nullptr;
    const AccessLog* access_log = nullptr;
    std::function<TransferStats()> transfers;
};

class Metrics {
 public:
    explicit Metrics(Sources sources);
    ~Metrics();

    // Any thread. The body of /metrics, content type "text/plain; version=0.0.4; charset=utf-8".
    [[nodiscard]] std::string expose() const;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace proxy::observe
