#pragma once
// How old a stored response is, and for how long it may be used. RFC 9111 §4.2.
// Nothing here reads a clock: `now` is an argument, so every case is one row in a test.

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "proxy/rules/cache_control.hpp"
#include "proxy/rules/message.hpp"
#include "proxy/rules/policy.hpp"

namespace proxy::rules {

using Time = std::chrono::sys_seconds;

// Times that are kept lie between these: 32 bits of seconds, from 1970 to 2106.
inline constexpr Time earliest_kept_time{seconds{0}};
inline constexpr Time latest_kept_time{seconds{0xffff'ffff}};
[[nodiscard]] constexpr Time within_kept_times(Time time) noexcept {
    return std::clamp(time, earliest_kept_time, latest_kept_time);
}

// What must be remembered from the moment a response arrived.
struct Arrival {
    Time request_time;   // just before the forwarded request was sent
    Time response_time;  // when the header section was complete
    Time date;           // the Date field, within the times that are kept; response_time where it is absent or invalid
    seconds age{0};      // the Age field; 0 where absent or malformed
};

// Reads Date and Age from the response. RFC 9110 §6.6.1, RFC 9111 §5.1.
[[nodiscard]] Arrival arrival_of(const ResponseHeader& response, Time request_time, Time response_time);

// current_age, RFC 9111 §4.2.3. Never negative, whichever of the clocks is wrong; at most 2^31. So old is what seems to
// come from the future by more than a minute: a clock was wrong, and nobody knows how old it is.
[[nodiscard]] seconds current_age(const Arrival& arrival, Time now);

enum class LifetimeSource : std::uint8_t {
    none,            // no freshness information: stale at once
    targeted_field,  // RFC 9213
    s_maxage,
    max_age,
    expires,
    heuristic,    // from Last-Modified, RFC 9111 §4.2.2
    default_ttl,  // the operator's, where the origin says nothing; counted from arrival
    override_ttl  // the operator's, whatever the origin says; counted from arrival
};

// Statuses that may be stored without explicit freshness. RFC 9110 §15.1
[[nodiscard]] bool is_heuristically_cacheable(unsigned status) noexcept;

// Whether a lifetime may be assumed where the origin gives none: for whatever is marked `public`, and for heuristically
// cacheable statuses, of which errors are left out where the route does not want them: a client may have provoked them.
// RFC 9111 §4.2.2
[[nodiscard]] bool may_assume_lifetime(unsigned status, const CacheControl& control, const Policy& policy) noexcept;

// All that reuse needs to know of the response's own directives, decided once when it is stored.
struct Freshness {
    seconds lifetime{0};  // from `date` on, i.e. compared with current_age. At most 2^31
    LifetimeSource source = LifetimeSource::none;
    bool no_cache = false;               // must be validated before every use. RFC 9111 §5.2.2.4
    bool must_revalidate = false;        // never used stale: must-revalidate, proxy-revalidate, s-maxage
    seconds stale_while_revalidate{0};   // beyond lifetime. 0: never, as always with one of the two above
    seconds stale_if_error{0};           // likewise
    seconds stale_when_disconnected{0};  // likewise

    // Younger than this it answers without waiting for the origin: fresh, or stale while it is validated. RFC 5861 §3
    [[nodiscard]] seconds answers_for() const noexcept { return lifetime + stale_while_revalidate; }
};

// RFC 9111 §4.2.1, RFC 9213 §2.2; the precedence is that of LifetimeSource's enumerators, override_ttl first.
[[nodiscard]] Freshness freshness_of(const ResponseHeader& response, const Arrival& arrival, const Policy& policy);

// With the lifetime that is left at arrival shortened by the share `random`, uniformly drawn from [0, 1), of
// `percent`, in whole seconds: what was stored together does not expire together. Never longer, and the stale windows
// begin earlier.
[[nodiscard]] Freshness with_ttl_jitter(Freshness freshness, const Arrival& arrival, unsigned percent, double random);

}  // namespace proxy::rules
