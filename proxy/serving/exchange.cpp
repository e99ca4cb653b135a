#include "proxy/serving/exchange.hpp"

#include "proxy/rules/cache_status.hpp"
#include "proxy/rules/http_date.hpp"
#include "proxy/rules/validation.hpp"
#include "proxy/serving/heads.hpp"
#include "proxy/serving/range_answer.hpp"

namespace proxy::serving {
namespace {

namespace http = rules::http;

// Of an error of ours. RFC 9211 §2
std::string cache_status_field(const observe::ExchangeRecord& record) {
    const std::string quoted = '"' + std::string(record.detail) + '"';
    std::string line = "Cache-Status: ";
    {
        rules::Appender pieces(line);
        rules::append_cache_status(
            pieces, "Weir",
            {.hit = false, .forwarded = record.forwarded, .forward_status = record.forward_status, .detail = quoted});
    }
    line += "\r\n";
    return line;
}

}  // namespace

ClientExchange::ClientExchange(Worker& w, ClientConnection& c, bool keep)
    : worker(w),
      client(c),
      request(c.request()),
      snapshot(w.snapshot()),
      route(w.route_for(request)),
      request_id(w.new_request_id()),
      keep_alive(keep) {
    record.client = client.peer();
    record.method = request.method_text;
    record.authority = request.authority;
    record.target = request.target;
    record.request_id = request_id;
}

ClientExchange::~ClientExchange() {
    record.total = Clock::now() - started;
    worker.record(record);
}

Awaitable<bool> send(ClientExchange& exchange, std::span<asio::const_buffer> buffers) {
    const std::size_t size = asio::buffer_size(buffers);
    boost::system::error_code ec = exchange.client.write_now(buffers);
    if (!ec && !buffers.empty()) ec = co_await exchange.client.write(buffers);
    if (ec) {
        exchange.record.error = ec;
        exchange.keep_alive = false;
        co_return false;
    }
    exchange.record.bytes_sent += size;
    co_return true;
}

Awaitable<void> answer_stored(ClientExchange& exchange, const store::StoredPtr& stored, seconds age) {
    const rules::RequestHeader& request = exchange.request;
    std::string generated;
    std::string not_modified;
    std::optional<RangeAnswer> part;
    std::vector<asio::const_buffer> content;
    asio::const_buffer head = asio::buffer(stored->head());
    exchange.record.status = stored->status();

    rules::RangeAnswer range = rules::decide_range(request, *stored);
    if (rules::client_copy_is_valid(request, *stored)) {
        not_modified = rules::not_modified_head(*stored);
        head = asio::buffer(not_modified);
        exchange.record.status = 304;
    } else if (std::holds_alternative<rules::Unsatisfiable>(range)) {
        const std::string content_range =
            "Content-Range: bytes */" + std::to_string(stored->complete_length()) + "\r\n";
        const observe::Outcome outcome = exchange.record.outcome;
        co_await answer_error(exchange, 416, "no part of the range exists", content_range);
        exchange.record.outcome = outcome;  // it was what is stored that said so
        co_return;
    } else if (auto* ranges = std::get_if<std::vector<rules::ByteRange>>(&range)) {
        part.emplace(*stored, std::move(*ranges), exchange.request_id);
        head = asio::buffer(part->head());
        part->append_to(content);
        exchange.record.status = 206;
    } else if (request.method != http::verb::head) {
        append_content(content, *stored, 0, stored->content_size());
    }
    append_generated_fields(generated, exchange.record, age, stored->freshness().lifetime - age, exchange.keep_alive,
                            request.version);
    std::vector<asio::const_buffer> buffers{head, asio::buffer(generated)};
    buffers.insert(buffers.end(), content.begin(), content.end());
    co_await send(exchange, buffers);
}

Awaitable<void> answer_error(ClientExchange& exchange, unsigned status, std::string_view detail,
                             std::string_view extra_fields) {
    if (!exchange.client.request_is_read()) exchange.keep_alive = false;
    exchange.record.outcome = observe::Outcome::error;
    exchange.record.status = status;
    exchange.record.detail = detail;
    const std::string fields = std::string(extra_fields) + cache_status_field(exchange.record);
    const std::string answer = own_response(status, detail, exchange.request_id, fields, exchange.keep_alive,
                                            exchange.request.method == http::verb::head, exchange.worker.now());
    asio::const_buffer buffer = asio::buffer(answer);
    co_await send(exchange, {&buffer, 1});
}

Awaitable<void> answer_local(ClientExchange& exchange, LocalResponse response) {
    if (!exchange.client.request_is_read()) exchange.keep_alive = false;
    exchange.record.outcome = observe::Outcome::local;
    exchange.record.status = response.status;
    std::string head =
        "HTTP/1.1 " + std::to_string(response.status) + ' ' + std::string(reason_phrase(response.status)) +
        "\r\nDate: " + rules::format_http_date(exchange.worker.now()) + "\r\nContent-Type: " + response.content_type +
        "\r\nContent-Length: " + std::to_string(response.body.size()) +
        "\r\nCache-Control: no-store\r\nConnection: " + (exchange.keep_alive ? "keep-alive" : "close") + "\r\n\r\n";
    std::vector<asio::const_buffer> buffers{asio::buffer(head)};
    if (exchange.request.method != http::verb::head) buffers.push_back(asio::buffer(response.body));
    co_await send(exchange, buffers);
}

}  // namespace proxy::serving
