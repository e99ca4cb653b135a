#include "origin-stub/send_answer.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>

namespace origin_stub {

namespace asio = boost::asio;
using proxy::as_result;
using proxy::Awaitable;
using proxy::Socket;

namespace {

constexpr std::uint64_t largest_piece = 64 * 1024;
constexpr std::uint64_t drips = 10;  // at least so many pieces where the content drips

std::string_view interim_response(unsigned status) {
    switch (status) {
        case 100: return "HTTP/1.1 100 Continue\r\n\r\n";
        case 102: return "HTTP/1.1 102 Processing\r\n\r\n";
        default: return "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload; as=style\r\n\r\n";
    }
}

Awaitable<bool> write_text(Socket& socket, std::string text) {
    const auto [error, written] = co_await asio::async_write(socket, asio::buffer(text), as_result);
    co_return !error;
}

Awaitable<bool> write_chunk(Socket& socket, std::string text) {
    const auto [error, written] = co_await asio::async_write(socket, http::make_chunk(asio::buffer(text)), as_result);
    co_return !error;
}

Awaitable<bool> write_last_chunk(Socket& socket, bool with_trailers) {
    http::fields trailers;
    if (with_trailers) trailers.set("X-Stub-Trailer", "complete");
    const auto [error, written] = co_await asio::async_write(socket, http::make_chunk_last(trailers), as_result);
    co_return !error;
}

Awaitable<bool> write_content(Socket& socket, const Answer& answer) {
    const std::uint64_t size = answer.content.size();
    const std::uint64_t end = std::min(size, answer.knobs.truncate.value_or(size));
    const milliseconds drip = answer.knobs.drip;
    const bool drips_out = drip > milliseconds{0} && size > 0;
    const std::uint64_t piece = drips_out ? std::min(largest_piece, (size + drips - 1) / drips) : largest_piece;

    const auto begin = std::chrono::steady_clock::now();
    proxy::Timer timer(socket.get_executor());
    for (std::uint64_t offset = 0; offset < end; offset += piece) {
        if (drips_out) {
            const double part = static_cast<double>(std::min(size, offset + piece)) / static_cast<double>(size);
            timer.expires_at(begin + std::chrono::duration_cast<milliseconds>(drip * part));
            co_await timer.async_wait(proxy::use_awaitable);
        }
        std::string bytes = answer.content.read(offset, static_cast<std::size_t>(std::min(piece, end - offset)));
        bool written = false;
        if (answer.chunked)
            written = co_await write_chunk(socket, std::move(bytes));
        else
            written = co_await write_text(socket, std::move(bytes));
        if (!written) co_return false;
    }
    co_return true;
}

// Until the client leaves.
Awaitable<void> swallow(Socket& socket) {
    std::array<char, 4096> bytes;
    for (;;) {
        const auto [error, count] = co_await socket.async_read_some(asio::buffer(bytes), as_result);
        if (error) co_return;
    }
}

void reset(Socket& socket) {
    boost::system::error_code ignored;
    socket.set_option(asio::socket_base::linger(true, 0), ignored);
    socket.close(ignored);
}

}  // namespace

Awaitable<bool> send_answer(Socket& socket, const Answer& answer) {
    const Knobs& knobs = answer.knobs;
    if (answer.latency > milliseconds{0}) {
        proxy::Timer timer(socket.get_executor(), answer.latency);
        co_await timer.async_wait(proxy::use_awaitable);
    }
    if (knobs.reset) {
        reset(socket);
        co_return false;
    }
    if (knobs.hang) {
        co_await swallow(socket);
        co_return false;
    }
    if (knobs.garbage) {
        co_await write_text(socket, "\x01\x02 this is not HTTP \xff\xfe\r\n\r\n");
        co_return false;
    }
    if (knobs.interim && !co_await write_text(socket, std::string(interim_response(*knobs.interim)))) co_return false;

    http::response_serializer<http::empty_body> head(answer.head);
    const auto [error, written] = co_await http::async_write_header(socket, head, as_result);
    if (error) co_return false;
    if (!co_await write_content(socket, answer)) co_return false;
    if (knobs.truncate) co_return false;
    if (answer.chunked && !co_await write_last_chunk(socket, knobs.trailers)) co_return false;
    if (!knobs.surplus.empty() && !co_await write_text(socket, knobs.surplus)) co_return false;
    co_return answer.keep_alive;
}

}  // namespace origin_stub
