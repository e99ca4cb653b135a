// Input: what a Redis says behind a good greeting: to a look-up where the first byte is even, else to a node that
// follows a stream.

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "proxy/store/redis_feed.hpp"
#include "proxy/store/redis_store.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy;
using namespace proxy::store;
using namespace tests;

namespace {

constexpr std::string_view stream_name = "weir:stream";

// The other end of a Unix socket.
class Peer {
 public:
    Peer() : path_((std::filesystem::temp_directory_path() / ("weir-fuzz-" + std::to_string(::getpid()))).string()) {
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        path_.copy(address.sun_path, sizeof address.sun_path - 1);
        ::unlink(path_.c_str());
        listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
        const bool bound = ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        require(bound && ::listen(listener_, 8) == 0, "a socket to listen on");
    }
    ~Peer() { ::unlink(path_.c_str()); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    void accept() { connection_ = ::accept(listener_, nullptr, nullptr); }
    [[nodiscard]] bool was_asked() const {
        char commands[4096];
        return ::recv(connection_, commands, sizeof commands, MSG_DONTWAIT) > 0;
    }
    void say(std::string_view bytes) const { (void)::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
    void finish() const { ::shutdown(connection_, SHUT_WR); }
    void hang_up() { ::close(std::exchange(connection_, -1)); }

 private:
    const std::string path_;
    int listener_ = -1, connection_ = -1;
};

Peer& peer() {
    static Peer only;
    return only;
}

asio::io_context& loop() {  // one for all: making it costs more than what is tested
    static asio::io_context only(1);
    only.restart();
    return only;
}

template <class Condition>
void run_until(asio::io_context& context, Condition condition) {
    for (int i = 0; !condition(); ++i) {
        require(i < 1'000'000, "every wait ends");
        context.restart();
        context.poll();
    }
}

void greet(asio::io_context& context) {
    context.poll();
    peer().accept();
    run_until(context, [] { return peer().was_asked(); });
    peer().say("+PONG\r\n");
}

// Answers the next command with these bytes and no more.
void answer(asio::io_context& context, std::string_view bytes) {
    run_until(context, [] { return peer().was_asked(); });
    peer().say(bytes);
    peer().finish();
}

RedisConfig config() {
    RedisConfig settings;
    settings.unix_socket = peer().path();
    // A busy machine is no finding; nor does anybody wait for a second connection.
    settings.connect_deadline = settings.command_budget = std::chrono::minutes(10);
    settings.reconnect_min = settings.reconnect_max = std::chrono::minutes(10);
    return settings;
}

Awaitable<void> look_up(RedisStore& redis, bool& done) {
    rules::RequestHeader request;
    request.method = rules::http::verb::get;
    const Result<Found> found = co_await redis.lookup("http://h/", request);
    if (found && found->response)
        require(found->content || !found->response->body() || !found->response->body()->chunks.empty(),
                "what is found has its content, or says where it is");
    done = true;
}

void ask_store(std::string_view bytes) {
    asio::io_context& context = loop();
    const RedisConfig settings = config();
    Purges purges(10);
    purges.set_current(true);
    RedisClient client(context.get_executor(), settings, {});
    RedisStore redis(client, settings, purges);
    bool done = false;
    client.start();
    greet(context);
    run_until(context, [&] { return client.stats().connected.load(); });
    asio::co_spawn(context, look_up(redis, done), asio::detached);
    answer(context, bytes);
    run_until(context, [&] { return done; });
    client.stop();
    peer().hang_up();
    context.restart();
    context.poll();
    require(client.stats().in_flight.get() == 0, "nothing is left waiting");
}

class Reader final : public StreamReader {
 public:
    Awaitable<Result<std::uint64_t>> begin(RedisClient&) override { co_return 0; }
    void take(StreamEntry entry) override { (void)entry.field("a"); }
    void lost() override { was_lost = true; }

    bool was_lost = false;
};

void feed(std::string_view bytes) {
    asio::io_context& context = loop();
    Reader reader;
    RedisFeed followed(context.get_executor(), config());
    followed.follow(std::string(stream_name), reader);
    asio::co_spawn(context, followed.run(), asio::detached);
    greet(context);
    answer(context, bytes);
    run_until(context, [&] { return reader.was_lost; });
    followed.stop();
    peer().hang_up();
    context.restart();
    context.poll();
}

}  // namespace

void fuzz_one(std::string_view bytes) {
    if (bytes.empty()) return;
    const auto answered = bytes.front() % 2 == 0 ? ask_store : feed;
    answered(bytes.substr(1));
}
