#pragma once
// May a response be stored? RFC 9111 §3.

#include <optional>
#include <variant>

#include "proxy/rules/freshness.hpp"

namespace proxy::rules {

// Why not; also a metric's label and a detail in Cache-Status.
enum class Uncacheable {
    method,            // not GET, nor a POST whose answer says that it stands for GET. RFC 9110 §9.3.3
    status,            // 1xx, 304; 400, 412, 431 and others that answer what one client sent; a 206 that is not one
                       // part; not understood; or it needs explicit freshness and has none
    request_no_store,  // only where the route honours request directives
    no_store,
    is_private,       // `private`, without field names
    authorization,    // RFC 9111 §3.5
    set_cookie,       // the route's policy
    media_type,       // not what the path's extension says, where the route minds
    vary_any,         // Vary: *
    vary_values,      // what selects the variant is too long to be part of a key
    no_freshness,     // neither a freshness lifetime nor a validator: of no use
    request_content,  // a GET with content: the origin may have read it
    too_large,        // decided while the body arrives
    overloaded,       // likewise: the node gathers as much as it may already
    incomplete,       // the origin broke off
    invalidated,      // the resource was changed or purged while the response was on its way
    surrogate_keys    // more than may be: see surrogate_keys.hpp
};
inline constexpr std::size_t uncacheable_count = 17;
[[nodiscard]] std::string_view to_string(Uncacheable reason) noexcept;  // "no-store", "vary-any", ...

// Whether a response of this status that is not stored for this reason ends what was stored before: the origin no
// longer wants it kept, or has another one now. Not so where the reason lies with this client alone.
[[nodiscard]] bool ends_what_is_stored(unsigned status, std::optional<Uncacheable> reason) noexcept;

// The freshness to store it with, or why it may not be stored. `request_has_content`: the client sent a body.
using Storing = std::variant<Freshness, Uncacheable>;
[[nodiscard]] Storing decide_storing(const RequestHeader& request, bool request_has_content,
                                     const ResponseHeader& response, const Arrival& arrival, const Policy& policy);

}  // namespace proxy::rules
