#pragma once
// The one error category: what can go wrong on an ordinary day, apart from what the system itself reports.

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <type_traits>

namespace proxy {

enum class Errc {
    deadline_exceeded = 1,  // a wait reached its limit
    upstream_unreachable,   // no connection to any server of the pool
    upstream_closed,        // the origin closed or reset before its response was complete
    upstream_malformed,     // what the origin sent is not HTTP, or its framing is in doubt
    upstream_overloaded,    // the pool's limit of concurrent requests and its queue are full
    client_closed,          // the client left, or broke off its request body
    client_malformed,       // the client's request body is not framed as RFC 9112 §6 asks
    client_too_slow,        // no progress while its request body was read
    client_too_large,       // its request body exceeds the limit
    no_buffers,             // the limit on all of them is reached
    store_unavailable,      // Redis is not connected, refused the command, or answered with an error
    store_overloaded,       // too many commands wait for Redis
    store_incomplete,       // of the content in Redis a part is gone
    bad_wire_format,        // a record from Redis does not decode, or bears another key
    cancelled,              // the node is stopping
};

const boost::system::error_category& error_category() noexcept;

inline boost::system::error_code make_error_code(Errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

// A value, or why there is none. Only failures that an ordinary day brings; bugs are exceptions.
template <class T>
using Result = boost::system::result<T>;

}  // namespace proxy

template <>
struct boost::system::is_error_code_enum<proxy::Errc> : std::true_type {};
