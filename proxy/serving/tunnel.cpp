// Invariant: what one side has sent before it ended reaches the other; what it holds meanwhile is one buffer a
// direction.

#include "proxy/serving/tunnel.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "proxy/serving/heads.hpp"

namespace proxy::serving {
namespace {

constexpr std::size_t buffer_size = 16u << 10;

class Tunnel {
 public:
    struct Side {
        Socket& socket;
        Deadline& deadline;
    };

    Tunnel(Side client, Side origin, std::chrono::milliseconds timeout, BufferBudget& buffers)
        : client_(client), origin_(origin), timeout_(timeout), buffers_(buffers) {}

    // `from_client`, `from_origin`: what came before the tunnel was there.
    Awaitable<void> run(std::string_view from_client, std::string_view from_origin) {
        using namespace asio::experimental::awaitable_operators;
        co_await (pass_on(from_client, client_, origin_, to_origin_) &&
                  pass_on(from_origin, origin_, client_, to_client_));
    }

    [[nodiscard]] std::uint64_t bytes_to_client() const noexcept { return to_client_; }
    [[nodiscard]] boost::system::error_code error() const noexcept { return error_; }
    [[nodiscard]] bool has_timed_out() const noexcept {
        return client_.deadline.expired() || origin_.deadline.expired();
    }

 private:
    // Any byte, in either direction, keeps both alive: one side may have nothing to say for long.
    void prolong() {
        client_.deadline.set(Clock::now() + timeout_);
        origin_.deadline.set(Clock::now() + timeout_);
    }

    void break_off(boost::system::error_code ec) {
        if (!error_) error_ = ec;
        boost::system::error_code ignored;
        client_.socket.close(ignored);
        origin_.socket.close(ignored);
    }

    Awaitable<void> pass_on(std::string_view first, Side from, Side to, std::uint64_t& total) {
        std::vector<char> buffer(std::max(buffer_size, first.size()));
        std::copy(first.begin(), first.end(), buffer.begin());
        BufferShare share(buffers_);
        share.hold(buffer.size());
        for (std::size_t size = first.size();;) {
            for (std::size_t sent = 0; sent < size;) {
                prolong();
                const auto [ec, n] =
                    co_await to.socket.async_write_some(asio::buffer(buffer.data() + sent, size - sent), as_result);
                if (ec) co_return break_off(ec);
                sent += n;
                total += n;
            }
            prolong();
            const auto [ec, n] = co_await from.socket.async_read_some(asio::buffer(buffer), as_result);
            if (ec == asio::error::eof) break;
            if (ec) co_return break_off(ec);
            size = n;
        }
        boost::system::error_code ignored;
        to.socket.shutdown(Socket::shutdown_send, ignored);
    }

    Side client_, origin_;
    std::chrono::milliseconds timeout_;
    BufferBudget& buffers_;
    std::uint64_t to_client_ = 0, to_origin_ = 0;
    boost::system::error_code error_;
};

}  // namespace

Awaitable<void> tunnel(ClientExchange& exchange, upstream::Exchange& origin) {
    const rules::ResponseHeader& response = origin.header();
    Worker& worker = exchange.worker;
    exchange.keep_alive = false;
    exchange.record.status = response.status;
    std::string head = forwarded_head(response, Framing::none, worker.now(), exchange.config().name, exchange.policy());
    rules::append_field(head, "Connection", "Upgrade");
    rules::append_field(head, "Upgrade", rules::value_of(response.fields, rules::http::field::upgrade));
    head += "\r\n";
    asio::const_buffer buffer = asio::buffer(head);
    const bool client_listens = co_await send(exchange, {&buffer, 1});
    if (!client_listens) co_return;

    const CountedWhile open(worker.own_metrics().tunnels);
    worker.own_metrics().tunnels_total.add();
    Tunnel both({exchange.client.socket(), exchange.client.deadline()}, {origin.socket(), origin.deadline()},
                exchange.config().limits.tunnel_timeout, worker.node().buffers);
    co_await both.run(exchange.client.received(), origin.received());
    exchange.record.bytes_sent += both.bytes_to_client();
    exchange.record.error = both.error();
    if (both.has_timed_out()) exchange.client.note(observe::Limit::tunnel_timeout);
}

}  // namespace proxy::serving
