#pragma once
// What other nodes have to say: entries of Redis Streams, read as they come on one connection of its own. A blocking
// read keeps a connection from anything else, so that a node has one of these, on one of its workers.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/store/redis_client.hpp"

namespace proxy::store {

// One entry: its position, and its fields as name, value, name, value...
struct StreamEntry {
    std::uint64_t position = 0;
    std::vector<std::string> fields;

    [[nodiscard]] std::string_view field(std::string_view name) const noexcept;  // empty where there is none
};

// Who reads a stream. All calls are made on the feed's worker, one after another.
struct StreamReader {
    virtual ~StreamReader() = default;

    // On each new connection, before anything is read: where to go on, behind this position. An error ends the
    // connection's use; it is tried again.
    virtual Awaitable<Result<std::uint64_t>> begin(RedisClient& client) = 0;

    // In order, each once a connection.
    virtual void take(StreamEntry entry) = 0;

    // After each read of any stream, at least once every RedisFeed::longest_wait, whether it brought anything or not.
    // The position behind which to go on, as in begin(); `read`: of the last entry taken.
    virtual Awaitable<Result<std::uint64_t>> after_read(RedisClient& client, std::uint64_t read);

    virtual void lost() {}  // the connection, or the attempt at one
};

class RedisFeed {
 public:
    static constexpr std::chrono::milliseconds longest_wait{1'000};

    RedisFeed(Executor executor, const RedisConfig& config);
    RedisFeed(const RedisFeed&) = delete;
    RedisFeed& operator=(const RedisFeed&) = delete;

    // Before run(). The reader outlives the feed.
    void follow(std::string stream, StreamReader& reader);

    // Before run(). `handler` gets what is appended while the feed is connected, and nothing from before.
    void follow(std::string stream, std::function<void(StreamEntry)> handler);

    Awaitable<void> run();  // until stopped
    void stop();

    [[nodiscard]] const RedisStats& stats() const noexcept { return client_.stats(); }

 private:
    struct Followed {
        std::string name;
        StreamReader* reader;
        std::uint64_t position = 0;
    };

    Awaitable<void> read_while_connected();
    Awaitable<Result<void>> read_once(std::chrono::milliseconds wait);
    Awaitable<void> pause(Timer::duration duration);

    Timer wake_;  // cancelled when the connection comes or goes
    RedisClient client_;
    std::vector<Followed> streams_;
    std::vector<std::unique_ptr<StreamReader>> own_readers_;
    bool stopped_ = false;
};

}  // namespace proxy::store
