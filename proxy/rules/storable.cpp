#include "proxy/rules/storable.hpp"

#include <algorithm>
#include <array>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/http_date.hpp"
#include "proxy/rules/media_type.hpp"
#include "proxy/rules/partial.hpp"
#include "proxy/rules/surrogate_keys.hpp"
#include "proxy/rules/uri.hpp"

namespace proxy::rules {
namespace {

using State = DeltaSeconds::State;

// Answers to what one client sent besides the URI (a condition, a range, too large a field, a wrong one), never to all
// who ask: who provokes one must not have it answered to others. RFC 9110 §15.5
bool depends_on_the_asker(unsigned status) noexcept {
    switch (status) {
        case 304:
        case 400:
        case 406:
        case 407:
        case 408:
        case 411:
        case 412:
        case 413:
        case 415:
        case 416:
        case 417:
        case 421:
        case 425:
        case 426:
        case 428:
        case 429:
        case 431:
        case 505: return true;
        default: return false;
    }
}

// One part of a representation whose length is known, with all the fields that a 200 would have: not so where If-Range
// let the origin leave some out. RFC 9110 §15.3.7, RFC 9111 §3.3
bool is_storable_part(const RequestHeader& request, const ResponseHeader& response) {
    return content_range_of(response) && !has(request.fields, http::field::if_range);
}

// Statuses whose requirements on caches we meet. RFC 9111 §5.2.2.3
bool is_understood(unsigned status) noexcept {
    return (status >= 200 && status <= 206) || (status >= 300 && status <= 303) || status == 307 || status == 308 ||
           (status >= 400 && status <= 417) || status == 421 || status == 422 || status == 426 ||
           (status >= 500 && status <= 505);
}

// RFC 9110 §9.3.3
bool is_post_storable_for_get(const RequestHeader& request, const ResponseHeader& response,
                              const Freshness& freshness) {
    using enum LifetimeSource;
    const bool is_explicit = freshness.source == targeted_field || freshness.source == s_maxage ||
                             freshness.source == max_age || freshness.source == expires;
    return request.method == http::verb::post && response.status == 200 && is_explicit &&
           same_origin_target(request, value_of(response.fields, http::field::content_location)) == request.target;
}

// RFC 9111 §3.5
bool may_share_despite_authorization(const CacheControl& control) noexcept {
    return control.is_public || control.must_revalidate || control.s_maxage.state != State::absent;
}

// Where the origin names Set-Cookie in no-cache="..." or private="...", it is left out of what is stored anyway.
bool names_set_cookie(const CacheControl& control) {
    const auto listed = [](const std::vector<std::string>& names) {
        return std::find(names.begin(), names.end(), "set-cookie") != names.end();
    };
    return listed(control.no_cache_fields) || listed(control.private_fields);
}

// Can it ever answer, now or after a validation? Being kept for a lost origin is no use of its own.
bool is_of_use(const ResponseHeader& response, const Arrival& arrival, const Freshness& freshness) {
    const seconds usable_for =
        freshness.lifetime + std::max(freshness.stale_while_revalidate, freshness.stale_if_error);
    return !value_of(response.fields, http::field::etag).empty() ||
           parse_http_date(value_of(response.fields, http::field::last_modified), arrival.response_time) ||
           (!freshness.no_cache && usable_for > current_age(arrival, arrival.response_time));
}

}  // namespace

std::string_view to_string(Uncacheable reason) noexcept {
    static constexpr std::array<std::string_view, uncacheable_count> names{
        "method",     "status",     "request-no-store", "no-store",    "private",       "authorization",
        "set-cookie", "media-type", "vary-any",         "vary-values", "no-freshness",  "request-content",
        "too-large",  "overloaded", "incomplete",       "invalidated", "surrogate-keys"};
    return names[static_cast<std::size_t>(reason)];
}

bool ends_what_is_stored(unsigned status, std::optional<Uncacheable> reason) noexcept {
    const bool refuses_the_client = status == 401 || status == 403 || depends_on_the_asker(status);
    if (!reason || refuses_the_client) return false;
    switch (*reason) {
        case Uncacheable::authorization:
        case Uncacheable::incomplete:
        case Uncacheable::invalidated:
        case Uncacheable::method:
        case Uncacheable::overloaded:
        case Uncacheable::request_content:
        case Uncacheable::request_no_store:
        case Uncacheable::vary_values: return false;
        default: return true;
    }
}

Storing decide_storing(const RequestHeader& request, bool request_has_content, const ResponseHeader& response,
                       const Arrival& arrival, const Policy& policy) {
    using enum Uncacheable;
    const CacheControl control = response_directives(response.fields, policy).control;
    const bool understood = is_understood(response.status);
    const Freshness freshness = freshness_of(response, arrival, policy);

    const bool is_get = request.method == http::verb::get;
    if (!is_get && !is_post_storable_for_get(request, response, freshness)) return method;
    if (is_get && request_has_content) return request_content;
    if (response.status < 200 || depends_on_the_asker(response.status)) return status;
    if (response.status == 206 && !is_storable_part(request, response)) return status;
    if (control.must_understand && !understood) return status;
    if (policy.honour_request_directives && parse_cache_control(request.fields).no_store) return request_no_store;
    if (control.no_store && !(control.must_understand && understood)) return no_store;
    if (control.is_private) return is_private;
    if (has(request.fields, http::field::authorization) && !may_share_despite_authorization(control))
        return authorization;
    if (policy.set_cookie == SetCookiePolicy::refuse && has(response.fields, http::field::set_cookie) &&
        !names_set_cookie(control))
        return set_cookie;
    if (policy.match_extension && response.status < 300 &&
        !fits_extension(request.target, value_of(response.fields, http::field::content_type)))
        return media_type;
    if (selecting_fields(response) == "*") return vary_any;
    if (!rules::surrogate_keys(response.fields, policy)) return surrogate_keys;
    if (freshness.source == LifetimeSource::none && !may_assume_lifetime(response.status, control, policy))
        return status;
    if (!is_of_use(response, arrival, freshness)) return no_freshness;
    return freshness;
}

}  // namespace proxy::rules
