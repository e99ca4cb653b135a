#include "proxy/serving/serve_connection.hpp"

#include "proxy/serving/answers.hpp"
#include "proxy/serving/handle_request.hpp"
#include "proxy/serving/heads.hpp"
#include "proxy/serving/worker.hpp"

namespace proxy::serving {
namespace {

std::string_view fields_for(unsigned status) {
    switch (status) {
        case 405: return allow_field;
        case 429:
        case 503: return "Retry-After: 1\r\n";
        default: return "";
    }
}

}  // namespace

Awaitable<void> refuse(Worker& worker, ClientConnection& client) {
    const Refusal& refusal = client.refusal();
    observe::ExchangeRecord record;
    const std::string request_id = worker.new_request_id();
    record.client = client.peer();
    record.request_id = request_id;
    record.status = refusal.status;
    record.detail = refusal.reason;
    bool head_only = false;
    if (const rules::RequestHeader* request = client.refused_request()) {
        record.method = request->method_text;
        record.authority = request->authority;
        record.target = request->target;
        head_only = request->method == rules::http::verb::head;
    }
    const std::string answer = own_response(refusal.status, refusal.reason, request_id, fields_for(refusal.status),
                                            false, head_only, worker.now());
    asio::const_buffer buffer = asio::buffer(answer);
    record.error = co_await client.write({&buffer, 1});
    if (!record.error) record.bytes_sent = answer.size();
    worker.record(record);
    co_await client.linger();
}

Awaitable<void> serve_connection(Worker& worker, ClientConnection& client) {
    Answers answers;
    Clock::time_point since = Clock::now();
    for (;;) {
        switch (client.take_request()) {
            case ClientConnection::Received::incomplete: {
                const bool sent = co_await answers.send(client, worker, since);
                if (!sent || worker.stopping()) co_return;
                const bool received = co_await client.receive();
                if (!received) {
                    if (client.is_refused()) co_await refuse(worker, client);
                    co_return;
                }
                since = Clock::now();
                break;
            }
            case ClientConnection::Received::refused: {
                const bool sent = co_await answers.send(client, worker, since);
                worker.own_metrics().malformed_requests.add();
                if (sent) co_await refuse(worker, client);
                co_return;
            }
            case ClientConnection::Received::request: {
                bool keep_alive = client.wants_keep_alive() && !worker.leaving();
                if (answer_from_memory(worker, client, keep_alive, answers)) {
                    if (keep_alive && answers.has_room()) break;
                    const bool sent = co_await answers.send(client, worker, since);
                    if (sent && keep_alive) break;
                    if (sent) co_await client.linger();
                    co_return;
                }
                const bool sent = co_await answers.send(client, worker, since);
                if (!sent) co_return;
                keep_alive = co_await handle_request(worker, client, keep_alive);
                if (!keep_alive) {
                    co_await client.linger();
                    co_return;
                }
                since = Clock::now();
                break;
            }
        }
    }
}

}  // namespace proxy::serving
