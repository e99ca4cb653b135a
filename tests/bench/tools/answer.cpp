// bench-answer SIZE CACHE_CONTROL COUNTER: the limit of what a server can do here, and an origin that is never the
// bottleneck. One thread, epoll, and the same ready-made answer to whatever ends with an empty line; requests that came
// together are answered together. How many there were stands in the first 8 bytes of the file COUNTER, mapped, so that
// counting costs one store and can be read meanwhile.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <exception>
#include <list>
#include <stdexcept>
#include <string>

#include "tests/bench/tools/sockets.hpp"

namespace bench {
namespace {

constexpr std::size_t most_at_once = 16;  // answers in one write

struct Client {
    Descriptor socket;
    std::list<Client>::iterator self;
    char received[16u << 10];
    std::size_t size = 0;     // of `received`: the beginning of a request
    std::size_t owed = 0;     // answers
    std::size_t written = 0;  // bytes of the first of them
    bool waits_to_write = false;
};

class Server {
 public:
    Server(std::string answer, std::uint64_t& requests) : answer_(std::move(answer)), requests_(requests) {
        epoll_.add(listener_, EPOLLIN, nullptr);
    }

    [[nodiscard]] std::uint16_t port() const { return port_of(listener_); }

    [[noreturn]] void run() {
        for (;;) {
            for (const epoll_event& event : epoll_.wait()) {
                auto* const client = static_cast<Client*>(event.data.ptr);
                if (client == nullptr)
                    accept_clients();
                else if (!serve(*client))
                    clients_.erase(client->self);
            }
        }
    }

 private:
    void accept_clients() {
        for (;;) {
            Descriptor socket = accept_from(listener_);
            if (socket.get() < 0) return;
            Client& client = clients_.emplace_front();
            client.socket = std::move(socket);
            client.self = clients_.begin();
            epoll_.add(client.socket, EPOLLIN, &client);
        }
    }

    // False where the client is gone.
    bool serve(Client& client) {
        if (client.owed == 0) {
            const std::span room(client.received + client.size, sizeof client.received - client.size);
            const std::ptrdiff_t got = receive(client.socket, room);
            if (got < 0) return false;
            client.size += static_cast<std::size_t>(got);
            if (!take_requests(client)) return false;
        }
        return answer(client);
    }

    // False where one is larger than the buffer.
    bool take_requests(Client& client) {
        std::string_view rest(client.received, client.size);
        for (std::size_t end; (end = rest.find("\r\n\r\n")) != rest.npos; ++client.owed) rest.remove_prefix(end + 4);
        std::copy(rest.begin(), rest.end(), client.received);
        client.size = rest.size();
        requests_ += client.owed;
        return client.size < sizeof client.received;
    }

    bool answer(Client& client) {
        while (client.owed > 0) {
            const std::ptrdiff_t sent = send_answers(client);
            if (sent < 0) return false;
            if (sent == 0) break;
            client.written += static_cast<std::size_t>(sent);
            client.owed -= client.written / answer_.size();
            client.written %= answer_.size();
        }
        const bool waits = client.owed > 0;
        if (waits != client.waits_to_write) epoll_.change(client.socket, waits ? EPOLLOUT : EPOLLIN, &client);
        client.waits_to_write = waits;
        return true;
    }

    std::ptrdiff_t send_answers(const Client& client) {
        const std::string_view rest = std::string_view(answer_).substr(client.written);
        if (client.owed == 1) return send(client.socket, rest);
        iovec parts[most_at_once];
        const std::size_t count = std::min(client.owed, most_at_once);
        std::fill_n(parts, count, iovec{answer_.data(), answer_.size()});
        parts[0] = {answer_.data() + client.written, rest.size()};
        return send(client.socket, {parts, count});
    }

    std::string answer_;
    std::uint64_t& requests_;
    const Descriptor listener_ = listen_on(0);
    Epoll epoll_;
    std::list<Client> clients_;
};

std::uint64_t& map_counter(const char* file) {
    const Descriptor counter(open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    void* mapped = MAP_FAILED;
    if (ftruncate(counter.get(), sizeof(std::uint64_t)) == 0)
        mapped = mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, counter.get(), 0);
    if (mapped == MAP_FAILED) throw std::runtime_error(std::string("cannot map ") + file);
    return *static_cast<std::uint64_t*>(mapped);
}

// With what origins say; the Date is of the start, so that all who cache it count the same age.
std::string answer_of(std::size_t size, const std::string& cache_control) {
    char date[64];
    const std::time_t now = std::time(nullptr);
    std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", std::gmtime(&now));
    return "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: " + std::string(date) +
           "\r\nContent-Type: application/octet-stream\r\nContent-Length: " + std::to_string(size) +
           "\r\nCache-Control: " + cache_control + "\r\n\r\n" + std::string(size, 'x');
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) try {
    if (argc != 4) throw std::invalid_argument("usage: bench-answer SIZE CACHE_CONTROL COUNTER");
    bench::raise_descriptor_limit();
    bench::Server server(bench::answer_of(bench::number(argv[1]), argv[2]), bench::map_counter(argv[3]));
    std::printf("listening on 127.0.0.1:%d\n", int{server.port()});
    std::fflush(stdout);
    server.run();
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench-answer: %s\n", error.what());
    return 1;
}
