#pragma once
// The purge log: a Redis Stream, one entry a purge, that every node appends to and follows.
//
// The log may be lost as anything in Redis may: evicted, expired, flushed, trimmed by others, cut short by a fail-over.
// Then stored responses are lost with it, never purges:
//   - Where there is no log, whoever needs it makes it, beginning with an entry `begin`. It purges everything, and its
//     position is above all positions that node knows of.
//   - A node that finds the first entry of the log behind what it has read has missed some: all that was stored before
//     that first entry counts as purged. So does a new node, which has read nothing.
//   - A node that no longer finds the entry it has read last, though earlier ones are there, or finds only lower
//     positions than it knows, is shown another history: it begins the log anew.
// While a node does not follow the log, it goes on with what it has in memory, and asks Redis for nothing
// (Purges::is_current).

#include <atomic>
#include <deque>
#include <mutex>
#include <string>

#include "proxy/config/config.hpp"
#include "proxy/store/purges.hpp"
#include "proxy/store/redis_feed.hpp"

namespace proxy::store {

struct PurgeLogStats {
    std::atomic<std::uint64_t> applied{0};    // position of the last entry read and applied
    std::atomic<std::uint64_t> newest{0};     // the last position known to be in the log
    Counter records;                          // entries applied, but for those from before this node's start
    Counter not_understood;                   // entries taken as a purge of everything
    Counter gaps;                             // times that entries were missed, or the log was lost
    Histogram propagation;                    // appended to applied here, by two clocks
    std::atomic<std::uint64_t> pending{0};    // purges that wait to be appended
    std::atomic<std::uint64_t> overflows{0};  // times that more waited than max_pending
};

class PurgeLog final : public StreamReader {
 public:
    // All outlive it.
    PurgeLog(Purges& purges, const PurgeConfig& config, const RedisConfig& redis);

    [[nodiscard]] const std::string& stream() const noexcept { return stream_; }
    [[nodiscard]] const PurgeLogStats& stats() const noexcept { return stats_; }

    // Any worker, by a client of its own. Appends the purge, one command whatever its size, and applies it here. The
    // answer is its position. After an error it is not applied here; it may have been appended where the error is a
    // late answer.
    Awaitable<Result<std::uint64_t>> append(RedisClient& client, const Purge& purge);

    // The same for what must not fail: where Redis is unavailable it is applied here at once, and appended when Redis
    // is back. More than max_pending of those become one purge of everything.
    Awaitable<void> append_or_keep(RedisClient& client, Purge purge);

    // Any thread. Whether the log was caught up with, or Redis found unavailable, since the start.
    [[nodiscard]] bool is_settled() const noexcept { return settled_.load(); }

    Awaitable<Result<std::uint64_t>> begin(RedisClient& client) override;
    void take(StreamEntry entry) override;
    Awaitable<Result<std::uint64_t>> after_read(RedisClient& client, std::uint64_t read) override;
    void lost() override;

 private:
    struct Bounds {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        bool has_before = false;  // the entry at read_before_
    };

    enum class Log { as_it_is, anew };
    Awaitable<Result<std::uint64_t>> run_script(RedisClient& client, const std::vector<std::string>& fields, Log log);
    Awaitable<Result<Bounds>> bounds(RedisClient& client);
    Awaitable<Result<void>> append_pending(RedisClient& client);
    Awaitable<void> keep_alive(RedisClient& client);
    void keep(Purge purge);
    void miss_before(std::uint64_t position);

    Purges& purges_;
    const PurgeConfig& config_;
    const std::string stream_;
    PurgeLogStats stats_;
    std::atomic<bool> settled_{false};
    bool caught_up_ = false;         // once; then entries are of this node's time
    std::uint64_t read_before_ = 0;  // an entry that was there when the last read began; 0: none yet
    std::chrono::steady_clock::time_point kept_alive_{};

    std::mutex mutex_;  // of what follows, and of Purges::set_current
    std::deque<Purge> pending_;
};

}  // namespace proxy::store
