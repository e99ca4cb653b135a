#pragma once
// The numbers of one worker's share of an upstream pool; any thread may read them.

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/counters.hpp"
#include "proxy/error.hpp"

namespace proxy::upstream {

struct PoolStats {
    Counter ok, errors, timeouts;       // exchanges by how they ended
    Counter refused;                    // the queue was full, or there was no room for buffers
    Counter retries;                    // on a connection that had died while idle
    Counter connects, reused;           // connections opened; exchanges on one that was open
    Counter connections, idle, queued;  // now
    Histogram first_byte;               // request sent to response header complete

    void count(boost::system::error_code failed) noexcept {
        if (failed == Errc::upstream_overloaded || failed == Errc::no_buffers) {
            refused.add();
        } else {
            (failed == Errc::deadline_exceeded ? timeouts : errors).add();
        }
    }
};

// Those of all upstreams and workers. They outlive the pools: a counter goes on where the configuration is loaded anew.
class PoolStatsTable {
 public:
    // Any thread. The same each time; it stays.
    [[nodiscard]] PoolStats& of(std::string_view upstream, unsigned worker) {
        const std::lock_guard lock(mutex_);
        return stats_[{std::string(upstream), worker}];
    }
    [[nodiscard]] std::vector<std::pair<std::string, const PoolStats*>> all() const {
        const std::lock_guard lock(mutex_);
        std::vector<std::pair<std::string, const PoolStats*>> all;
        for (const auto& [key, stats] : stats_) all.emplace_back(key.first, &stats);
        return all;
    }

 private:
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, unsigned>, PoolStats> stats_;
};

}  // namespace proxy::upstream
