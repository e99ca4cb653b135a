#pragma once
// Cache-Control of requests and responses. RFC 9111 §5.2.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/rules/fields.hpp"
#include "proxy/rules/policy.hpp"

namespace proxy::rules {

// No duration counts for more. RFC 9111 §1.2.2
inline constexpr seconds max_delta_seconds{std::int64_t{1} << 31};

// Digits only; saturated. Empty where it is anything else.
[[nodiscard]] std::optional<seconds> parse_delta_seconds(std::string_view text) noexcept;

// A delta-seconds argument: absent directive, valid value, or one that must count as stale (its value is 0).
struct DeltaSeconds {
    enum class State { absent, valid, invalid } state = State::absent;
    seconds value{0};
    friend bool operator==(const DeltaSeconds&, const DeltaSeconds&) = default;
};

struct CacheControl {
    bool present = false;  // at least one directive, known or not
    DeltaSeconds max_age, s_maxage, stale_while_revalidate, stale_if_error, min_fresh, max_stale;
    bool max_stale_any = false;  // max-stale without a value
    bool no_store = false;
    bool no_cache = false;    // without field names
    bool is_private = false;  // without field names
    bool is_public = false;
    bool must_revalidate = false;
    bool proxy_revalidate = false;
    bool must_understand = false;
    bool only_if_cached = false;
    bool immutable = false;
    std::vector<std::string> no_cache_fields;  // lower case
    std::vector<std::string> private_fields;
    friend bool operator==(const CacheControl&, const CacheControl&) = default;
};

// All Cache-Control lines as one list: names case-blind, token and quoted values alike, the smaller of duplicates; a
// duration with white space about its `=` is ignored. Where a quotation is never closed nobody knows what was meant:
// that counts as no-store. RFC 9111 §4.2.1, §5.2
[[nodiscard]] CacheControl parse_cache_control(Fields fields);

// The same from a targeted field, a Structured Field dictionary: empty where the field is absent or has no member, or
// any part of it does not parse. RFC 9213 §2.1, RFC 9651 §4.2.2
[[nodiscard]] std::optional<CacheControl> parse_targeted_field(Fields fields, std::string_view name);

// What governs this cache: the first usable of the policy's targeted fields, else Cache-Control. RFC 9213 §2.2
struct ResponseDirectives {
    CacheControl control;
    bool targeted = false;  // then neither Cache-Control nor Expires means anything to us
};
[[nodiscard]] ResponseDirectives response_directives(Fields fields, const Policy& policy);

}  // namespace proxy::rules
