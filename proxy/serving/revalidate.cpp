#include "proxy/serving/revalidate.hpp"

#include "proxy/rules/validation.hpp"
#include "proxy/serving/heads.hpp"
#include "proxy/serving/storage.hpp"

namespace proxy::serving {
namespace {

// A request of its own: what a background task needs after the client's bytes are gone.
class RequestCopy {
 public:
    explicit RequestCopy(const rules::RequestHeader& request) : header_(request) {
        std::size_t size = request.method_text.size() + request.authority.size() + request.target.size();
        for (const rules::Field& field : request.fields) size += field.name.size() + field.value.size();
        text_.reserve(size);  // never exceeded: the views below stay valid
        header_.method_text = keep(request.method_text);
        header_.authority = keep(request.authority);
        header_.target = keep(request.target);
        for (const rules::Field& field : request.fields)
            fields_.push_back({field.id, keep(field.name), keep(field.value)});
        header_.fields = fields_;
    }
    RequestCopy(const RequestCopy&) = delete;
    RequestCopy& operator=(const RequestCopy&) = delete;

    [[nodiscard]] const rules::RequestHeader& header() const noexcept { return header_; }

 private:
    std::string_view keep(std::string_view view) {
        const std::size_t from = text_.size();
        text_.append(view);
        return {text_.data() + from, view.size()};
    }

    std::string text_;
    std::vector<rules::Field> fields_;
    rules::RequestHeader header_;
};

// What the origin's answer changes. False where it was a 304 for something else: ask again, without conditions.
Awaitable<bool> apply(const Storage& storage, upstream::Exchange& origin, const rules::Arrival& arrival,
                      const rules::StoredResponse* validated) {
    const rules::ResponseHeader& response = origin.header();
    if (validated && response.status == 304) {
        const auto fresh = rules::freshen(*validated, storage.request, response, arrival, storage.policy);
        if (fresh) storage.publish(fresh);
        co_return fresh != nullptr;
    }
    // Then the stale one stays, as long as it may.
    if (rules::is_server_failure(response.status) || response.status == 304) co_return true;
    Collector collector = storage.collector(origin, arrival, false, false, nullptr);
    const boost::system::error_code ec = co_await gather(origin, collector);
    if (ec) co_return true;
    const auto stored = collector.storable() ? storage.stored_response(response, arrival, collector, nullptr) : nullptr;
    if (stored) {
        storage.publish(stored);
    } else if (rules::ends_what_is_stored(response.status, collector.uncacheable())) {
        co_await storage.invalidate();
    }
    co_return true;
}

Awaitable<void> revalidate(Worker& worker, const Route& route, std::string key, std::unique_ptr<RequestCopy> copy,
                           store::StoredPtr stored) {
    struct Done {
        Worker& owner;
        const std::string& key;
        ~Done() { owner.revalidating.erase(key); }
    } done{worker, key};
    const rules::RequestHeader& request = copy->header();
    const std::string request_id = worker.new_request_id();
    const Storage storage{worker, route.config->policy, request, key};
    const ForwardedRequest forwarded(request, storage.policy.key, true, route.pool->config().host);
    const ForwardingInfo info{
        .host = forwarded.host(), .client = "", .request_id = request_id, .proxy_name = worker.config().name};
    for (const rules::StoredResponse* validated = stored.get();; validated = nullptr) {
        std::string conditions;
        if (validated) rules::append_conditional_fields(conditions, *validated);
        const upstream::OutgoingRequest outgoing =
            outgoing_request(forwarded.header(), false, std::nullopt, true, conditions, info);
        const Time sent = worker.now();
        const auto fetched = co_await upstream::fetch(*route.pool, outgoing, nullptr);
        if (fetched.has_error()) co_return;  // counted by the pool
        const rules::Arrival arrival = rules::arrival_of((*fetched)->header(), sent, worker.now());
        const bool applied = co_await apply(storage, **fetched, arrival, validated);
        if (applied || !validated) co_return;
    }
}

}  // namespace

void revalidate_in_background(const ClientExchange& exchange, const store::StoredPtr& stored) {
    Worker& worker = exchange.worker;
    if (worker.stopping() || exchange.request.method != rules::http::verb::get) return;
    if (!worker.revalidating.insert(exchange.key).second) return;
    worker.spawn(
        revalidate(worker, exchange.route, exchange.key, std::make_unique<RequestCopy>(exchange.request), stored));
}

}  // namespace proxy::serving
