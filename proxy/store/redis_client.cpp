// The order of replies is that of commands: in_flight_ is the queue of what is not yet answered, and since every
// command has the same budget, one timer at the oldest watches them all. A connection is used only while each reply is
// in time: when one is late or odd the connection goes, and all that is in flight fails with it.
#include "proxy/store/redis_client.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <optional>
#include <random>

#include "proxy/store/redis_link.hpp"

namespace proxy::store {
namespace {

using Clock = std::chrono::steady_clock;
using Replies = std::vector<Reply>;
using Commands = std::vector<std::vector<std::string_view>>;

constexpr std::chrono::seconds ping_interval{1};
constexpr std::size_t max_unsent = 8u << 20;  // bytes waiting for a slow Redis; more: store_overloaded

// Commands awaited together.
class Batch {
 public:
    virtual ~Batch() = default;
    virtual void complete(Result<Replies> result) = 0;  // only the first call counts

    Replies replies;  // so far
};

template <class Handler>
class BatchOf final : public Batch, public std::enable_shared_from_this<BatchOf<Handler>> {
 public:
    BatchOf(Executor executor, Handler handler) : executor_(executor), handler_(std::move(handler)) {}

    // A cancelled batch keeps its place in the queue; its replies go nowhere.
    void let_cancel() {
        const auto slot = asio::get_associated_cancellation_slot(*handler_);
        if (!slot.is_connected()) return;
        auto cancel = [weak = this->weak_from_this()](asio::cancellation_type) {
            if (const auto batch = weak.lock()) batch->complete(Errc::cancelled);
        };
        asio::cancellation_slot(slot).assign(std::move(cancel));
    }

    void complete(Result<Replies> result) override {
        if (!handler_) return;
        auto resume = [handler = std::move(*handler_), result = std::move(result)]() mutable {
            std::move(handler)(std::move(result));
        };
        handler_.reset();
        asio::post(executor_, std::move(resume));
    }

 private:
    Executor executor_;
    std::optional<Handler> handler_;
};

}  // namespace

class RedisClient::State final : public RedisLink::Owner, public std::enable_shared_from_this<State> {
 public:
    State(Executor executor, const RedisConfig& config, ConnectionObserver observer)
        : executor_(executor),
          config_(config),
          observer_(std::move(observer)),
          deadline_(executor),
          wake_(executor),
          resolver_(executor) {}

    static Awaitable<void> keep_connected(std::shared_ptr<State> self);
    void stop();
    void forget_observer() { observer_ = nullptr; }
    [[nodiscard]] Executor executor() const noexcept { return executor_; }

    // `commands` must live until it completes.
    Awaitable<Result<Replies>> exchange(const Commands& commands) {
        auto initiation = [](auto handler, State* self, const Commands* sent) {
            auto batch = std::make_shared<BatchOf<decltype(handler)>>(self->executor_, std::move(handler));
            batch->let_cancel();
            self->enqueue(std::move(batch), *sent);
        };
        return asio::async_initiate<const asio::use_awaitable_t<Executor>, void(Result<Replies>)>(
            initiation, use_awaitable, this, &commands);
    }

    Awaitable<Result<Replies>> exchange_if_usable(Commands commands);

    RedisStats stats;

 private:
    struct InFlight {
        std::shared_ptr<Batch> batch;
        std::size_t unanswered;  // commands
        Clock::time_point sent;
    };

    void on_open() override;
    void on_reply(Reply reply) override;
    void on_closed(const std::string& why) override;

    Awaitable<bool> connect();
    Awaitable<bool> open(std::string address);
    Awaitable<bool> greet();
    Awaitable<void> ping_while_connected();
    Awaitable<void> sleep(Clock::duration duration);

    void enqueue(std::shared_ptr<Batch> batch, const Commands& commands);
    void watch();
    void drop(const std::string& why);
    void fail_in_flight();
    void announce(bool connected, std::string_view why);
    Clock::duration backoff(unsigned failures);

    Executor executor_;
    const RedisConfig config_;
    ConnectionObserver observer_;
    std::optional<bool> announced_;
    std::shared_ptr<RedisLink> link_;  // null: no connection, nor an attempt at one
    std::string last_error_;
    bool open_ = false;
    bool stopped_ = false;
    std::deque<InFlight> in_flight_;
    std::size_t unanswered_ = 0;  // commands in flight
    Timer deadline_;              // of the oldest in flight, or earlier
    bool watching_ = false;       // deadline_ is awaited
    Timer wake_;                  // what keep_connected waits for; cancelled when the connection opens or goes
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
            co_await self->ping_while_connected();
            if (Clock::now() - since > self->config_.reconnect_max) failures = 0;
        } else {
            self->announce(false, self->last_error_);
        }
        co_await self->sleep(self->backoff(++failures));
    }
}

