#include "proxy/serving/last_recipient.hpp"

#include "proxy/serving/heads.hpp"

namespace proxy::serving {
namespace {

namespace http = rules::http;

std::string shown(const rules::RequestHeader& request) {
    std::string text;
    text.append(request.method_text).append(" ").append(request.target);
    text.append(request.version == 10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    for (const rules::Field& field : request.fields) {
        const bool is_secret = field.id == http::field::authorization || field.id == http::field::cookie ||
                               field.id == http::field::proxy_authorization;
        if (!is_secret) rules::append_field(text, field.name, field.value);
    }
    return text += "\r\n";
}

}  // namespace

Awaitable<void> answer_as_last_recipient(ClientExchange& exchange) {
    if (exchange.request.method == http::verb::trace) {
        LocalResponse response{.status = 200, .content_type = "message/http", .body = shown(exchange.request)};
        co_await answer_local(exchange, std::move(response));
        co_return;
    }
    if (!exchange.client.request_is_read()) exchange.keep_alive = false;
    exchange.record.outcome = observe::Outcome::local;
    exchange.record.status = 200;
    const std::string answer = own_response(200, "no further by Max-Forwards", exchange.request_id, allow_field,
                                            exchange.keep_alive, false, exchange.worker.now());
    asio::const_buffer buffer = asio::buffer(answer);
    co_await send(exchange, {&buffer, 1});
}

}  // namespace proxy::serving
