// Invariant: everything spawned here refers to the worker, and the worker outlives it: run() returns only when tasks_
// is 0 and the sweeps have ended. Only where all is to end at once is the io_context stopped before: the process then
// ends without destroying the worker.

#include "proxy/serving/worker.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>

#include "proxy/config/route_match.hpp"
#include "proxy/serving/serve_connection.hpp"

namespace proxy::serving {
namespace {

using asio::ip::tcp;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

tcp::endpoint resolve(asio::io_context& io, const Endpoint& endpoint) {
    boost::system::error_code ec;
    const auto address = asio::ip::make_address(endpoint.host, ec);
    if (!ec) return {address, endpoint.port};
    return tcp::resolver(io)
        .resolve(endpoint.host, std::to_string(endpoint.port), tcp::resolver::passive)
        .begin()
        ->endpoint();
}

}  // namespace

Worker::Worker(const Node& node, unsigned index, unsigned workers) : node_(node), index_(index), workers_(workers) {
    std::random_device random;
    id_prefix_ = (std::uint64_t{random()} << 32) ^ random();
    snapshot_ = snapshot_of(node.config);
    limits_ = node.config->limits;
    const Config& config = *node.config;
    default_authority_ = config.listen.front().host + ':' + std::to_string(config.listen.front().port);
    if (config.redis) {
        // Each worker has its own connection; the first speaks for all, so that the log has one line an event.
        store::ConnectionObserver observer;
        if (index == 0)
            observer = [this](bool connected, std::string_view why) {
                node_.log(connected ? LogLevel::info : LogLevel::warning,
                          (connected ? "redis is connected: " : "redis is not available, going on without it: ") +
                              std::string(why));
            };
        store::Breaker::Observer breaker_observer;
        if (index == 0)
            breaker_observer = [this](store::BreakerState now, std::string_view why) {
                const auto name = store::breaker_state_names[static_cast<std::size_t>(now)];
                node_.log(now == store::BreakerState::open ? LogLevel::warning : LogLevel::info,
                          "redis breaker is " + std::string(name) + ": " + std::string(why));
            };
        redis_client_ = std::make_unique<store::RedisClient>(io_.get_executor(), *config.redis, std::move(observer),
                                                             std::move(breaker_observer));
        redis_store_ = std::make_unique<store::RedisStore>(*redis_client_, *config.redis, node.purges);
        leases_ = std::make_unique<store::Leases>(*redis_client_, *config.redis,
                                                  [this](Awaitable<void> task) { spawn(std::move(task)); });
    }
    if (index == 0 && node.purge_log) {
        feed_ = std::make_unique<store::RedisFeed>(io_.get_executor(), *config.redis);
        feed_->follow(node.purge_log->stream(), *node.purge_log);
        feed_->follow(store::lease_stream(*config.redis),
                      [&events = node.lease_events](const store::StreamEntry& entry) {
                          events.apply(entry.field("lease"), entry.field("outcome"));
                      });
    }
}

Worker::~Worker() = default;

// A pool whose upstream stays as it is goes on, with its connections.
SnapshotPtr Worker::snapshot_of(std::shared_ptr<const Config> config) {
    auto snapshot = std::make_shared<Snapshot>();
    const upstream::ResponseLimits limits{.header_size = config->limits.max_response_header_size,
                                          .header_fields = config->limits.max_response_header_fields};
    for (const UpstreamConfig& upstream : config->upstreams) {
        std::shared_ptr<upstream::ConnectionPool> pool;
        if (snapshot_)
            for (const auto& known : snapshot_->pools)
                if (known->config() == upstream && known->limits() == limits) pool = known;
        if (!pool)
            pool = std::make_shared<upstream::ConnectionPool>(io_.get_executor(), deadlines_, node_.buffers,
                                                              node_.pool_stats.of(upstream.name, index_), upstream,
                                                              limits, workers_);
        snapshot->pools.push_back(std::move(pool));
    }
    for (const RouteConfig& route : config->routes)
        for (const auto& pool : snapshot->pools)
            if (pool->config().name == route.upstream) snapshot->routes.push_back({&route, pool.get(), snapshot});
    snapshot->config = std::move(config);
    return snapshot;
}

void Worker::reload(std::shared_ptr<const Config> config, std::function<void()> done) {
    asio::post(io_, [this, config = std::move(config), done = std::move(done)]() mutable {
        const SnapshotPtr before = std::exchange(snapshot_, snapshot_of(std::move(config)));
        limits_ = snapshot_->config->limits;
        for (const auto& pool : before->pools)  // what is under way there may take long
            if (std::ranges::find(snapshot_->pools, pool) == snapshot_->pools.end()) pool->retire();
        done();
    });
}

std::uint16_t Worker::listen(const Endpoint& endpoint) try {
    const tcp::endpoint address = resolve(io_, endpoint);
    auto acceptor = std::make_unique<Acceptor>(io_.get_executor(), address.protocol());
    acceptor->set_option(asio::socket_base::reuse_address(true));
    acceptor->set_option(ReusePort(true));
    acceptor->bind(address);
    acceptor->listen(asio::socket_base::max_listen_connections);
    acceptors_.push_back(std::move(acceptor));
    return acceptors_.back()->local_endpoint().port();
} catch (const boost::system::system_error& e) {
    throw std::runtime_error("cannot listen on " + endpoint.host + ':' + std::to_string(endpoint.port) + ": " +
                             e.code().message());
}

const store::RedisStats* Worker::redis_stats() const noexcept {
    return redis_client_ ? &redis_client_->stats() : nullptr;
}

const store::RedisStoreStats* Worker::redis_store_stats() const noexcept {
    return redis_store_ ? &redis_store_->stats() : nullptr;
}

const store::LeaseStats* Worker::lease_stats() const noexcept { return leases_ ? &leases_->stats() : nullptr; }

const Route& Worker::route_for(const rules::RequestHeader& request) const {
    return snapshot_->routes[proxy::route_for(config().routes, request.authority, request.target)];
}

bool Worker::is_local(std::string_view target) const noexcept {
    const std::string_view path = target.substr(0, target.find('?'));
    return std::find(config().local.begin(), config().local.end(), path) != config().local.end();
}

void Worker::record(const observe::ExchangeRecord& record) {
    metrics_.record(record);
    if (node_.access_log) node_.access_log(record);
    if (observe::Notices::concerns(record)) notices_.take(record, Clock::now());
}

std::size_t Worker::max_object_size() const noexcept {
    const std::size_t in_memory = std::min(config().memory.max_object_size, config().memory.budget);
    return std::max(in_memory, config().redis ? config().redis->max_object_size : std::size_t{0});
}

std::string Worker::new_request_id() {
    static constexpr char digits[] = "0123456789abcdef";
    std::string id(32, '0');
    std::uint64_t high = id_prefix_;
    std::uint64_t low = ++next_id_;
    for (std::size_t i = 16; i-- > 0; high >>= 4, low >>= 4) {
        id[i] = digits[high & 15];
        id[16 + i] = digits[low & 15];
    }
    return id;
}

void Worker::catch_up() {
    if (!feed_) return;
    asio::co_spawn(io_, feed_->run(), [](const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
    });
    const auto deadline = Clock::now() + config().redis->connect_deadline;
    while (!node_.purge_log->is_settled() && Clock::now() < deadline) io_.run_one_until(deadline);
}

void Worker::run() {
    const auto until = [](asio::cancellation_signal& signal) {
        return asio::bind_cancellation_slot(signal.slot(), asio::detached);
    };
    asio::co_spawn(io_, deadlines_.sweep(), until(stop_sweep_));
    asio::co_spawn(io_, housekeeping(), until(stop_housekeeping_));
    if (redis_client_) redis_client_->start();
    for (const auto& acceptor : acceptors_) spawn(accept_clients(*acceptor));
    io_.run();
}

void Worker::spawn(Awaitable<void> task) {
    ++tasks_;
    asio::co_spawn(io_, std::move(task), [this](std::exception_ptr failure) {
        if (failure) {
            try {
                std::rethrow_exception(failure);
            } catch (const std::exception& e) {
                node_.log(LogLevel::error, std::string("a task ended by an exception: ") + e.what());
            }
        }
        task_ended();
    });
}

void Worker::task_ended() {
    if (--tasks_ > 0 || !stopping_) return;
    drain_timer_.cancel();
    if (redis_client_) redis_client_->stop();
    for (const auto& pool : snapshot_->pools) pool->close_idle(Clock::time_point::max());
    stop_sweep_.emit(asio::cancellation_type::terminal);
    stop_housekeeping_.emit(asio::cancellation_type::terminal);
    if (feed_ && others_ended_) feed_->stop();
    if (at_once_) io_.stop();  // without what cannot be broken off: a name being looked up
}

void Worker::others_have_ended() {
    asio::post(io_, [this] {
        others_ended_ = true;
        if (feed_ && stopping_ && tasks_ == 0) feed_->stop();
    });
}

void Worker::leave() {
    asio::post(io_, [this] { leaving_ = true; });
}

void Worker::stop() {
    asio::post(io_, [this] { begin_drain(); });
}

void Worker::stop_now() {
    asio::post(io_, [this] {
        at_once_ = true;
        begin_drain();
        deadlines_.expire_all();
        if (tasks_ == 0) io_.stop();
    });
}

Awaitable<void> Worker::housekeeping() {
    Timer timer(io_.get_executor());
    for (;;) {
        timer.expires_after(seconds(1));
        co_await timer.async_wait(use_awaitable);
        for (const auto& pool : snapshot_->pools) pool->close_idle(Clock::now() - pool->config().idle_timeout);
    }
}

store::Mark Worker::mark_to_validate(store::Mark mark) const noexcept {
    if (node_.purge_log) mark.position = std::min(mark.position, node_.purge_log->stats().applied.load());
    return mark;
}

bool Worker::remember(const std::string& primary_key, const store::StoredPtr& response, seconds keep,
                      store::Mark mark) {
    if (node_.purges.since_sequence(mark.sequence, *response).any()) return false;
    node_.memory.put(primary_key, response, now(), keep, mark);  // where a purge comes now, look-ups see it
    return true;
}

bool Worker::publish(std::string primary_key, const store::StoredPtr& response, seconds keep, store::Mark mark) {
    if (!remember(primary_key, response, keep, mark)) return false;
    if (redis_store_) spawn(put_behind(std::move(primary_key), response, keep, mark));
    return true;
}

Awaitable<void> Worker::put_behind(std::string primary_key, store::StoredPtr response, seconds keep, store::Mark mark) {
    co_await put_in_redis(std::move(primary_key), std::move(response), keep, mark);
}

Awaitable<bool> Worker::put_in_redis(std::string primary_key, store::StoredPtr response, seconds keep,
                                     store::Mark mark) {
    Counter& pending = metrics_.pending_put_bytes;
    if (pending.get() + response->content_size() > config().redis->max_pending_bytes) {
        metrics_.puts_refused.add();
        co_return false;
    }
    if (response->content_size() > config().redis->max_object_size) co_return false;
    struct Pending {
        Counter& total;
        std::uint64_t size;
        ~Pending() { total.subtract(size); }
    } counted{pending, response->content_size()};
    pending.add(counted.size);
    // A failure is counted by the client; the response lives on in memory.
    const Result<void> stored = co_await redis_store_->put(primary_key, response, keep, mark);
    co_return stored.has_value();
}

Awaitable<Result<std::uint64_t>> Worker::purge(store::Purge purge, observe::PurgeSource source) {
    if (node_.purge_log) {
        const Result<std::uint64_t> position = co_await node_.purge_log->append(*redis_client_, purge);
        if (!position) co_return position.error();
        metrics_.purges[static_cast<std::size_t>(source)].add();
        co_return *position;
    }
    node_.purges.apply(purge, 0, now());
    metrics_.purges[static_cast<std::size_t>(source)].add();
    co_return std::uint64_t{0};
}

void Worker::purge_for_admin(store::Purge purge, std::function<void(Result<std::uint64_t>)> done) {
    asio::post(io_, [this, purge = std::move(purge), done = std::move(done)]() mutable {
        spawn(purge_then(std::move(purge), std::move(done)));
    });
}

Awaitable<void> Worker::purge_then(store::Purge purge, std::function<void(Result<std::uint64_t>)> done) {
    const Result<std::uint64_t> position = co_await this->purge(std::move(purge), observe::PurgeSource::admin);
    done(position);
}

Awaitable<void> Worker::invalidate(std::vector<std::string> primary_keys) {
    store::Purge purge;
    for (std::string& key : primary_keys) {
        key.resize(std::min(key.find(' '), key.size()));
        purge.urls.push_back(std::move(key));
    }
    metrics_.purges[static_cast<std::size_t>(observe::PurgeSource::origin)].add();
    if (node_.purge_log)
        co_await node_.purge_log->append_or_keep(*redis_client_, std::move(purge));
    else
        node_.purges.apply(purge, 0, now());
}

}  // namespace proxy::serving