void RedisClient::State::stop() {
    stopped_ = true;
    drop("stopped");
    deadline_.cancel();
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
    const auto link = std::make_shared<RedisLink>(executor_, *this);
    link_ = link;
    if (config_.unix_socket.empty())
        link->connect_tcp(address, config_.port);
    else
        link->connect_unix(config_.unix_socket);
    if (link_) co_await sleep(config_.connect_deadline);
    if (link_ && !open_) drop("no connection within the deadline");
    if (!link_) co_return false;
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
    const Result<Replies> replies = co_await exchange(commands);
    if (!replies) {
        if (link_) drop(replies.error().message());
        co_return false;
    }
    for (const Reply& reply : *replies) {
        if (reply.type != Reply::Type::error) continue;
        drop(reply.text);
        co_return false;
    }
    co_return link_ != nullptr;
}

Awaitable<void> RedisClient::State::ping_while_connected() {
    const Commands ping{{"PING"}};
    while (link_) {
        const std::uint64_t answered = stats.ok.get();
        co_await sleep(ping_interval);
        if (!link_ || !in_flight_.empty() || stats.ok.get() != answered) continue;
        const Result<Replies> replies = co_await exchange(ping);
        if (replies && replies->front().type == Reply::Type::error) drop(replies->front().text);
    }
}

Awaitable<void> RedisClient::State::sleep(Clock::duration duration) {
    if (stopped_) co_return;
    wake_.expires_after(duration);
    co_await wake_.async_wait(as_result);
}

Awaitable<Result<Replies>> RedisClient::State::exchange_if_usable(Commands commands) {
    if (commands.empty()) co_return Replies{};
    if (!stats.connected.load(std::memory_order_relaxed)) {
        stats.refused.add(commands.size());
        co_return Errc::store_unavailable;
    }
    if (unanswered_ + commands.size() > config_.max_queue || link_->unsent() > max_unsent) {
        stats.refused.add(commands.size());
        co_return Errc::store_overloaded;
    }
    co_return co_await exchange(commands);
}

void RedisClient::State::enqueue(std::shared_ptr<Batch> batch, const Commands& commands) {
    if (!link_) return batch->complete(Errc::store_unavailable);
    for (const auto& command : commands) link_->send(command);
    batch->replies.reserve(commands.size());
    in_flight_.push_back({std::move(batch), commands.size(), Clock::now()});
    unanswered_ += commands.size();
    stats.in_flight.set(unanswered_);
    watch();
}

void RedisClient::State::watch() {
    if (watching_ || in_flight_.empty()) return;
    watching_ = true;
    deadline_.expires_at(in_flight_.front().sent + config_.command_budget);
    deadline_.async_wait([self = shared_from_this()](boost::system::error_code) {
        self->watching_ = false;
        if (self->in_flight_.empty()) return;
        if (self->in_flight_.front().sent + self->config_.command_budget <= Clock::now())
            self->drop("no reply within the command budget");
        else
            self->watch();
    });
}

void RedisClient::State::on_open() {
    open_ = true;
    wake_.cancel();
}

void RedisClient::State::on_reply(Reply reply) {
    InFlight& oldest = in_flight_.front();
    (reply.type == Reply::Type::error ? stats.errors : stats.ok).add();
    stats.latency.observe(Clock::now() - oldest.sent);
    stats.in_flight.set(--unanswered_);
    oldest.batch->replies.push_back(std::move(reply));
    if (--oldest.unanswered > 0) return;
    const std::shared_ptr<Batch> batch = std::move(oldest.batch);
    in_flight_.pop_front();
    batch->complete(std::move(batch->replies));
}

void RedisClient::State::on_closed(const std::string& why) {
    link_.reset();
    last_error_ = why;
    fail_in_flight();
    wake_.cancel();
    if (stats.connected) announce(false, why);
}

void RedisClient::State::drop(const std::string& why) {
    if (link_) link_->close();
    on_closed(why);
}

void RedisClient::State::fail_in_flight() {
    const Clock::time_point overdue = Clock::now() - config_.command_budget;
    for (const InFlight& lost : std::exchange(in_flight_, {})) {
        const bool late = lost.sent <= overdue;
        (late ? stats.timeouts : stats.errors).add(lost.unanswered);
        lost.batch->complete(late ? Errc::deadline_exceeded : Errc::store_unavailable);
    }
    unanswered_ = 0;
    stats.in_flight.set(0);
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

RedisClient::RedisClient(Executor executor, const RedisConfig& config, ConnectionObserver observer)
    : state_(std::make_shared<State>(executor, config, std::move(observer))) {}

RedisClient::~RedisClient() {
    state_->forget_observer();
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
