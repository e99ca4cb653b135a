// Invariant: everything spawned here refers to the worker, and the worker outlives it: run() returns only when tasks_
// is 0 and the sweeps have ended. Nothing is stopped by io_context::stop().

#include "proxy/serving/worker.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>

#include "proxy/rules/uri.hpp"
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

Worker::Worker(const Node& node, unsigned index, unsigned workers) : node_(node) {
    std::random_device random;
    id_prefix_ = (std::uint64_t{random()} << 32) ^ random();
    const Config& config = node.config;
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
        redis_client_ = std::make_unique<store::RedisClient>(io_.get_executor(), *config.redis, std::move(observer));
        redis_store_ = std::make_unique<store::RedisStore>(*redis_client_, *config.redis);
        leases_ = std::make_unique<store::Leases>(*redis_client_, *config.redis,
                                                  [this](Awaitable<void> task) { spawn(std::move(task)); });
    }
    for (const UpstreamConfig& upstream : config.upstreams)
        pools_.emplace_back(upstream.name, std::make_unique<upstream::ConnectionPool>(
                                               io_.get_executor(), deadlines_, upstream, config.limits, workers));
    for (const RouteConfig& route : config.routes)
        for (const auto& [name, pool] : pools_)
            if (name == route.upstream) routes_.push_back({&route, pool.get()});
}

Worker::~Worker() = default;

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

std::vector<std::pair<std::string, const upstream::PoolStats*>> Worker::pool_stats() const {
    std::vector<std::pair<std::string, const upstream::PoolStats*>> stats;
    for (const auto& [name, pool] : pools_) stats.emplace_back(name, &pool->stats());
    return stats;
}

// By the path in its normal form, whatever of it the route forwards: none is reached around another one.
const Route& Worker::route_for(const rules::RequestHeader& request) const {
    if (routes_.size() == 1) return routes_.front();  // the last one is for everything
    std::string_view host = rules::host_of(request.authority);
    if (host.ends_with('.')) host.remove_suffix(1);  // the same name, written absolutely. RFC 1034 §3.1
    std::string buffer;
    const std::string_view path = rules::normalised_path(request.target.substr(0, request.target.find('?')), buffer);
    for (const Route& route : routes_) {
        const RouteConfig& config = *route.config;
        if (!path.starts_with(config.path_prefix) && !(path == "*" && config.path_prefix == "/")) continue;
        if (config.host.empty() || rules::iequals(config.host, host)) return route;
    }
    return routes_.back();
}

bool Worker::is_local(std::string_view target) const noexcept {
    const std::string_view path = target.substr(0, target.find('?'));
    return std::find(config().local.begin(), config().local.end(), path) != config().local.end();
}

void Worker::record(const observe::ExchangeRecord& record) {
    metrics_.record(record);
    if (node_.access_log) node_.access_log(record);
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
    for (const auto& [name, pool] : pools_) pool->close_idle(Clock::time_point::max());
    stop_sweep_.emit(asio::cancellation_type::terminal);
    stop_housekeeping_.emit(asio::cancellation_type::terminal);
}

void Worker::stop() {
    asio::post(io_, [this] { begin_drain(); });
}

void Worker::stop_now() {
    asio::post(io_, [this] {
        begin_drain();
        deadlines_.expire_all();
    });
}

void Worker::begin_drain() {
    if (std::exchange(stopping_, true)) return;
    boost::system::error_code ignored;
    for (const auto& acceptor : acceptors_) acceptor->close(ignored);
    for (ClientConnection& client : clients_)
        if (client.is_idle()) client.close();
    drain_timer_.expires_after(config().drain_deadline);
    drain_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec) deadlines_.expire_all();
    });
    ++tasks_;  // so that a worker without any task ends, too
    task_ended();
}

Awaitable<void> Worker::accept_clients(Acceptor& acceptor) {
    Timer pause(io_.get_executor());
    while (!stopping_) {
        Socket socket(io_.get_executor());
        const auto [ec] = co_await acceptor.async_accept(socket, as_result);
        if (ec == asio::error::operation_aborted || stopping_) co_return;
        if (ec) {  // out of descriptors, or the client is gone: others may still be served
            if (ec != asio::error::connection_aborted) {
                node_.log(LogLevel::warning, "cannot accept a connection: " + ec.message());
                pause.expires_after(std::chrono::milliseconds(100));
                co_await pause.async_wait(as_result);
            }
            continue;
        }
        const std::size_t share =
            std::max<std::size_t>(1, config().limits.max_connections / std::max(1u, config().workers));
        if (metrics_.connections_open.get() >= share) {
            metrics_.connections_refused.add();
            continue;
        }
        spawn(serve(std::move(socket)));
    }
}

Awaitable<void> Worker::serve(Socket socket) {
    ClientConnection client(std::move(socket), deadlines_, config().limits, default_authority_);
    clients_.push_back(client);
    metrics_.connections_total.add();
    const CountedWhile open(metrics_.connections_open);
    co_await serve_connection(*this, client);
}

Awaitable<void> Worker::housekeeping() {
    Timer timer(io_.get_executor());
    for (;;) {
        timer.expires_after(seconds(1));
        co_await timer.async_wait(use_awaitable);
        for (const auto& [name, pool] : pools_) pool->close_idle(Clock::now() - pool->config().idle_timeout);
    }
}

bool Worker::remember(const std::string& primary_key, const store::StoredPtr& response, seconds keep,
                      std::uint64_t invalidations) {
    const auto is_invalid = [&] { return node_.invalidations.count(primary_key) != invalidations; };
    if (is_invalid()) return false;
    node_.memory.put(primary_key, response, now(), keep);
    if (is_invalid()) node_.memory.remove(primary_key);  // which may have come before the put
    return !is_invalid();
}

bool Worker::publish(std::string primary_key, const store::StoredPtr& response, seconds keep,
                     std::uint64_t invalidations) {
    if (!remember(primary_key, response, keep, invalidations)) return false;
    if (redis_store_) spawn(put_in_redis(std::move(primary_key), response, keep, invalidations));
    return true;
}

Awaitable<void> Worker::put_in_redis(std::string primary_key, store::StoredPtr response, seconds keep,
                                     std::uint64_t invalidations) {
    if (pending_puts_ + response->body->size > config().redis->max_pending_bytes) {
        metrics_.puts_refused.add();
        co_return;
    }
    struct Pending {
        std::size_t& total;
        std::size_t size;
        ~Pending() { total -= size; }
    } pending{pending_puts_, static_cast<std::size_t>(response->body->size)};
    pending_puts_ += pending.size;
    if (node_.invalidations.count(primary_key) != invalidations) co_return;
    co_await redis_store_->put(primary_key, response, keep);
    if (node_.invalidations.count(primary_key) == invalidations) co_return;
    std::vector<std::string> keys{std::move(primary_key)};  // it was put behind the removal, and may have been found
    co_await invalidate(std::move(keys));
}

Awaitable<void> Worker::invalidate(std::vector<std::string> primary_keys) {
    for (const std::string& key : primary_keys) {
        node_.invalidations.add(key);
        node_.transfers.forget(key);
        node_.memory.remove(key);
    }
    if (!redis_store_) co_return;
    for (const std::string& key : primary_keys) co_await redis_store_->remove(key);
    // A look-up may have brought them back from there, and counted before that.
    for (const std::string& key : primary_keys) {
        node_.invalidations.add(key);
        node_.memory.remove(key);
    }
}

}  // namespace proxy::serving
