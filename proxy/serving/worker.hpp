#pragma once
// One thread's share of the node: everything that runs on its io_context.

#include <boost/intrusive/list.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "proxy/async/deadlines.hpp"
#include "proxy/config/config.hpp"
#include "proxy/observe/worker_metrics.hpp"
#include "proxy/serving/client_connection.hpp"
#include "proxy/serving/invalidations.hpp"
#include "proxy/serving/transfers.hpp"
#include "proxy/store/leases.hpp"
#include "proxy/store/memory_store.hpp"
#include "proxy/store/redis_store.hpp"
#include "proxy/upstream/connection_pool.hpp"

namespace proxy::serving {

using rules::Time;

// An answer of the node about itself, on the traffic listener.
struct LocalResponse {
    unsigned status = 200;
    std::string content_type;
    std::string body;
};

// What the workers of a node share. All of it outlives them, and is safe to use from any thread.
struct Node {
    const Config& config;
    store::MemoryStore& memory;
    Invalidations& invalidations;
    Transfers& transfers;
    store::LeaseEvents& lease_events;
    std::function<std::optional<LocalResponse>(std::string_view path)> local;  // called for config.local only
    std::function<void(const observe::ExchangeRecord&)> access_log;            // empty: none
    std::function<void(LogLevel, std::string_view)> log;
};

struct Route {
    const RouteConfig* config;
    upstream::ConnectionPool* pool;
};

class Worker {
 public:
    Worker(const Node& node, unsigned index, unsigned workers);
    ~Worker();

    // Listens with SO_REUSEPORT, so that the kernel shares out the connections. Throws boost::system::system_error.
    // Returns the port that was bound.
    std::uint16_t listen(const Endpoint& endpoint);

    void run();       // on the worker's thread, until stopped and the last task has ended
    void stop();      // any thread: no new connections, idle ones are closed, the others end within drain_deadline
    void stop_now();  // any thread: everything ends at once

    [[nodiscard]] const observe::WorkerMetrics& metrics() const noexcept { return metrics_; }
    [[nodiscard]] const store::RedisStats* redis_stats() const noexcept;
    [[nodiscard]] const store::RedisStoreStats* redis_store_stats() const noexcept;
    [[nodiscard]] const store::LeaseStats* lease_stats() const noexcept;
    [[nodiscard]] std::vector<std::pair<std::string, const upstream::PoolStats*>> pool_stats() const;

    // What follows is for the worker's own coroutines.

    [[nodiscard]] const Node& node() const noexcept { return node_; }
    [[nodiscard]] const Config& config() const noexcept { return node_.config; }
    [[nodiscard]] observe::WorkerMetrics& own_metrics() noexcept { return metrics_; }
    [[nodiscard]] store::RedisStore* redis() noexcept { return redis_store_.get(); }  // null: none configured
    [[nodiscard]] store::Leases* leases() noexcept { return leases_.get(); }          // null: no Redis
    [[nodiscard]] const Route& route_for(const rules::RequestHeader& request) const;
    [[nodiscard]] Time now() const { return std::chrono::floor<seconds>(std::chrono::system_clock::now()); }
    [[nodiscard]] bool stopping() const noexcept { return stopping_; }
    [[nodiscard]] std::string new_request_id();
    [[nodiscard]] double random() { return std::uniform_real_distribution<>()(random_); }  // in [0, 1)

    [[nodiscard]] bool is_local(std::string_view target) const noexcept;  // a path published by config.local
    [[nodiscard]] std::string& key_buffer() noexcept { return key_; }     // for one look-up, not across a co_await
    void record(const observe::ExchangeRecord& record);                   // once per request, when it is over

    // Runs beside the others; counted, so that run() returns only after it. An exception ends the task and is logged.
    void spawn(Awaitable<void> task);

    // Publishes to memory at once, and to Redis behind the client's back. False, and nothing is kept, where the key was
    // invalidated since `invalidations` were counted for it.
    bool publish(std::string primary_key, const store::StoredPtr& response, seconds keep, std::uint64_t invalidations);

    // Into memory what was found in Redis, unless the key was invalidated meanwhile.
    bool remember(const std::string& primary_key, const store::StoredPtr& response, seconds keep,
                  std::uint64_t invalidations);

    // Removes them from memory at once, and from Redis before it returns, unless Redis is unavailable.
    Awaitable<void> invalidate(std::vector<std::string> primary_keys);

    // Of what is published already; a failure is counted, the response lives on in memory.
    Awaitable<void> put_in_redis(std::string primary_key, store::StoredPtr response, seconds keep,
                                 std::uint64_t invalidations);

    [[nodiscard]] Executor executor() noexcept { return io_.get_executor(); }
    [[nodiscard]] Deadlines& deadlines() noexcept { return deadlines_; }
    [[nodiscard]] std::size_t max_object_size() const noexcept;  // the largest content that any tier stores

 private:
    Awaitable<void> accept_clients(Acceptor& acceptor);
    Awaitable<void> serve(Socket socket);
    Awaitable<void> housekeeping();
    void begin_drain();
    void task_ended();

    const Node& node_;
    asio::io_context io_{1};
    Deadlines deadlines_;
    observe::WorkerMetrics metrics_;
    std::unique_ptr<store::RedisClient> redis_client_;
    std::unique_ptr<store::RedisStore> redis_store_;
    std::unique_ptr<store::Leases> leases_;
    std::vector<std::pair<std::string, std::unique_ptr<upstream::ConnectionPool>>> pools_;
    std::vector<Route> routes_;
    std::vector<std::unique_ptr<Acceptor>> acceptors_;
    boost::intrusive::list<ClientConnection, boost::intrusive::constant_time_size<false>> clients_;
    std::string default_authority_;
    std::uint64_t id_prefix_;
    std::uint64_t next_id_ = 0;
    std::minstd_rand random_{std::random_device{}()};
    std::string key_;
    std::size_t tasks_ = 0;
    bool stopping_ = false;
    Timer drain_timer_{io_.get_executor()};
    asio::cancellation_signal stop_sweep_, stop_housekeeping_;
};

}  // namespace proxy::serving
