#include "proxy/upstream/connection_pool.hpp"

#include <sys/socket.h>

#include <boost/asio/ip/address.hpp>
#include <optional>

namespace proxy::upstream {
namespace {

// Open, and nothing to read: a byte here would belong to no request of ours.
bool is_quiet(Socket& socket) {
    char byte;
    const auto n = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// The system's resolver cannot be interrupted: who waits for it goes on at the deadline, and its late answer finds
// this.
struct Resolution : std::enable_shared_from_this<Resolution> {
    Resolution(Executor executor, milliseconds limit) : resolver(executor), done(executor, limit) {}

    void start(const Endpoint& server) {
        resolver.async_resolve(server.host, std::to_string(server.port),
                               [self = shared_from_this()](auto ec, auto found) {
                                   self->error = ec;
                                   for (const auto& entry : found) self->endpoints.push_back(entry.endpoint());
                                   self->done.cancel();
                               });
    }

    Resolver resolver;
    Timer done;
    std::optional<boost::system::error_code> error;  // empty: no answer yet
    std::vector<asio::ip::tcp::endpoint> endpoints;
};

}  // namespace

ConnectionPool::ConnectionPool(Executor executor, Deadlines& deadlines, BufferBudget& buffers, PoolStats& stats,
                               const UpstreamConfig& config, const ResponseLimits& limits, unsigned workers)
    : executor_(executor),
      deadlines_(deadlines),
      buffers_(buffers),
      stats_(stats),
      config_(config),
      limits_(limits),
      limit_(std::max<std::size_t>(1, (config.max_connections + workers - 1) / workers)) {}

ConnectionPool::~ConnectionPool() { close_idle(Clock::time_point::max()); }

ConnectionPool::Lease::~Lease() {
    if (!pool_) return;
    if (connection_) pool_->stats_.connections.subtract();
    pool_->release();
}

void ConnectionPool::Lease::give_back() {
    const bool is_full = pool_->idle_.size() >= pool_->config_.max_idle_connections;
    if (is_full || pool_->retired_ || !pool_->buffers_.has_room()) return;  // the destructor closes it
    connection_->deadline.clear();
    connection_->reused = true;
    connection_->idle_since = Clock::now();
    pool_->idle_.push_back(std::move(connection_));
    pool_->stats_.idle.add();
}

void ConnectionPool::release() {
    if (waiting_.empty()) {
        --in_use_;
        return;
    }
    Waiter& next = waiting_.front();
    waiting_.pop_front();
    next.granted = true;  // the right passes on: in_use_ stays
    next.timer.cancel();
}

Awaitable<Result<ConnectionPool::Lease>> ConnectionPool::acquire(bool only_new) {
    if (!buffers_.has_room()) close_idle(Clock::time_point::max());
    if (!buffers_.has_room()) co_return Errc::no_buffers;
    if (in_use_ >= limit_) {
        if (queued_ >= config_.max_queue) co_return Errc::upstream_overloaded;
        Waiter waiter(executor_);
        waiting_.push_back(waiter);
        waiter.timer.expires_after(config_.first_byte_deadline);
        ++queued_;
        stats_.queued.add();
        co_await waiter.timer.async_wait(as_result);
        --queued_;
        stats_.queued.subtract();
        if (!waiter.granted) co_return Errc::deadline_exceeded;
    } else {
        ++in_use_;
    }
    Lease lease(shared_from_this());
    if (deadlines_.all_expired()) co_return Errc::cancelled;
    while (!only_new && !idle_.empty()) {
        lease.connection_ = std::move(idle_.back());
        idle_.pop_back();
        stats_.idle.subtract();
        if (is_quiet(lease->socket)) {
            stats_.reused.add();
            co_return std::move(lease);
        }
        lease.connection_.reset();
        stats_.connections.subtract();
    }
    lease.connection_ = std::make_unique<Connection>(executor_, deadlines_, buffers_);
    stats_.connections.add();
    const Result<void> connected = co_await connect(*lease.connection_);
    if (connected.has_error()) co_return connected.error();
    stats_.connects.add();
    co_return std::move(lease);
}

Awaitable<Result<void>> ConnectionPool::connect(Connection& connection) {
    const std::size_t first = next_server_++;
    Result<void> result = Errc::upstream_unreachable;
    for (std::size_t i = 0; i < config_.servers.size(); ++i) {
        result = co_await connect_to(connection, config_.servers[(first + i) % config_.servers.size()]);
        if (result.has_value()) co_return result;
        if (deadlines_.all_expired()) co_return Errc::cancelled;
    }
    co_return result;
}

Awaitable<Result<void>> ConnectionPool::connect_to(Connection& connection, const Endpoint& server) {
    using asio::ip::tcp;
    std::vector<tcp::endpoint> endpoints;
    boost::system::error_code ec;
    const asio::ip::address literal = asio::ip::make_address(server.host, ec);
    if (!ec) {
        endpoints.emplace_back(literal, server.port);
    } else {
        const auto resolution = std::make_shared<Resolution>(executor_, config_.connect_deadline);
        resolution->start(server);
        co_await resolution->done.async_wait(as_result);
        if (!resolution->error) {
            resolution->resolver.cancel();  // what has yet to be looked up is not looked up for nobody
            co_return Errc::deadline_exceeded;
        }
        if (*resolution->error) co_return Errc::upstream_unreachable;
        endpoints = resolution->endpoints;
    }
    connection.deadline.set(Clock::now() + config_.connect_deadline);
    for (const tcp::endpoint& endpoint : endpoints) {
        connection.socket.close(ec);
        const auto [error] = co_await connection.socket.async_connect(endpoint, as_result);
        if (connection.deadline.expired()) co_return Errc::deadline_exceeded;
        if (error) continue;
        connection.socket.non_blocking(true, ec);
        connection.socket.set_option(tcp::no_delay(true), ec);
        connection.deadline.clear();
        co_return Result<void>();
    }
    co_return Errc::upstream_unreachable;
}

void ConnectionPool::retire() {
    retired_ = true;
    close_idle(Clock::time_point::max());
}

void ConnectionPool::close_idle(Clock::time_point unused_since) {
    std::erase_if(idle_, [&](const auto& connection) {
        if (connection->idle_since >= unused_since) return false;
        stats_.connections.subtract();
        stats_.idle.subtract();
        return true;
    });
}

}  // namespace proxy::upstream
