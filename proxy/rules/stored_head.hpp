#pragma once
// The head section of a stored response: which field lines it has, and how they are found again.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/rules/freshness.hpp"

namespace proxy::rules {

// The field lines of a stored head, as views into it.
[[nodiscard]] std::vector<Field> fields_of(std::string_view head);

// The first field of that name in a stored head, without splitting the rest; empty where absent.
[[nodiscard]] std::string_view field_in(std::string_view head, std::string_view name) noexcept;

// The head to store for a response that may be stored. Dropped: hop-by-hop fields, Age, Trailer, the fields of
// `no-cache="..."` and `private="..."`, those of surrogate keys, Set-Cookie unless the policy stores it, an invalid
// Date. Added: Via, Date where there is none, Content-Length where it is known and the status allows content. A 206
// becomes the 200 that it is a part of, without what describes the part (Content-Range, Content-MD5, Content-Digest);
// `content_length` is then the complete one. RFC 9111 §3.3
[[nodiscard]] std::string stored_head(const ResponseHeader& response, const Arrival& arrival,
                                      std::optional<std::uint64_t> content_length, std::string_view proxy_name,
                                      const Policy& policy);

// A stored head with the fields of a later 304 or HEAD response: they replace those of the same name, but for
// Content-Digest, Content-Encoding, Content-Length, Content-MD5, Content-Range, ETag and Via. Dropped as above; added:
// Date. RFC 9111 §3.2
[[nodiscard]] std::string updated_head(std::string_view head, const ResponseHeader& update, const Arrival& arrival,
                                       const Policy& policy);

}  // namespace proxy::rules
