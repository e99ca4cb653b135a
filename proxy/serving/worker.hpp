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
#include "proxy/observe/notices.hpp"
#include "proxy/observe/worker_metrics.hpp"
#include "proxy/serving/client_addresses.hpp"
#include "proxy/serving/client_connection.hpp"
#include "proxy/serving/transfers.hpp"
#include "proxy/store/leases.hpp"
#include "proxy/store/memory_store.hpp"
#include "proxy/store/purge_log.hpp"
#include "proxy/store/redis_feed.hpp"
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
    std::shared_ptr<const Config> config;  // at the start
    BufferBudget& buffers;
    ClientAddresses& clients;
    upstream::PoolStatsTable& pool_stats;
    store::MemoryStore& memory;
    Transfers& transfers;
    store::LeaseEvents& lease_events;
    store::Purges& purges;
    store::PurgeLog* purge_log;                                                // null: no Redis is configured
    std::function<std::optional<LocalResponse>(std::string_view path)> local;  // called for those of config().local
    std::function<void(const observe::ExchangeRecord&)> access_log;            // empty: none
    std::function<void(LogLevel, std::string_view)> log;
};

struct Snapshot;
using SnapshotPtr = std::shared_ptr<const Snapshot>;

// Lives as long as its snapshot.
struct Route {
    const RouteConfig* config;
    upstream::ConnectionPool* pool;
    std::weak_ptr<const Snapshot> snapshot;
};

// The configuration as one worker has it, until it is loaded anew. Who refers to a part of it across a co_await holds
// it.
struct Snapshot {
    std::shared_ptr<const Config> config;
    std::vector<std::shared_ptr<upstream::ConnectionPool>> pools;  // of config->upstreams
    std::vector<Route> routes;                                     // of config->routes
};

class Worker {
 public:
    Worker(const Node& node, unsigned index, unsigned workers);
    ~Worker();

    // Listens with SO_REUSEPORT, so that the kernel shares out the connections. Throws boost::system::system_error.
    // Returns the port that was bound.
    std::uint16_t listen(const Endpoint& endpoint);

    // Before run(), on the first worker: follows the purge log as far as it goes, so that from the first request on
    // what Redis holds can be used. Returns without where Redis is unavailable, or after its connect_deadline.
    void catch_up();

    void run();       // on the worker's thread, until stopped and the last task has ended
    void leave();     // any thread: answers end their connections from now on
    void stop();      // any thread: no new connections, idle ones are closed, the others end within drain_deadline
    void stop_now();  // any thread: everything ends at once, and the worker is good for nothing but the process's end

    // Any thread. From a moment later on requests are served by `config`; those that have begun go on by the one
    // before. Calls `done` on the worker's; never where the worker has ended.
    void reload(std::shared_ptr<const Config> config, std::function<void()> done);

    // Any thread, once, when all other workers have ended: until then the first one follows for them what other nodes
    // have to say.
    void others_have_ended();

    // Any thread. Calls `done` on the worker's; never where the worker has ended.
    void purge_for_admin(store::Purge purge, std::function<void(Result<std::uint64_t>)> done);

    [[nodiscard]] const observe::WorkerMetrics& metrics() const noexcept { return metrics_; }
    [[nodiscard]] const store::RedisStats* redis_stats() const noexcept;
    [[nodiscard]] const store::RedisStoreStats* redis_store_stats() const noexcept;
    [[nodiscard]] const store::LeaseStats* lease_stats() const noexcept;

    // What follows is for the worker's own coroutines.

    [[nodiscard]] const Node& node() const noexcept { return node_; }
    [[nodiscard]] const SnapshotPtr& snapshot() const noexcept { return snapshot_; }
    [[nodiscard]] const Config& config() const noexcept { return *snapshot_->config; }
    [[nodiscard]] observe::WorkerMetrics& own_metrics() noexcept { return metrics_; }
    [[nodiscard]] store::RedisStore* redis() noexcept { return redis_store_.get(); }  // null: none configured
    [[nodiscard]] store::Leases* leases() noexcept { return leases_.get(); }          // null: no Redis
    [[nodiscard]] const Route& route_for(const rules::RequestHeader& request) const;
    [[nodiscard]] Time now() const { return std::chrono::floor<seconds>(std::chrono::system_clock::now()); }
    [[nodiscard]] bool leaving() const noexcept { return leaving_; }    // no connection is to go on
    [[nodiscard]] bool stopping() const noexcept { return stopping_; }  // nothing new is to begin
    [[nodiscard]] std::string new_request_id();
    [[nodiscard]] double random() { return std::uniform_real_distribution<>()(random_); }  // in [0, 1)

