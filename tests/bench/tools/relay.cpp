// bench-relay ORIGIN_PORT: the limit of what a proxy can do here. One thread, epoll, and a connection to the origin for
// each client; bytes are passed on as they come, unread.

#include <cstdio>
#include <exception>
#include <list>
#include <stdexcept>
#include <vector>

#include "tests/bench/tools/sockets.hpp"

namespace bench {
namespace {

struct Pair;

// One of the two ends, with what was received there and waits for the other one to take it.
struct End {
    Descriptor socket;
    Pair* pair;
    End* other;
    std::vector<char> received = std::vector<char>(64u << 10);
    std::size_t begin = 0;
    std::size_t size = 0;
    std::uint32_t events = EPOLLIN;

    [[nodiscard]] bool has_pending() const noexcept { return begin < size; }
};

struct Pair {
    End client, origin;
    std::list<Pair>::iterator self;
    bool over = false;
};

class Relay {
 public:
    explicit Relay(std::uint16_t origin_port) : origin_port_(origin_port) { epoll_.add(listener_, EPOLLIN, nullptr); }

    [[nodiscard]] std::uint16_t port() const { return port_of(listener_); }

    [[noreturn]] void run() {
        for (;;) {
            for (const epoll_event& event : epoll_.wait()) {
                auto* const end = static_cast<End*>(event.data.ptr);
                if (end == nullptr)
                    accept_clients();
                else if (!end->pair->over)
                    serve(*end);
            }
            over_.clear();  // not before: both ends may have had an event
        }
    }

 private:
    void accept_clients() {
        for (;;) {
            Descriptor socket = accept_from(listener_);
            if (socket.get() < 0) return;
            Pair& pair = pairs_.emplace_front();
            pair.self = pairs_.begin();
            pair.client.socket = std::move(socket);
            pair.origin.socket = connect_to(origin_port_);
            pair.client.other = &pair.origin;
            pair.origin.other = &pair.client;
            for (End* const end : {&pair.client, &pair.origin}) {
                end->pair = &pair;
                epoll_.add(end->socket, end->events, end);
            }
        }
    }

    void serve(End& end) {
        if (!pass_on(*end.other, end) || !take(end)) {
            end.pair->over = true;
            over_.splice(over_.begin(), pairs_, end.pair->self);
            return;
        }
        wait_for_more(end);
        wait_for_more(*end.other);
    }

    static bool take(End& end) {
        if (end.has_pending()) return true;
        const std::ptrdiff_t got = receive(end.socket, end.received);
        if (got < 0) return false;
        end.begin = 0;
        end.size = static_cast<std::size_t>(got);
        return pass_on(end, *end.other);
    }

    static bool pass_on(End& from, End& to) {
        while (from.has_pending()) {
            const std::ptrdiff_t sent = send(to.socket, {from.received.data() + from.begin, from.size - from.begin});
            if (sent <= 0) return sent == 0;
            from.begin += static_cast<std::size_t>(sent);
        }
        return true;
    }

    void wait_for_more(End& end) {
        const std::uint32_t events = (end.has_pending() ? 0u : std::uint32_t{EPOLLIN}) |
                                     (end.other->has_pending() ? std::uint32_t{EPOLLOUT} : 0u);
        if (events != end.events) epoll_.change(end.socket, events, &end);
        end.events = events;
    }

    const std::uint16_t origin_port_;
    const Descriptor listener_ = listen_on(0);
    Epoll epoll_;
    std::list<Pair> pairs_, over_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) try {
    if (argc != 2) throw std::invalid_argument("usage: bench-relay ORIGIN_PORT");
    bench::raise_descriptor_limit();
    bench::Relay relay(static_cast<std::uint16_t>(bench::number(argv[1])));
    std::printf("listening on 127.0.0.1:%d\n", int{relay.port()});
    std::fflush(stdout);
    relay.run();
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench-relay: %s\n", error.what());
    return 1;
}
