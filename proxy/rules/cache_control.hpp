#pragma once
// Cache-Control of requests and responses. RFC 9111 §5.2.

#include <optional>
#include <string>
#include <vector>

#include "proxy/rules/fields.hpp"
#include "proxy/rules/policy.hpp"

namespace proxy::rules {

// A delta-seconds argument: absent directive, valid value (saturated at 2^31), or one that must count as stale.
struct DeltaSeconds {
    enum class State { absent, valid, invalid } state = State::absent;
    seconds value{0};
};

struct CacheControl {
    bool present = false;  // at least one directive, known or not
    DeltaSeconds max_age, s_maxage, stale_while_revalidate, stale_if_error, min_fresh, max_stale;
    bool max_stale_any = false;  // max-stale without a value
    bool no_store = false;
    bool no_cache = false;       // without field names
    bool is_private = false;     // without field names
    bool is_public = false;
    bool must_revalidate = false;
    bool proxy_revalidate = false;
    bool must_understand = false;
    bool only_if_cached = false;
    bool immutable = false;
    std::vector<std::string> no_cache_fields;  // lower case
    std::vector<std::string> private_fields;
};

// All Cache-Control lines as one list: names case-blind, token and quoted values alike, the smaller of duplicates, no
// white space about `=`. RFC 9111 §4.2.1, §5.2
[[nodiscard]] CacheControl parse_cache_control(Fields fields);

// The same from a targeted field, a Structured Field dictionary: empty where the field is absent or any part of it does
// not parse. RFC 9213 §2.1, RFC 9651 §4.2.2
[[nodiscard]] std::optional<CacheControl> parse_targeted_field(Fields fields, std::string_view name);

}  // namespace proxy::rules
