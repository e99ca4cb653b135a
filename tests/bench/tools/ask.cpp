// bench-ask PORT CLIENTS REQUESTS TARGET: so many requests in all by so many clients, each on a connection of its own
// and one after another; all are connected before the first asks. A `%` in the target is replaced by the number of the
// request, from 0. Prints one line of JSON: how long the answers took, from the request sent to the last byte received.

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <exception>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/bench/tools/sockets.hpp"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;

// Finds the end of one answer with Content-Length or in chunks.
class Answer {
 public:
    // False where it is none of these.
    bool append(std::string_view bytes) {
        received_ += bytes;
        if (body_ == 0 && !read_head()) return false;
        return true;
    }

    [[nodiscard]] bool is_whole() const {
        if (body_ == 0) return false;
        return length_ ? received_.size() >= body_ + *length_ : received_.ends_with("\r\n0\r\n\r\n");
    }

    [[nodiscard]] bool is_ok() const { return received_.starts_with("HTTP/1.1 200"); }

    void clear() {
        received_.clear();
        body_ = 0;
        length_.reset();
    }

 private:
    bool read_head() {
        const std::size_t end = received_.find("\r\n\r\n");
        if (end == received_.npos) return true;
        body_ = end + 4;
        std::string head = received_.substr(0, body_);
        std::transform(head.begin(), head.end(), head.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        constexpr std::string_view field = "\r\ncontent-length: ";
        const std::size_t at = head.find(field);
        if (at == head.npos) return head.find("\r\ntransfer-encoding: chunked\r\n") != head.npos;
        length_ = std::stoul(head.substr(at + field.size()));
        return true;
    }

    std::string received_;
    std::size_t body_ = 0;  // where it begins; 0: not known yet
    std::optional<std::size_t> length_;
};

struct Client {
    Descriptor socket;
    Answer answer;
    Clock::time_point asked;
};

class Load {
 public:
    Load(std::uint16_t port, std::size_t clients, std::size_t requests, std::string target)
        : requests_(requests), target_(std::move(target)) {
        for (std::size_t i = 0; i < std::min(clients, requests); ++i) {
            Client& client = clients_.emplace_back();
            client.socket = connect_to(port);
            epoll_.add(client.socket, EPOLLIN, &client);
        }
        latencies_.reserve(requests);
    }

    void run() {
        for (Client& client : clients_) ask(client);
        while (latencies_.size() + failed_ < requests_)
            for (const epoll_event& event : epoll_.wait()) read(*static_cast<Client*>(event.data.ptr));
    }

    void print() {
        std::sort(latencies_.begin(), latencies_.end());
        std::printf("{\"requests\": %zu, \"failed\": %zu, \"p50_us\": %ld, \"p99_us\": %ld, \"max_us\": %ld}\n",
                    requests_, failed_, percentile(50), percentile(99), percentile(100));
    }

 private:
    void ask(Client& client) {
        if (next_ == requests_) return;
        std::string target = target_;
        if (const std::size_t at = target.find('%'); at != target.npos) target.replace(at, 1, std::to_string(next_));
        ++next_;
        client.asked = Clock::now();
        const std::string request = "GET " + target + " HTTP/1.1\r\nHost: bench.test\r\n\r\n";
        if (send(client.socket, request) != static_cast<std::ptrdiff_t>(request.size()))
            throw std::runtime_error("a request could not be sent");
    }

    void read(Client& client) {
        const std::ptrdiff_t got = receive(client.socket, buffer_);
        if (got < 0 || !client.answer.append({buffer_.data(), static_cast<std::size_t>(got)}))
            throw std::runtime_error("a connection ended early, or its answer has no end");
        if (!client.answer.is_whole()) return;
        if (client.answer.is_ok())
            latencies_.push_back(
                std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - client.asked).count());
        else
            ++failed_;
        client.answer.clear();
        ask(client);
    }

    // The smallest latency that so many per cent do not exceed.
    [[nodiscard]] std::int64_t percentile(std::size_t per_cent) const {
        if (latencies_.empty()) return 0;
        return latencies_[(latencies_.size() * per_cent + 99) / 100 - 1];
    }

    const std::size_t requests_;
    const std::string target_;
    std::size_t next_ = 0;
    std::size_t failed_ = 0;
    std::list<Client> clients_;
    std::vector<std::int64_t> latencies_;
    std::vector<char> buffer_ = std::vector<char>(64u << 10);
    Epoll epoll_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) try {
    using bench::number;
    if (argc != 5) throw std::invalid_argument("usage: bench-ask PORT CLIENTS REQUESTS TARGET");
    bench::raise_descriptor_limit();
    bench::Load load(static_cast<std::uint16_t>(number(argv[1])), number(argv[2]), number(argv[3]), argv[4]);
    load.run();
    load.print();
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench-ask: %s\n", error.what());
    return 1;
}
