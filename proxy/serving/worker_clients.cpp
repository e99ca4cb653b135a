// How connections come to a worker, and how it parts with them.

#include <algorithm>

#include "proxy/serving/serve_connection.hpp"
#include "proxy/serving/worker.hpp"

namespace proxy::serving {
namespace {

// Whoever is turned away is told so; but a flood of them is not to take what the others need.
constexpr std::size_t max_turned_away = 64;

bool is_out_of_descriptors(boost::system::error_code ec) {
    return ec == boost::system::errc::too_many_files_open || ec == boost::system::errc::too_many_files_open_in_system;
}

}  // namespace

Awaitable<void> Worker::accept_clients(Acceptor& acceptor) {
    Timer pause(io_.get_executor());
    Clock::time_point say_again{};
    while (!stopping_) {
        Socket socket(io_.get_executor());
        const auto [ec] = co_await acceptor.async_accept(socket, as_result);
        if (ec == asio::error::operation_aborted || stopping_) co_return;
        if (!ec) {
            admit(std::move(socket));
            continue;
        }
        if (ec == asio::error::connection_aborted) continue;
        if (const auto now = Clock::now(); now >= say_again) {
            node_.log(LogLevel::warning, "cannot accept a connection: " + ec.message());
            say_again = now + std::chrono::seconds(10);
        }
        const bool exhausted = is_out_of_descriptors(ec);
        if (exhausted) metrics_.count(observe::Limit::descriptors);
        if (exhausted && close_oldest_idle()) continue;
        pause.expires_after(std::chrono::milliseconds(100));  // others may still be served meanwhile
        co_await pause.async_wait(as_result);
    }
}

void Worker::admit(Socket socket) {
    boost::system::error_code gone;
    const asio::ip::address address = socket.remote_endpoint(gone).address();
    if (gone) return;
    const std::string text = address.to_string();
    const bool exempt =
        std::ranges::any_of(limits_.exempt_clients, [&](const AddressRange& range) { return range.contains(text); });
    std::optional<ClientAddresses::Place> place =
        exempt ? std::nullopt : node_.clients.enter(address, limits_.max_connections_per_client);
    if (!exempt && !place)
        return turn_away(std::move(socket),
                         {429, "too many connections from this address", observe::Limit::max_connections_per_client});
    const std::size_t share = std::max<std::size_t>(1, limits_.max_connections / workers_);
    if (metrics_.connections_open.get() >= share && !close_oldest_idle())
        return turn_away(std::move(socket), {503, "too many connections", observe::Limit::max_connections});
    spawn(serve(std::move(socket), std::move(place)));
}

bool Worker::close_oldest_idle() {
    if (idle_clients_.empty()) return false;
    ClientConnection& oldest = idle_clients_.front();
    idle_clients_.pop_front();
    oldest.close();  // its coroutine ends by that
    metrics_.idle_connections_closed.add();
    return true;
}

void Worker::turn_away(Socket socket, const Refusal& refusal) {
    metrics_.connections_refused.add();
    metrics_.count(*refusal.limit);
    if (turned_away_.get() < max_turned_away) spawn(answer_turned_away(std::move(socket), refusal));
}

Awaitable<void> Worker::answer_turned_away(Socket socket, Refusal refusal) {
    const CountedWhile counted(turned_away_);
    ClientConnection client(std::move(socket), surroundings());
    client.refuse_with(refusal);
    co_await refuse(*this, client);
}

Awaitable<void> Worker::serve(Socket socket, [[maybe_unused]] std::optional<ClientAddresses::Place> place) {
    ClientConnection client(std::move(socket), surroundings());
    clients_.push_back(client);
    metrics_.connections_total.add();
    const CountedWhile open(metrics_.connections_open);
    co_await serve_connection(*this, client);
    const std::optional<observe::Limit> limit = client.limit_reached();
    if (limit && !deadlines_.all_expired()) metrics_.count(*limit);
}

ClientSurroundings Worker::surroundings() {
    return {.deadlines = deadlines_,
            .limits = limits_,
            .buffers = node_.buffers,
            .idle = idle_clients_,
            .default_authority = default_authority_};
}

void Worker::begin_drain() {
    if (std::exchange(stopping_, true)) return;
    leaving_ = true;
    boost::system::error_code ignored;
    for (const auto& acceptor : acceptors_) acceptor->close(ignored);
    for (ClientConnection& client : clients_)
        if (client.is_idle()) client.close();
    drain_timer_.expires_after(config().drain_deadline);
    drain_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec) deadlines_.expire_all();
    });
    ++tasks_;  // so that a worker without any task ends, too
    task_ended();
}

}  // namespace proxy::serving
