#include "proxy/serving/storage.hpp"

#include <algorithm>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/partial.hpp"
#include "proxy/rules/surrogate_keys.hpp"

namespace proxy::serving {

std::size_t Storage::max_object_size() const noexcept {
    const Config& config = worker.config();
    const std::size_t in_memory = std::min(config.memory.max_object_size, config.memory.budget);
    return std::max(in_memory, config.redis ? config.redis->max_object_size : std::size_t{0});
}

std::string Storage::key_for(const rules::ResponseHeader& response) const {
    const std::string selecting = rules::selecting_fields(response);
    return selecting.empty() ? primary_key : rules::variant_key(primary_key, selecting, request);
}

Collector Storage::collector(const upstream::Exchange& exchange, const rules::Arrival& arrival,
                             bool request_has_content, bool selective, const rules::StoredResponse* had) const {
    const rules::ResponseHeader& response = exchange.header();
    rules::Storing storing = rules::decide_storing(request, request_has_content, response, arrival, policy);
    const bool is_part = response.status == 206;
    if (std::holds_alternative<rules::Freshness>(storing)) {
        if ((selective && response.status != 200 && !is_part) || (is_part && had && !had->partial))
            storing = rules::Uncacheable::status;
        else if (key_for(response).empty())
            storing = rules::Uncacheable::vary_values;
    }
    return Collector(std::move(storing), max_object_size(), exchange.content_length());
}

store::StoredPtr Storage::stored_response(const rules::ResponseHeader& response, const rules::Arrival& arrival,
                                          Collector& collector, const rules::StoredResponse* had) const {
    const auto part = rules::content_range_of(response);
    const std::uint64_t size = collector.size();
    const std::uint64_t complete_length = part ? part->complete_length : size;
    if (part && (size == 0 || size > part->range.size())) return {};

    std::shared_ptr<const rules::Partial> partial;
    if (size < complete_length) {  // what counts is the bytes that came, whatever Content-Range says of the last
        const rules::ByteRange received{part->range.first, part->range.first + size - 1};
        partial = std::make_shared<const rules::Partial>(rules::Partial{complete_length, {received}});
    }
    std::string head = rules::stored_head(response, arrival, complete_length, worker.config().name, policy);
    const unsigned status = part ? 200 : response.status;
    std::vector<std::string> surrogate_keys =
        rules::surrogate_keys(response.fields, policy).value_or(std::vector<std::string>{});
    store::StoredPtr stored = collector.finish(key_for(response), rules::selecting_fields(response), status,
                                               std::move(head), arrival, std::move(surrogate_keys), std::move(partial));
    if (!part || !had) return stored;
    store::StoredPtr both = rules::merged(*had, *stored, rules::updated_head(had->head, response, arrival, policy));
    return both && both->body->size <= max_object_size() ? both : stored;
}

std::optional<rules::Uncacheable> Storage::publish(store::StoredPtr stored) const {
    if (!stored) return rules::Uncacheable::status;
    const Time now = worker.now();
    if (stored->partial) {  // others may have stored more while this was on its way
        const store::StoredPtr current = worker.node().memory.lookup(primary_key, request, now).response;
        const bool is_fresh = current && rules::current_age(current->arrival, now) < current->freshness.lifetime;
        if (is_fresh && !current->partial) return rules::Uncacheable::status;
        const bool adds = is_fresh && !std::ranges::all_of(current->partial->parts, [&](const rules::ByteRange& part) {
                              return rules::holds(*stored, part);
                          });
        store::StoredPtr both = adds ? rules::merged(*current, *stored, stored->head) : nullptr;
        if (both && both->body->size <= max_object_size()) stored = std::move(both);
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
