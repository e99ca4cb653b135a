#pragma once
// What the operator of a route may choose about reuse and storing. Defaults are those of a careful shared cache.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "proxy/rules/request_fields.hpp"

namespace proxy::rules {

using std::chrono::seconds;

enum class SetCookiePolicy {
    refuse,  // a response with Set-Cookie is not stored
    strip,   // it is stored without the field; only the client that caused the fetch gets it
    store    // RFC 9111 §7.3 allows it: every client gets the cookie
};

enum class PathPolicy { keep, normalise };
enum class QueryPolicy { keep, sort, drop };

// What of a request selects the stored response. By default its URI, byte for byte.
struct KeyPolicy {
    std::string host;                    // stands for the authority, whatever the request says; empty: the request's
    PathPolicy path = PathPolicy::keep;  // normalise: RFC 3986 §6.2.2
    QueryPolicy query = QueryPolicy::keep;
    bool ignore_tracking = false;                 // drops tracking_parameters from the query
    std::vector<std::string> ignored_parameters;  // dropped from the query; a trailing `*` matches any rest
    std::vector<std::string> request_fields;      // their values become part of the key
    std::vector<std::string> cookies;             // the values of these cookies become part of the key
};

struct Policy {
    // The operator's ttl: the freshness lifetime where the origin says nothing, or whatever it says (no-store, private
    // and the like excepted).
    std::optional<seconds> default_ttl;
    std::optional<seconds> override_ttl;

    std::vector<std::string> targeted_fields{"CDN-Cache-Control"};  // RFC 9213 §2.2, in order of preference
    bool heuristics = true;                                         // RFC 9111 §4.2.2: 10 % of the Last-Modified age
    seconds heuristic_limit{86'400};

    seconds stale_while_revalidate{0};    // used where the origin names no window. RFC 5861 §3
    seconds stale_if_error{0};            // used where the origin names no window. RFC 5861 §4
    bool stale_when_disconnected = true;  // RFC 9111 §4.2.4: no directive forbids it and the origin cannot be reached
    seconds grace{3600};                  // how long beyond freshness that may be
    seconds keep_for_validation{3600};    // how long a response with a validator is kept beyond its last use as stale

    double early_refresh = 0;  // XFetch's beta; 0: responses are refreshed when they are stale, not before
    unsigned ttl_jitter = 0;   // percent: what is stored may be fresh for up to so much less than it could be

    bool honour_request_directives = false;  // no-cache, max-age, min-fresh, max-stale, no-store of clients
    SetCookiePolicy set_cookie = SetCookiePolicy::refuse;
    std::vector<std::string> surrogate_key_fields{"Surrogate-Key", "xkey", "Cache-Tag"};  // see surrogate_keys
    bool store_errors = false;  // default_ttl, override_ttl and heuristics are also for a 4xx or 5xx without lifetime
    bool match_extension = false;  // what is not of the media type that its path's extension says is not stored

    // Patterns of request fields that are not forwarded, unless they are part of the key.
    std::vector<std::string> dropped_request_fields{std::begin(default_dropped_request_fields),
                                                    std::end(default_dropped_request_fields)};
    KeyPolicy key;
};

}  // namespace proxy::rules
