#pragma once
// One connection to Redis: hiredis' asynchronous context on Asio. Knows neither deadlines nor reconnecting.

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "proxy/async/executor.hpp"
#include "proxy/store/redis_reply.hpp"

struct redisAsyncContext;

namespace proxy::store {

// On the executor's thread. Its owner is told of all that happens until it calls close(), and must not destroy it from
// within such a call, nor close it.
class RedisLink : public std::enable_shared_from_this<RedisLink> {
 public:
    struct Owner {
        virtual void on_open() = 0;
        virtual void on_reply(Reply reply) = 0;              // to the oldest command not yet answered
        virtual void on_closed(const std::string& why) = 0;  // at most once, and the last call

     protected:
        ~Owner() = default;
    };

    RedisLink(Executor executor, Owner& owner);
    ~RedisLink();
    RedisLink(const RedisLink&) = delete;
    RedisLink& operator=(const RedisLink&) = delete;

    // Either of them, once. May call on_closed before it returns. `address` is numeric.
    void connect_tcp(const std::string& address, std::uint16_t port);
    void connect_unix(const std::string& path);

    // After on_open. Leaves with all others of this loop iteration in one write.
    void send(std::span<const std::string_view> arguments);

    void close();

    [[nodiscard]] std::size_t unsent() const noexcept;  // bytes

 private:
    struct Hooks;  // what hiredis calls

    void adopt(redisAsyncContext* context);
    void closed(const std::string& why);
    void wait_readable();
    void flush_soon();
    void read();
    void flush();

    Executor executor_;
    Owner* owner_;                          // null: closed by it
    redisAsyncContext* context_ = nullptr;  // null: hiredis has freed it, or is about to
    asio::posix::basic_stream_descriptor<Executor> descriptor_;
    std::size_t unanswered_ = 0;
    bool open_ = false;
    bool reading_ = false;   // a wait for input is under way
    bool writing_ = false;   // a flush is under way
    bool flushing_ = false;  // inside hiredis' write
};

}  // namespace proxy::store
