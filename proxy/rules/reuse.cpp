#include "proxy/rules/reuse.hpp"

#include <array>

#include "proxy/rules/entity_tag.hpp"
#include "proxy/rules/http_date.hpp"
#include "proxy/rules/range.hpp"
#include "proxy/rules/stored_head.hpp"

namespace proxy::rules {
namespace {

using State = DeltaSeconds::State;

// If-Match and If-Unmodified-Since are the origin's to judge, unless they hold for what is stored: a download that is
// continued must not get its rest from another version. RFC 9110 §13.1.1, §13.1.4
bool asks_for_another_version(Fields fields, const StoredResponse& stored) {
    if (has(fields, http::field::if_match))
        return !lists_entity_tag(fields, http::field::if_match, field_in(stored.head(), "ETag"), Comparison::strong);
    const Field* since = find(fields, http::field::if_unmodified_since);
    if (!since) return false;
    const Time now = stored.arrival().response_time;
    const auto limit = parse_http_date(since->value, now);
    const auto last_modified = parse_http_date(field_in(stored.head(), "Last-Modified"), now);
    return limit && (!last_modified || *last_modified > *limit);
}

// RFC 9111 §5.2.1.1
bool accepts_age(const CacheControl& asked, seconds age) noexcept {
    return asked.max_age.state == State::absent || age <= asked.max_age.value;
}

// RFC 9111 §5.2.1.3
bool stays_fresh_enough(const CacheControl& asked, seconds remaining) noexcept {
    return asked.min_fresh.state == State::absent || remaining >= asked.min_fresh.value;
}

// RFC 9111 §5.2.1.2
bool accepts_staleness(const CacheControl& asked, seconds staleness) noexcept {
    return asked.max_stale_any || (asked.max_stale.state == State::valid && staleness <= asked.max_stale.value);
}

Reuse decide(const CacheControl& asked, const StoredResponse& stored, Time now, bool collapsible) {
    using enum ForwardReason;
    const Freshness freshness = stored.freshness();
    const seconds age = current_age(stored.arrival(), now);
    if (asked.no_cache) return Forward{request, collapsible};
    if (freshness.no_cache) return Forward{stale, collapsible};
    const bool acceptable = accepts_age(asked, age) && stays_fresh_enough(asked, freshness.lifetime - age);
    if (age < freshness.lifetime) {
        if (acceptable) return Serve{age};
        return Forward{request, collapsible};
    }
    if (!freshness.must_revalidate && accepts_age(asked, age) && accepts_staleness(asked, age - freshness.lifetime))
        return Serve{age};
    if (acceptable && age < freshness.answers_for()) return ServeWhileRevalidating{age};
    return Forward{stale, collapsible};
}

}  // namespace

std::string_view to_string(ForwardReason reason) noexcept {
    static constexpr std::array<std::string_view, forward_reason_count> names{
        "bypass", "method", "uri-miss", "vary-miss", "request", "stale", "partial"};
    return names[static_cast<std::size_t>(reason)];
}

bool may_look_up(const RequestHeader& request) noexcept {
    return (request.method == http::verb::get || request.method == http::verb::head) &&
           !has(request.fields, http::field::transfer_encoding) &&
           value_of(request.fields, http::field::content_length).find_first_not_of('0') == std::string_view::npos;
}

Reuse decide_reuse(const RequestHeader& request, const StoredResponse* stored, bool vary_miss, Time now,
                   const Policy& policy) {
    CacheControl asked = parse_cache_control(request.fields);
    const bool only_if_cached = asked.only_if_cached;
    if (!policy.honour_request_directives) asked = CacheControl{};
    const bool collapsible = request.method == http::verb::get && !asked.no_store;  // else its answer is not stored
    Reuse reuse = Forward{vary_miss ? ForwardReason::vary_miss : ForwardReason::uri_miss, collapsible};
    if (stored && asks_for_another_version(request.fields, *stored))
        reuse = Forward{ForwardReason::request, false};
    else if (stored && !has_content_for(request, *stored))
        reuse = Forward{ForwardReason::partial, collapsible};
    else if (stored)
        reuse = decide(asked, *stored, now, collapsible);
    if (only_if_cached && std::holds_alternative<Forward>(reuse)) return Unsatisfied{};
    return reuse;
}

bool may_serve_stale_on_error(const RequestHeader& request, const StoredResponse* stored, OriginFailure failure,
                              Time now, const Policy& policy) {
    if (!stored || stored->freshness().no_cache || !has_content_for(request, *stored) ||
        asks_for_another_version(request.fields, *stored))
        return false;
    const Freshness freshness = stored->freshness();
    const seconds age = current_age(stored->arrival(), now);
    if (age < freshness.lifetime) return true;
    if (freshness.must_revalidate) return false;
    const bool disconnected = failure != OriginFailure::status_5xx && policy.stale_when_disconnected;
    return age < freshness.lifetime + freshness.stale_if_error ||                           // RFC 5861 §4
           (disconnected && age < freshness.lifetime + freshness.stale_when_disconnected);  // RFC 9111 §4.2.4
}

}  // namespace proxy::rules
