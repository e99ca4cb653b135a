#include "proxy/async/write_all.hpp"

namespace proxy {
namespace {

void advance(std::span<asio::const_buffer>& buffers, std::size_t written) {
    while (!buffers.empty() && written >= buffers.front().size()) {
        written -= buffers.front().size();
        buffers = buffers.subspan(1);
    }
    if (written > 0) buffers.front() += written;
}

}  // namespace

boost::system::error_code write_now(Socket& socket, std::span<asio::const_buffer>& buffers) {
    boost::system::error_code ec;
    while (!buffers.empty()) {
        const std::size_t written = socket.write_some(buffers, ec);
        if (ec == asio::error::would_block || ec == asio::error::try_again) return {};
        if (ec) return ec;
        advance(buffers, written);
    }
    return ec;
}

Awaitable<boost::system::error_code> write_all(Socket& socket, std::span<asio::const_buffer> buffers,
                                               Deadline& deadline, std::chrono::milliseconds stall) {
    boost::system::error_code failed = write_now(socket, buffers);
    if (failed || buffers.empty()) co_return failed;
    while (!buffers.empty()) {
        deadline.set(Clock::now() + stall);
        const auto [ec, written] = co_await socket.async_write_some(buffers, as_result);
        if (ec) co_return ec;
        advance(buffers, written);
    }
    deadline.clear();
    co_return boost::system::error_code();
}

}  // namespace proxy
