// One coroutine, keep_connected, opens connections one after another, greets, pings while nothing else happens, and
// probes while the breaker is open. Everybody else only sends.
#include "proxy/store/redis_client.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <random>

#include "proxy/store/redis_connection.hpp"

namespace proxy::store {
namespace {

using Clock = std::chrono::steady_clock;
using Purpose = RedisConnection::Purpose;

constexpr std::chrono::seconds ping_interval{1};

}  // namespace

class RedisClient::State final : public RedisConnection::Owner, public std::enable_shared_from_this<State> {
 public:
    State(Executor executor, const RedisConfig& config, ConnectionObserver observer, Breaker::Observer breaker_observer)
        : executor_(executor),
          config_(config),
          observer_(std::move(observer)),
          breaker_observer_(std::move(breaker_observer)),
          breaker_(config.breaker, [this](BreakerState now, std::string_view why) { on_breaker(now, why); }),
          wake_(executor),
          resolver_(executor) {}

    static Awaitable<void> keep_connected(std::shared_ptr<State> self);
    void stop();
    void forget_observers() {
        observer_ = nullptr;
        breaker_observer_ = nullptr;
    }
    [[nodiscard]] Executor executor() const noexcept { return executor_; }

    Awaitable<Result<Replies>> exchange_if_usable(Commands commands);

    RedisStats stats;

 private:
    void on_open() override;
    void on_answer(const Reply& reply, std::chrono::nanoseconds latency) override;
    void on_failure(const std::string& why) override { breaker_.failed(why, Clock::now()); }
    void on_end(const std::string& why) override;
    void on_breaker(BreakerState now, std::string_view why);

    Awaitable<bool> connect();
    Awaitable<bool> open(std::string address);
    Awaitable<bool> greet();
    Awaitable<bool> ping();
    Awaitable<void> watch_connection();
    Awaitable<void> sleep_until(Clock::time_point end);

    [[nodiscard]] std::optional<Refusal> refusal(std::size_t commands) const;
    void drop(const std::string& why);
    void drop_soon(const std::string& why);
    void announce(bool connected, std::string_view why);
    Clock::duration backoff(unsigned failures);

