#pragma once
// One worker's share of an upstream's connections: reuse, a limit on concurrent exchanges, a bounded queue before it.

#include <boost/intrusive/list.hpp>
#include <memory>
#include <string>
#include <vector>

#include "proxy/async/buffer_budget.hpp"
#include "proxy/async/deadlines.hpp"
#include "proxy/config/config.hpp"
#include "proxy/error.hpp"
#include "proxy/upstream/content_reader.hpp"
#include "proxy/upstream/pool_stats.hpp"

namespace proxy::upstream {

struct Connection {
    Connection(Executor executor, Deadlines& deadlines, BufferBudget& buffers)
        : socket(executor), deadline(deadlines, socket), share(buffers) {}

    Socket socket;
    Deadline deadline;
    std::vector<char> head_buffer;  // a response's header section, and what came in the same read
    ContentBuffer content;          // the rest
    BufferShare share;              // of both
    void count_buffers() noexcept { share.hold(head_buffer.capacity() + content.bytes.capacity()); }

    bool reused = false;  // has carried an exchange before
    Clock::time_point idle_since;
};

// Of what an origin answers; more is upstream_malformed.
struct ResponseLimits {
    std::size_t header_size;    // bytes of a header section
    std::size_t header_fields;  // field lines of one, and of a trailer section
    friend bool operator==(const ResponseLimits&, const ResponseLimits&) = default;
};

// On the worker's thread. Lives as long as any of its connections.
class ConnectionPool : public std::enable_shared_from_this<ConnectionPool> {
 public:
    // `workers`: among how many the upstream's limits are shared out. `deadlines`, `buffers` and `stats` outlive the
    // pool; of the configuration it has its own copy.
    ConnectionPool(Executor executor, Deadlines& deadlines, BufferBudget& buffers, PoolStats& stats,
                   const UpstreamConfig& config, const ResponseLimits& limits, unsigned workers);
    ~ConnectionPool();
    ConnectionPool(const ConnectionPool&) = delete;
    ConnectionPool& operator=(const ConnectionPool&) = delete;

    // The right to one exchange, with its connection. Dropping it, by any path, closes the connection and wakes the
    // next that waits; give_back() keeps it open for reuse.
    class Lease {
     public:
        Lease(Lease&& other) noexcept : pool_(std::move(other.pool_)), connection_(std::move(other.connection_)) {}
        Lease& operator=(Lease&&) = delete;
        ~Lease();
        Connection* operator->() const noexcept { return connection_.get(); }
        void give_back();

     private:
        friend class ConnectionPool;
        explicit Lease(std::shared_ptr<ConnectionPool> pool) : pool_(std::move(pool)) {}
        std::shared_ptr<ConnectionPool> pool_;
        std::unique_ptr<Connection> connection_;
    };

    // An idle connection that is still open, or a new one to the first server that accepts, beginning with another each
    // time. `only_new`: not an idle one. Errors: upstream_overloaded, upstream_unreachable, deadline_exceeded,
    // no_buffers.
    Awaitable<Result<Lease>> acquire(bool only_new);

    void close_idle(Clock::time_point unused_since);  // those idle since before then
    void retire();                                    // keeps no idle connections from now on

    [[nodiscard]] const UpstreamConfig& config() const noexcept { return config_; }
    [[nodiscard]] const ResponseLimits& limits() const noexcept { return limits_; }
    [[nodiscard]] PoolStats& stats() noexcept { return stats_; }

 private:
    struct Waiter : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
        explicit Waiter(Executor executor) : timer(executor) {}
        Timer timer;
        bool granted = false;
    };

    Awaitable<Result<void>> connect(Connection& connection);
    Awaitable<Result<void>> connect_to(Connection& connection, const Endpoint& server);
    void release();

    Executor executor_;
    Deadlines& deadlines_;
    BufferBudget& buffers_;
    PoolStats& stats_;
    const UpstreamConfig config_;
    const ResponseLimits limits_;
    const std::size_t limit_;
    bool retired_ = false;
    std::size_t in_use_ = 0;
    std::size_t queued_ = 0;  // here; stats_ is of the pools before, too
    std::size_t next_server_ = 0;
    std::vector<std::unique_ptr<Connection>> idle_;  // the most recently used last
    boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>> waiting_;
};

}  // namespace proxy::upstream
