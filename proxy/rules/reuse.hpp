#pragma once
// May a stored response answer this request? RFC 9111 §4, RFC 5861 §3 and §4.

#include <variant>

#include "proxy/rules/stored_response.hpp"

namespace proxy::rules {

// Why a request goes to the origin. RFC 9211 §2.2.
enum class ForwardReason { bypass, method, uri_miss, vary_miss, request, stale, partial };
inline constexpr std::size_t forward_reason_count = 7;
[[nodiscard]] std::string_view to_string(ForwardReason reason) noexcept;  // "uri-miss", ...

struct Serve {
    seconds age;
};  // fresh: answer without the origin
struct ServeWhileRevalidating {
    seconds age;
};  // stale within stale-while-revalidate: answer, then validate
struct Forward {  // ask the origin
    ForwardReason reason;
    bool collapsible;  // the answer may serve others who ask for the same
};
struct Unsatisfied {};  // only-if-cached and nothing usable: 504. RFC 9111 §5.2.1.7

using Reuse = std::variant<Serve, ServeWhileRevalidating, Forward, Unsatisfied>;

// Whether any stored response could answer: GET or HEAD without content. Otherwise `method` or `bypass`; no look-up is
// made.
[[nodiscard]] bool may_look_up(const RequestHeader& request) noexcept;

// `stored` is null on a miss; `vary_miss`: variants exist under the key, none for this request. The answer refers to no
// argument.
[[nodiscard]] Reuse decide_reuse(const RequestHeader& request, const StoredResponse* stored, bool vary_miss, Time now,
                                 const Policy& policy);

// What became of the request that was forwarded because `stored` could not be used.
enum class OriginFailure { unreachable, timed_out, broken, status_5xx };  // status_5xx: 500, 502, 503, 504

// Whether `stored` may answer instead. Null is no.
[[nodiscard]] bool may_serve_stale_on_error(const RequestHeader& request, const StoredResponse* stored,
                                            OriginFailure failure, Time now, const Policy& policy);

}  // namespace proxy::rules
