// Invariants: a response is published only when it arrived whole; a truncated one breaks the client's connection off,
// so that it never looks whole. The client's leaving does not stop what can still be stored.

#include "proxy/serving/relay.hpp"

#include "proxy/rules/surrogate_keys.hpp"
#include "proxy/serving/content_framer.hpp"

namespace proxy::serving {
namespace {

// Why it is not stored; what is due to the method alone is said by the reason for forwarding.
void note(observe::ExchangeRecord& record, const std::optional<Collector>& collector) {
    if (!collector || collector->storable() || collector->uncacheable() == rules::Uncacheable::method) return;
    record.uncacheable = collector->uncacheable();
}

}  // namespace

Awaitable<void> relay(ClientExchange& exchange, upstream::Exchange& origin, const Storage& storage,
                      const rules::Arrival& arrival, std::optional<Collector> collector,
                      const rules::StoredResponse* had) {
    observe::ExchangeRecord& record = exchange.record;
    const rules::ResponseHeader& response = origin.header();
    note(record, collector);
    record.stored = collector && collector->storable();
    const Framing framing = framing_for(exchange.request, response.status, origin.content_length());
    if (framing == Framing::until_close || !exchange.client.request_is_read()) exchange.keep_alive = false;
    record.status = response.status;

    std::string head =
        forwarded_head(response, framing, arrival.response_time, exchange.config().name, exchange.policy());
    append_generated_fields(head, record, std::nullopt, std::nullopt, exchange.keep_alive, exchange.request.version);
    ContentFramer framer(framing);
    framer.put_first(head);
    bool client_listens = true;
    // Else both leave together.
    if (!origin.has_all_content()) client_listens = co_await send(exchange, framer.frame({}, std::nullopt));

    bool published = false;
    for (bool end = false; !end;) {
        const Result<upstream::Buffers> pieces = co_await origin.read_content();
        if (pieces.has_error()) {
            exchange.keep_alive = false;  // the client sees that it is truncated
            if (framing == Framing::until_close) exchange.client.reset();
            record.error = pieces.error();
            record.stored = false;
            if (collector && collector->storable()) record.uncacheable = rules::Uncacheable::incomplete;
            co_return;
        }
        end = origin.is_complete();
        if (collector && !published) collector->add(*pieces);
        // Before the last bytes: whoever has the whole answer finds it stored.
        if (collector && !published && collector->storable() && origin.is_complete()) {
            const store::StoredPtr stored = storage.stored_response(response, arrival, *collector, had);
            const std::optional<rules::Uncacheable> refused = storage.publish(stored);
            published = !refused;
            if (refused) collector->give_up(*refused);
        }
        std::optional<std::string> trailers;
        if (end) trailers = rules::without_surrogate_keys(origin.trailers(), exchange.policy());
        if (client_listens) client_listens = co_await send(exchange, framer.frame(*pieces, trailers));
        if (!client_listens && !(collector && collector->storable())) break;
    }
    note(record, collector);
    record.stored = published;
}

}  // namespace proxy::serving
