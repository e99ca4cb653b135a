#include "origin-stub/session.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>

#include "origin-stub/answer.hpp"
#include "origin-stub/send_answer.hpp"

namespace origin_stub {

namespace asio = boost::asio;
namespace beast = boost::beast;
using proxy::as_result;
using proxy::Awaitable;
using proxy::Socket;

namespace {

sys_seconds now() { return std::chrono::floor<seconds>(std::chrono::system_clock::now()); }

bool is_http_error(const beast::error_code& error) {
    return error.category() == beast::http::make_error_code(http::error::bad_version).category() &&
           error != http::error::end_of_stream && error != http::error::partial_message;
}

// The requests that operators and health checks send; they are not counted.
std::optional<Answer> answer_about_itself(const Request& request, Stats& stats) {
    const std::string_view path = path_of(request.target);
    if (path == "/health") return plain_answer(request, 200, R"({"status":"ok"})", now());
    if (path == "/stats") return plain_answer(request, 200, stats.to_json(), now());
    if (path != "/stats/reset") return std::nullopt;
    if (request.method != "POST") return error_answer(request, 405, "reset with POST", now());
    stats.reset();
    return plain_answer(request, 200, stats.to_json(), now());
}

Awaitable<void> refuse(Socket& socket, const beast::error_code& reason) {
    Request unreadable;
    unreadable.keep_alive = false;
    const Answer answer = error_answer(unreadable, 400, reason.message(), now());
    co_await send_answer(socket, answer);
}

Awaitable<bool> invite_content(Socket& socket) {
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto [error, written] = co_await asio::async_write(socket, asio::buffer(go_on), as_result);
    co_return !error;
}

// Reads one request to its end; false where none came.
Awaitable<bool> read_request(Socket& socket, beast::flat_buffer& buffer, RequestParser& parser) {
    const auto [header_error, header_size] = co_await http::async_read_header(socket, buffer, parser, as_result);
    if (is_http_error(header_error)) co_await refuse(socket, header_error);
    if (header_error) co_return false;

    const bool invited = beast::iequals(parser.get().value_of("Expect"), "100-continue");
    if (invited && !parser.is_done()) {
        const bool written = co_await invite_content(socket);
        if (!written) co_return false;
    }
    const auto [error, size] = co_await http::async_read(socket, buffer, parser, as_result);
    if (is_http_error(error)) co_await refuse(socket, error);
    co_return !error;
}

Awaitable<bool> serve_request(Socket& socket, beast::flat_buffer& buffer, Origin& origin) {
    RequestParser parser;
    const bool complete = co_await read_request(socket, buffer, parser);
    if (!complete) co_return false;

    const Request& request = parser.get();
    const std::optional<Answer> about_itself = answer_about_itself(request, origin.stats);
    if (about_itself) co_return co_await send_answer(socket, *about_itself);

    const auto counted = origin.stats.request_received(request.method, request.target);
    const Answer answer = make_answer(request, origin.versions, origin.latency, now());
    co_return co_await send_answer(socket, answer);
}

}  // namespace

Awaitable<void> serve_session(Socket socket, Origin& origin) {
    const auto counted = origin.stats.connection_accepted();
    beast::flat_buffer buffer;
    beast::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    for (bool more = true; more;) more = co_await serve_request(socket, buffer, origin);
    socket.shutdown(asio::socket_base::shutdown_send, ignored);
}

}  // namespace origin_stub
