#include "proxy/rules/freshness.hpp"

#include <algorithm>

#include "proxy/rules/http_date.hpp"

namespace proxy::rules {
namespace {

constexpr seconds clock_tolerance{60};  // among the nodes of a fleet

seconds saturated(seconds value) noexcept { return std::clamp(value, seconds{0}, max_delta_seconds); }

// The first list member; ignored unless it is a number. RFC 9111 §5.1
seconds age_value(Fields fields) noexcept {
    for (const Field& field : fields) {
        if (field.id != http::field::age) continue;
        std::string_view list = field.value;
        if (const std::string_view first = next_list_member(list); !first.empty())
            return parse_delta_seconds(first).value_or(seconds{0});
    }
    return seconds{0};
}

struct Lifetime {
    seconds value{0};
    LifetimeSource source = LifetimeSource::none;
};

// RFC 9111 §4.2.1
Lifetime explicit_lifetime(const ResponseDirectives& directives, const ResponseHeader& response,
                           const Arrival& arrival) {
    using enum LifetimeSource;
    const auto& [control, targeted] = directives;
    if (control.s_maxage.state != DeltaSeconds::State::absent)
        return {control.s_maxage.value, targeted ? targeted_field : s_maxage};
    if (control.max_age.state != DeltaSeconds::State::absent)
        return {control.max_age.value, targeted ? targeted_field : max_age};
    const Field* expires_field = targeted ? nullptr : find(response.fields, http::field::expires);
    if (!expires_field) return {};
    const auto time = parse_http_date(expires_field->value, arrival.response_time);
    return {time ? saturated(within_kept_times(*time) - arrival.date) : seconds{0}, expires};
}

// RFC 9111 §4.2.2
seconds heuristic_lifetime(const ResponseHeader& response, const Arrival& arrival, const Policy& policy) {
    if (!policy.heuristics) return seconds{0};
    const auto last_modified =
        parse_http_date(value_of(response.fields, http::field::last_modified), arrival.response_time);
    if (!last_modified) return seconds{0};
    return std::min(saturated((arrival.date - *last_modified) / 10), policy.heuristic_limit);
}

Lifetime lifetime_of(const ResponseDirectives& directives, const ResponseHeader& response, const Arrival& arrival,
                     const Policy& policy) {
    using enum LifetimeSource;
    const Lifetime by_origin = explicit_lifetime(directives, response, arrival);
    const bool may_assume = may_assume_lifetime(response.status, directives.control, policy);
    const seconds age_at_arrival = current_age(arrival, arrival.response_time);
    if (policy.override_ttl && (by_origin.source != none || may_assume))
        return {saturated(age_at_arrival + *policy.override_ttl), override_ttl};
    if (by_origin.source != none || !may_assume || directives.control.no_cache) return by_origin;
    if (const seconds heuristics = heuristic_lifetime(response, arrival, policy); heuristics > seconds{0})
        return {heuristics, heuristic};
    if (policy.default_ttl) return {saturated(age_at_arrival + *policy.default_ttl), default_ttl};
    return {};
}

// What the origin says of a stale window, else what the operator does.
seconds window(const DeltaSeconds& by_origin, seconds by_operator) noexcept {
    return by_origin.state == DeltaSeconds::State::absent ? saturated(by_operator) : by_origin.value;
}

}  // namespace

Arrival arrival_of(const ResponseHeader& response, Time request_time, Time response_time) {
    const auto date = parse_http_date(value_of(response.fields, http::field::date), response_time);
    return {request_time, response_time, within_kept_times(date.value_or(response_time)), age_value(response.fields)};
}

seconds current_age(const Arrival& arrival, Time now) {
    if (arrival.response_time - now > clock_tolerance) return max_delta_seconds;
    const seconds apparent_age = std::max(seconds{0}, arrival.response_time - arrival.date);
    const seconds response_delay = std::max(seconds{0}, arrival.response_time - arrival.request_time);
    const seconds corrected_age_value = arrival.age + response_delay;
    const seconds corrected_initial_age = std::max(apparent_age, corrected_age_value);
    const seconds resident_time = std::max(seconds{0}, now - arrival.response_time);  // our clock may step back
    return saturated(corrected_initial_age + resident_time);
}

bool is_heuristically_cacheable(unsigned status) noexcept {
    switch (status) {
        case 200:
        case 203:
        case 204:
        case 206:
        case 300:
        case 301:
        case 308:
        case 404:
        case 405:
        case 410:
        case 414:
        case 501: return true;
        default: return false;
    }
}

bool may_assume_lifetime(unsigned status, const CacheControl& control, const Policy& policy) noexcept {
    return control.is_public || (is_heuristically_cacheable(status) && (status < 400 || policy.store_errors));
}

Freshness freshness_of(const ResponseHeader& response, const Arrival& arrival, const Policy& policy) {
    const ResponseDirectives directives = response_directives(response.fields, policy);
    const CacheControl& control = directives.control;
    const Lifetime lifetime = lifetime_of(directives, response, arrival, policy);

    Freshness freshness;
    freshness.lifetime = lifetime.value;
    freshness.source = lifetime.source;
    freshness.no_cache = control.no_cache && lifetime.source != LifetimeSource::override_ttl;
    freshness.must_revalidate = control.must_revalidate || control.proxy_revalidate ||
                                control.s_maxage.state != DeltaSeconds::State::absent;  // RFC 9111 §5.2.2.10
    if (freshness.no_cache || freshness.must_revalidate) return freshness;
    freshness.stale_while_revalidate = window(control.stale_while_revalidate, policy.stale_while_revalidate);
    freshness.stale_if_error = window(control.stale_if_error, policy.stale_if_error);
    if (policy.stale_when_disconnected) freshness.stale_when_disconnected = saturated(policy.grace);
    return freshness;
}

Freshness with_ttl_jitter(Freshness freshness, const Arrival& arrival, unsigned percent, double random) {
    const seconds left = freshness.lifetime - current_age(arrival, arrival.response_time);
    if (left <= seconds{0}) return freshness;
    const double shortened = static_cast<double>(left.count()) * percent / 100 * random;
    freshness.lifetime -= seconds{static_cast<seconds::rep>(shortened)};
    return freshness;
}

}  // namespace proxy::rules