    Executor executor_;
    const RedisConfig config_;
    ConnectionObserver observer_;
    Breaker::Observer breaker_observer_;
    Breaker breaker_;
    std::optional<bool> announced_;
    std::shared_ptr<RedisConnection> connection_;  // null: no connection, nor an attempt at one
    std::string last_error_;
    std::size_t readonly_replies_ = 0;  // on this connection
    bool open_ = false;
    bool stopped_ = false;
    Timer wake_;  // what keep_connected waits for; cancelled when the connection opens or goes, or the breaker opens
    Resolver resolver_;
    std::minstd_rand random_{std::random_device{}()};
};

Awaitable<void> RedisClient::State::keep_connected(std::shared_ptr<State> self) {
    bool before = false;
    for (unsigned failures = 0; !self->stopped_;) {
        const bool connected = co_await self->connect();
        if (self->stopped_) break;
        if (connected) {
            if (std::exchange(before, true)) self->stats.reconnects.add();
            const Clock::time_point since = Clock::now();
            self->announce(true, "connected");
            co_await self->watch_connection();
            if (Clock::now() - since > self->config_.reconnect_max) failures = 0;
        } else {
            self->breaker_.failed(self->last_error_, Clock::now());
            self->announce(false, self->last_error_);
        }
        co_await self->sleep_until(Clock::now() + self->backoff(++failures));
    }
}

void RedisClient::State::stop() {
    stopped_ = true;
    drop("stopped");
    wake_.cancel();
    resolver_.cancel();
}

// To the first of the addresses that works. Resolving is not limited by us: it ends when the system's resolver does.
Awaitable<bool> RedisClient::State::connect() {
    if (!config_.unix_socket.empty()) co_return co_await open({});
    boost::system::error_code not_numeric;
    asio::ip::make_address(config_.host, not_numeric);
    if (!not_numeric) co_return co_await open(config_.host);

    auto [error, found] = co_await resolver_.async_resolve(config_.host, std::to_string(config_.port), as_result);
    last_error_ = "cannot resolve " + config_.host + ": " + error.message();
    if (error) co_return false;
    for (const auto& result : found) {
        if (stopped_) break;
        const bool connected = co_await open(result.endpoint().address().to_string());
        if (connected) co_return true;
    }
    co_return false;
}

Awaitable<bool> RedisClient::State::open(std::string address) {
    open_ = false;
    readonly_replies_ = 0;
    const auto connection =
        std::make_shared<RedisConnection>(executor_, config_.command_budget, stats, static_cast<Owner&>(*this));
    connection_ = connection;
    if (config_.unix_socket.empty())
        connection->connect_tcp(address, config_.port);
    else
        connection->connect_unix(config_.unix_socket);
    if (connection_) co_await sleep_until(Clock::now() + config_.connect_deadline);
    if (connection_ && !open_) drop("no connection within the deadline");
    if (!connection_) co_return false;
    co_return co_await greet();
}

// Proves that somebody answers: a frozen Redis still accepts connections.
Awaitable<bool> RedisClient::State::greet() {
    const std::string database = std::to_string(config_.database);
    Commands commands;
    if (!config_.username.empty())
        commands.push_back({"AUTH", config_.username, config_.password});
    else if (!config_.password.empty())
        commands.push_back({"AUTH", config_.password});
    if (config_.database != 0) commands.push_back({"SELECT", database});
    commands.push_back({"PING"});
    const std::shared_ptr<RedisConnection> connection = connection_;
    const Result<Replies> replies = co_await connection->exchange(commands, Purpose::upkeep);
    if (!replies) {
        drop(replies.error().message());
        co_return false;
    }
    const auto refused = std::ranges::find_if(*replies, is_error);
    if (refused != replies->end()) drop(refused->text);
    co_return connection_ != nullptr;
}

// False where the answer is an error or none; last_error_ says which.
Awaitable<bool> RedisClient::State::ping() {
    const Commands commands{{"PING"}};
    const std::shared_ptr<RedisConnection> connection = connection_;
    const Result<Replies> replies = co_await connection->exchange(commands, Purpose::upkeep);
    if (replies && is_error(replies->front())) last_error_ = replies->front().text;
    co_return replies && !is_error(replies->front());
}

// Until the connection ends.
Awaitable<void> RedisClient::State::watch_connection() {
    while (connection_) {
        if (breaker_.state() != BreakerState::closed) {
            co_await sleep_until(breaker_.probe_due());
            if (!connection_ || Clock::now() < breaker_.probe_due()) continue;
            breaker_.probe();
            const bool well = co_await ping();
            const std::string why = well ? "a ping was answered" : last_error_;
            breaker_.probed(well, why, Clock::now());
            continue;
        }
        const std::uint64_t answered = stats.ok.get();
        co_await sleep_until(Clock::now() + ping_interval);
        const bool idle = connection_ && connection_->unanswered() == 0 && stats.ok.get() == answered;
        if (!idle || breaker_.state() != BreakerState::closed) continue;
        const bool well = co_await ping();
        if (!well) drop(last_error_);
    }
}

Awaitable<void> RedisClient::State::sleep_until(Clock::time_point end) {
    if (stopped_) co_return;
    wake_.expires_at(end);
    co_await wake_.async_wait(as_result);
}

Awaitable<Result<Replies>> RedisClient::State::exchange_if_usable(Commands commands) {
    if (commands.empty()) co_return Replies{};
    if (const std::optional<Refusal> refused = refusal(commands.size())) {
        stats.refused[static_cast<std::size_t>(*refused)].add(commands.size());
        const bool is_full = *refused == Refusal::queue || *refused == Refusal::unsent;
        co_return is_full ? Errc::store_overloaded : Errc::store_unavailable;
    }
    const std::shared_ptr<RedisConnection> connection = connection_;
    co_return co_await connection->exchange(commands, Purpose::command);
}

std::optional<Refusal> RedisClient::State::refusal(std::size_t commands) const {
    if (breaker_.state() != BreakerState::closed) return Refusal::breaker;
    if (!stats.connected) return Refusal::disconnected;
    if (connection_->unanswered() + commands > config_.max_queue) return Refusal::queue;
    if (connection_->unsent() > config_.max_unsent) return Refusal::unsent;
    return std::nullopt;
}

void RedisClient::State::on_open() {
    open_ = true;
    wake_.cancel();
}

// A replica reads well and writes nothing: its name may lead to the new master by now.
void RedisClient::State::on_answer(const Reply& reply, std::chrono::nanoseconds latency) {
    const Clock::time_point now = Clock::now();
    if (!is_error(reply)) return breaker_.answered(latency, now);
    const RedisError error = error_of(reply);
    if (is_unwell(error)) return breaker_.failed(reply.text, now);
    breaker_.answered(latency, now);
    if (error != RedisError::readonly || ++readonly_replies_ != config_.breaker.failures) return;
    breaker_.open(reply.text, now);
    drop_soon(reply.text);
}

void RedisClient::State::on_end(const std::string& why) {
    connection_.reset();
    last_error_ = why;
    wake_.cancel();
    if (stats.connected) announce(false, why);
}

void RedisClient::State::on_breaker(BreakerState now, std::string_view why) {
    stats.breaker = now;
    stats.transitions[static_cast<std::size_t>(now)].add();
    if (now == BreakerState::open) wake_.cancel();
    if (breaker_observer_) breaker_observer_(now, why);
}

void RedisClient::State::drop(const std::string& why) {
    const std::shared_ptr<RedisConnection> connection = connection_;
    if (connection) connection->close(why);
}

// From within what the connection tells.
void RedisClient::State::drop_soon(const std::string& why) {
    asio::post(executor_, [self = shared_from_this(), connection = connection_, why] { connection->close(why); });
}

void RedisClient::State::announce(bool connected, std::string_view why) {
    stats.connected = connected;
    if (announced_ == connected) return;
    announced_ = connected;
    if (observer_) observer_(connected, why);
}

// Exponential, with full jitter, so that a fleet does not come back all at once.
Clock::duration RedisClient::State::backoff(unsigned failures) {
    const auto least = config_.reconnect_min.count();
    const auto doubled = least << std::min(failures, 16u);
    const auto most = std::max(least, std::min(config_.reconnect_max.count(), doubled));
    return milliseconds{std::uniform_int_distribution(least, most)(random_)};
}

RedisClient::RedisClient(Executor executor, const RedisConfig& config, ConnectionObserver observer,
                         Breaker::Observer breaker_observer)
    : state_(std::make_shared<State>(executor, config, std::move(observer), std::move(breaker_observer))) {}

RedisClient::~RedisClient() {
    state_->forget_observers();
    state_->stop();
}

void RedisClient::start() {
    const auto executor = state_->executor();
    asio::co_spawn(executor, State::keep_connected(state_), [](const std::exception_ptr& failure) {
        if (failure) std::rethrow_exception(failure);
    });
}

void RedisClient::stop() { state_->stop(); }

Awaitable<Result<Reply>> RedisClient::command(std::vector<std::string_view> arguments) {
    Commands commands;
    commands.push_back(std::move(arguments));
    Result<Replies> replies = co_await state_->exchange_if_usable(std::move(commands));
    if (!replies) co_return replies.error();
    co_return std::move(replies->front());
}

Awaitable<Result<Replies>> RedisClient::pipeline(Commands commands) {
    return state_->exchange_if_usable(std::move(commands));
}

Executor RedisClient::executor() const noexcept { return state_->executor(); }

const RedisStats& RedisClient::stats() const noexcept { return state_->stats; }

}  // namespace proxy::store
