#include "proxy/serving/exchange.hpp"

#include "proxy/rules/http_date.hpp"
#include "proxy/rules/validation.hpp"
#include "proxy/serving/heads.hpp"

namespace proxy::serving {
namespace {

namespace http = rules::http;

// The stored content from `first` on, `size` bytes of it.
void append_content(std::vector<asio::const_buffer>& buffers, const rules::Body& body, std::uint64_t first,
                    std::uint64_t size) {
    for (const std::string& chunk : body.chunks) {
        if (size == 0) return;
        if (first >= chunk.size()) {
            first -= chunk.size();
            continue;
        }
        const std::uint64_t n = std::min<std::uint64_t>(size, chunk.size() - first);
        buffers.emplace_back(chunk.data() + first, n);
        first = 0;
        size -= n;
    }
}

// The stored head with another status, and the Content-Length and Content-Range of a part. RFC 9110 §15.3.7
std::string partial_head(const rules::StoredResponse& stored, rules::ByteRange range) {
    std::string head = "HTTP/1.1 206 Partial Content\r\n";
    for (const rules::Field& field : rules::fields_of(stored.head))
        if (field.id != http::field::content_length)
            head.append(field.name).append(": ").append(field.value).append("\r\n");
    head += "Content-Range: bytes " + std::to_string(range.first) + '-' + std::to_string(range.last) + '/' +
            std::to_string(stored.body->size) + "\r\nContent-Length: " + std::to_string(range.last - range.first + 1) +
            "\r\n";
    return head;
}

}  // namespace

ClientExchange::ClientExchange(Worker& w, ClientConnection& c, bool keep)
    : worker(w),
      client(c),
      request(c.request()),
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
    const boost::system::error_code ec = co_await exchange.client.write(buffers);
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
    std::vector<asio::const_buffer> buffers;
    std::string head;  // empty: the stored one as it is
    std::uint64_t first = 0;
    std::uint64_t size = request.method == http::verb::head ? 0 : stored->body->size;
    exchange.record.status = stored->status;

    if (rules::client_copy_is_valid(request, *stored)) {
        head = rules::not_modified_head(*stored);
        exchange.record.status = 304;
        size = 0;
    } else {
        const rules::RangeAnswer ranges = rules::decide_range(request, *stored);
        if (std::holds_alternative<rules::Unsatisfiable>(ranges)) {
            co_await answer_error(exchange, 416, "no part of the range exists",
                                  "Content-Range: bytes */" + std::to_string(stored->body->size) + "\r\n");
            co_return;
        }
        // Of several ranges none is picked: the whole content answers. RFC 9110 §14.2
        const auto* parts = std::get_if<std::vector<rules::ByteRange>>(&ranges);
        if (parts && parts->size() == 1) {
            head = partial_head(*stored, parts->front());
            exchange.record.status = 206;
            first = parts->front().first;
            size = parts->front().last - first + 1;
        }
    }
    std::string generated;
    append_generated_fields(generated, exchange.record, age, stored->freshness.lifetime - age, exchange.keep_alive,
                            request.version);
    buffers.push_back(asio::buffer(head.empty() ? stored->head : head));
    buffers.push_back(asio::buffer(generated));
    append_content(buffers, *stored->body, first, size);
    co_await send(exchange, buffers);
}

Awaitable<void> answer_error(ClientExchange& exchange, unsigned status, std::string_view detail,
                             std::string_view extra_fields) {
    if (!exchange.client.request_is_read()) exchange.keep_alive = false;
    exchange.record.outcome = observe::Outcome::error;
    exchange.record.status = status;
    const std::string answer = own_response(status, detail, exchange.request_id, extra_fields, exchange.keep_alive,
                                            exchange.request.method == http::verb::head, exchange.worker.now());
    asio::const_buffer buffer = asio::buffer(answer);
    co_await send(exchange, {&buffer, 1});
}

Awaitable<void> answer_local(ClientExchange& exchange, const LocalResponse& response) {
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
