#include "proxy/serving/storage.hpp"

#include <algorithm>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/partial.hpp"
#include "proxy/rules/stored_head.hpp"
#include "proxy/rules/surrogate_keys.hpp"
#include "proxy/rules/validation.hpp"

namespace proxy::serving {

std::string Storage::key_for(const rules::ResponseHeader& response) const {
    const std::string selecting = rules::selecting_fields(response);
    return selecting.empty() ? primary_key : rules::variant_key(primary_key, selecting, request);
}

rules::Storing Storage::decide(const rules::ResponseHeader& response, const rules::Arrival& arrival,
                               bool request_has_content, bool selective, const rules::StoredResponse* had) const {
    rules::Storing storing = rules::decide_storing(request, request_has_content, response, arrival, policy);
    if (std::holds_alternative<rules::Uncacheable>(storing)) return storing;
    const bool is_part = response.status == 206;
    if ((selective && response.status != 200 && !is_part) || (is_part && had && !had->partial()))
        return rules::Uncacheable::status;
    if (key_for(response).empty()) return rules::Uncacheable::vary_values;
    return storing;
}

Collector Storage::collector(const upstream::Exchange& exchange, rules::Storing storing) const {
    return Collector(std::move(storing), worker.max_object_size(), exchange.content_length(), worker.node().buffers);
}

store::StoredPtr Storage::outline(const rules::ResponseHeader& response, const rules::Arrival& arrival,
                                  const rules::Freshness& freshness,
                                  std::optional<std::uint64_t> content_length) const {
    const std::string key = key_for(response);
    const std::string head = rules::stored_head(response, arrival, content_length, worker.config().name, policy);
    const std::string selecting_fields = rules::selecting_fields(response);
    const std::string surrogate_keys = rules::surrogate_keys(response.fields, policy).value_or(std::string());
    return rules::StoredResponse::make(
        {.key = key,
         .status = response.status == 206 ? 200 : response.status,
         .head = head,
         .arrival = arrival,
         .freshness = rules::with_ttl_jitter(freshness, arrival, policy.ttl_jitter, worker.random()),
         .selecting_fields = selecting_fields,
         .surrogate_keys = surrogate_keys,
         .body = std::make_shared<const rules::Body>(rules::Body{.chunks = {}, .size = content_length.value_or(0)})});
}

store::StoredPtr Storage::freshened(const rules::StoredResponse& stored, const rules::ResponseHeader& not_modified,
                                    const rules::Arrival& arrival) const {
    store::StoredPtr fresh = rules::freshen(stored, request, not_modified, arrival, policy);
    if (!fresh || policy.ttl_jitter == 0) return fresh;
    rules::StoredDraft jittered = fresh->draft();
    jittered.freshness = rules::with_ttl_jitter(jittered.freshness, arrival, policy.ttl_jitter, worker.random());
    return rules::StoredResponse::make(jittered);
}

store::StoredPtr Storage::stored_response(const rules::ResponseHeader& response, const rules::Arrival& arrival,
                                          Collector& collector, const rules::StoredResponse* had) const {
    const auto part = rules::content_range_of(response);
    const std::uint64_t size = collector.size();
    const std::uint64_t complete_length = part ? part->complete_length : size;
    if (part && (size == 0 || size > part->range.size())) return {};

    const store::StoredPtr without_content = outline(response, arrival, collector.freshness(), complete_length);
    rules::StoredDraft draft = without_content->draft();
    draft.body = collector.finish();
    draft.fetch_time = fetch_time();
    if (size < complete_length) {  // what counts is the bytes that came, whatever Content-Range says of the last
        const rules::ByteRange received{part->range.first, part->range.first + size - 1};
        draft.partial = std::make_shared<const rules::Partial>(rules::Partial{complete_length, {received}});
    }
    store::StoredPtr stored = rules::StoredResponse::make(draft);
    if (!part || !had) return stored;
    store::StoredPtr both = rules::merged(*had, *stored, rules::updated_head(had->head(), response, arrival, policy));
    return both && both->content_size() <= worker.max_object_size() ? both : stored;
}

std::optional<rules::Uncacheable> Storage::publish(store::StoredPtr stored) const {
    if (!stored) return rules::Uncacheable::status;
    const Time now = worker.now();
    if (stored->partial()) {  // others may have stored more while this was on its way
        const store::StoredPtr current = worker.node().memory.lookup(primary_key, request, now).response;
        const bool is_fresh = current && rules::current_age(current->arrival(), now) < current->freshness().lifetime;
        if (is_fresh && !current->partial()) return rules::Uncacheable::status;
        const bool adds =
            is_fresh && !std::ranges::all_of(current->partial()->parts,
                                             [&](const rules::ByteRange& part) { return rules::holds(*stored, part); });
        store::StoredPtr both = adds ? rules::merged(*current, *stored, stored->head()) : nullptr;
        if (both && both->content_size() <= worker.max_object_size()) stored = std::move(both);
    }
    const seconds keep = stored->useful_for(now, policy.keep_for_validation);
    if (keep <= seconds(0)) return rules::Uncacheable::no_freshness;
    if (!worker.publish(primary_key, stored, keep, mark)) return rules::Uncacheable::invalidated;
    return std::nullopt;
}

Awaitable<void> Storage::invalidate() const {
    std::vector<std::string> keys{primary_key};
    co_await worker.invalidate(std::move(keys));
}

Awaitable<boost::system::error_code> gather(upstream::Exchange& origin, Collector& collector) {
    for (bool end = false; !end && collector.storable();) {
        const Result<upstream::Buffers> pieces = co_await origin.read_content();
        if (pieces.has_error()) co_return pieces.error();
        collector.add(*pieces);
        end = pieces->empty();
    }
    co_return boost::system::error_code();
}

}  // namespace proxy::serving
