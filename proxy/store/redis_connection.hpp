#pragma once
// One connection to Redis and the commands on their way over it, each within its budget. When a reply is late or odd
// the connection ends, and all that is in flight fails with it: a late reply must never meet another request.

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "proxy/store/redis_batch.hpp"
#include "proxy/store/redis_link.hpp"
#include "proxy/store/redis_stats.hpp"

namespace proxy::store {

class RedisConnection final : public RedisLink::Owner, public std::enable_shared_from_this<RedisConnection> {
 public:
    // What happens to it, until it has ended; it must not be closed from within.
    struct Owner {
        virtual void on_open() = 0;
        virtual void on_answer(const Reply& reply, std::chrono::nanoseconds latency) = 0;  // to a command
        virtual void on_failure(const std::string& why) = 0;                               // of a command
        virtual void on_end(const std::string& why) = 0;  // at most once, the last call

     protected:
        ~Owner() = default;
    };

    // Owner and stats outlive its end.
    RedisConnection(Executor executor, milliseconds budget, RedisStats& stats, Owner& owner);

    ~RedisConnection() { link_->close(); }
    RedisConnection(const RedisConnection&) = delete;
    RedisConnection& operator=(const RedisConnection&) = delete;

    // Either of them, once. May end it before it returns. `address` is numeric.
    void connect_tcp(const std::string& address, std::uint16_t port) { link_->connect_tcp(address, port); }
    void connect_unix(const std::string& path) { link_->connect_unix(path); }

    enum class Purpose { command, upkeep };  // upkeep is no part of the numbers, and its owner is not told

    // In one write, after on_open; fails at once where it has ended. `commands` must live until it completes.
    Awaitable<Result<Replies>> exchange(const Commands& commands, Purpose purpose);

    // Ends it where it has not ended.
    void close(const std::string& why);

    [[nodiscard]] bool ended() const noexcept { return ended_; }
    [[nodiscard]] std::size_t unanswered() const noexcept { return unanswered_; }
    [[nodiscard]] std::size_t unsent() const noexcept { return link_->unsent(); }  // bytes

 private:
    using Clock = std::chrono::steady_clock;

    struct InFlight {
        std::shared_ptr<Batch> batch;
        std::size_t unanswered;  // commands
        Purpose purpose;
        Clock::time_point sent;
    };

    void on_open() override { owner_.on_open(); }
    void on_reply(Reply reply) override;
    void on_closed(const std::string& why) override;

    void send(std::shared_ptr<Batch> batch, const Commands& commands, Purpose purpose);
    void watch();
    void fail_in_flight(const std::string& why);
    void measure();

    Executor executor_;
    const milliseconds budget_;
    RedisStats& stats_;
    Owner& owner_;
    const std::shared_ptr<RedisLink> link_;
    bool ended_ = false;
    std::deque<InFlight> in_flight_;
    std::size_t unanswered_ = 0;  // commands in flight
    Timer deadline_;              // of the oldest in flight, or earlier
    bool watching_ = false;       // deadline_ is awaited
};

}  // namespace proxy::store
