#include "origin-stub/server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <iostream>
#include <stdexcept>

#include "origin-stub/session.hpp"

namespace origin_stub {

namespace asio = boost::asio;

proxy::Acceptor listen_on(asio::io_context& io, const std::string& host_and_port) try {
    const std::size_t colon = host_and_port.rfind(':');
    if (colon == std::string::npos) throw std::runtime_error("expected HOST:PORT");
    std::string host = host_and_port.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);

    proxy::Resolver resolver(io.get_executor());
    const auto found = resolver.resolve(host, host_and_port.substr(colon + 1), asio::ip::resolver_base::passive);
    const asio::ip::tcp::endpoint endpoint = *found.begin();
    proxy::Acceptor acceptor(io.get_executor(), endpoint.protocol());
    acceptor.set_option(asio::socket_base::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen(asio::socket_base::max_listen_connections);
    return acceptor;
} catch (const std::exception& error) {
    throw std::runtime_error("cannot listen on " + host_and_port + ": " + error.what());
}

proxy::Awaitable<void> accept_clients(proxy::Acceptor& acceptor, Origin& origin) {
    for (;;) {
        auto [error, socket] = co_await acceptor.async_accept(proxy::as_result);
        if (!error) {
            asio::co_spawn(acceptor.get_executor(), serve_session(std::move(socket), origin), asio::detached);
            continue;
        }
        std::cerr << "weir-origin-stub: accept: " << error.message() << '\n';
        proxy::Timer pause(acceptor.get_executor(), std::chrono::milliseconds{100});  // out of file descriptors, say
        co_await pause.async_wait(proxy::use_awaitable);
    }
}

}  // namespace origin_stub
