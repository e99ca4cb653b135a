#pragma once
// Conditional requests: those we answer, and those we send. RFC 9110 §13, RFC 9111 §4.3.

#include <optional>
#include <string>

#include "proxy/rules/stored_response.hpp"

namespace proxy::rules {

// Whether the client's copy is still good, so that a 304 answers instead of the stored 200. If-None-Match before
// If-Modified-Since; weak comparison; `*`; If-Modified-Since against Last-Modified, else Date. RFC 9111 §4.3.2
[[nodiscard]] bool client_copy_is_valid(const RequestHeader& request, const StoredResponse& stored);

// The head of that 304: of the stored fields those a 304 must have, and no representation metadata besides.
// RFC 9110 §15.4.5. Like StoredResponse::head: ends without the empty line.
[[nodiscard]] std::string not_modified_head(const StoredResponse& stored);

[[nodiscard]] bool has_validator(const StoredResponse& stored) noexcept;

// Appends the field lines of our conditional request: the stored ETag byte for byte, the stored Last-Modified.
// RFC 9111 §4.3.1
void append_conditional_fields(std::string& out, const StoredResponse& stored);

// The stored response freshened by a 304, with a new arrival and freshness, sharing the body; see updated_head. The
// surrogate keys are those of the 304 where it has such fields. Null where it must be fetched anew: the 304's
// validators are not those of `stored`, what it says may no longer be stored (no-store, private, an answer to
// Authorization, ...), or its Vary is another. RFC 9111 §3.2, §4.3.4
[[nodiscard]] StoredPtr freshen(const StoredResponse& stored, const RequestHeader& request,
                                const ResponseHeader& not_modified, const Arrival& arrival, const Policy& policy);

// Whether a 200 to HEAD is about another representation than the stored one: validators or Content-Length differ, and
// `stored` must no longer be used. RFC 9111 §4.3.5
[[nodiscard]] bool contradicts(const ResponseHeader& head_response, const StoredResponse& stored);

// The same from the answer to a HEAD request that does not contradict what is stored.
[[nodiscard]] StoredPtr freshen_from_head(const StoredResponse& stored, const RequestHeader& request,
                                          const ResponseHeader& response, const Arrival& arrival, const Policy& policy);

}  // namespace proxy::rules