    [[nodiscard]] bool is_local(std::string_view target) const noexcept;  // a path published by config.local
    [[nodiscard]] std::string& key_buffer() noexcept { return key_; }     // for one look-up, not across a co_await
    void record(const observe::ExchangeRecord& record);                   // once per request, when it is over

    // Runs beside the others; counted, so that run() returns only after it. An exception ends the task and is logged.
    void spawn(Awaitable<void> task);

    // Publishes to memory at once, and to Redis behind the client's back. False, and nothing is kept, where it was
    // purged since `mark`, which was taken before the origin was asked.
    bool publish(std::string primary_key, const store::StoredPtr& response, seconds keep, store::Mark mark);

    // An operator's: on this node when it returns, on the others as they read the log. The answer is the position in
    // the log, 0 without Redis; an error where there is no effect.
    Awaitable<Result<std::uint64_t>> purge(store::Purge purge, observe::PurgeSource source);

    // `mark`, for a response that is validated rather than fetched anew: what this node has yet to read of the purge
    // log does not count as older, though it may have appended something behind it itself.
    [[nodiscard]] store::Mark mark_to_validate(store::Mark mark) const noexcept;

    // By an origin's answer: the same, but it never fails. Whoever cannot tell the others now does so later.
    Awaitable<void> invalidate(std::vector<std::string> primary_keys);

    // Of what is published already. Whether it is there now; a failure is counted, the response lives on in memory.
    Awaitable<bool> put_in_redis(std::string primary_key, store::StoredPtr response, seconds keep, store::Mark mark);

    // Into memory what may still be used there: not where it was purged since `mark`, softly too: it could replace what
    // was asked for after that. False where it was.
    bool remember(const std::string& primary_key, const store::StoredPtr& response, seconds keep, store::Mark mark);

    [[nodiscard]] Executor executor() noexcept { return io_.get_executor(); }
    [[nodiscard]] Deadlines& deadlines() noexcept { return deadlines_; }
    [[nodiscard]] std::size_t max_object_size() const noexcept;  // the largest content that any tier stores

 private:
    Awaitable<void> accept_clients(Acceptor& acceptor);
    void admit(Socket socket);
    void turn_away(Socket socket, const Refusal& refusal);
    Awaitable<void> answer_turned_away(Socket socket, Refusal refusal);
    Awaitable<void> serve(Socket socket, std::optional<ClientAddresses::Place> place);
    bool close_oldest_idle();
    [[nodiscard]] ClientSurroundings surroundings();
    [[nodiscard]] SnapshotPtr snapshot_of(std::shared_ptr<const Config> config);
    Awaitable<void> housekeeping();
    Awaitable<void> put_behind(std::string primary_key, store::StoredPtr response, seconds keep, store::Mark mark);
    Awaitable<void> purge_then(store::Purge purge, std::function<void(Result<std::uint64_t>)> done);
    void begin_drain();
    void task_ended();

    const Node& node_;
    const unsigned index_, workers_;
    asio::io_context io_{1};
    Deadlines deadlines_;
    SnapshotPtr snapshot_;
    LimitsConfig limits_;  // snapshot_'s; connections refer to this one, since it stays where it is
    observe::WorkerMetrics metrics_;
    std::unique_ptr<store::RedisClient> redis_client_;
    std::unique_ptr<store::RedisStore> redis_store_;
    std::unique_ptr<store::Leases> leases_;
    std::unique_ptr<store::RedisFeed> feed_;  // of the first worker, for all
    std::vector<std::unique_ptr<Acceptor>> acceptors_;
    boost::intrusive::list<ClientConnection, boost::intrusive::constant_time_size<false>> clients_;
    IdleClients idle_clients_;
    Counter turned_away_;  // that are still being told
    std::string default_authority_;
    std::uint64_t id_prefix_;
    observe::Notices notices_{node_.log};
    std::uint64_t next_id_ = 0;
    std::minstd_rand random_{std::random_device{}()};
    std::string key_;
    std::size_t tasks_ = 0;
    bool leaving_ = false;
    bool stopping_ = false;
    bool at_once_ = false;
    bool others_ended_ = false;
    Timer drain_timer_{io_.get_executor()};
    asio::cancellation_signal stop_sweep_, stop_housekeeping_;
};

}  // namespace proxy::serving
