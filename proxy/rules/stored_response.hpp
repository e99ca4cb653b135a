#pragma once
// What the cache keeps of a response. Never changes once published: freshening publishes another, sharing the body.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/rules/body.hpp"
#include "proxy/rules/freshness.hpp"

namespace proxy::rules {

// Offsets into a representation, both inclusive; first <= last.
struct ByteRange {
    std::uint64_t first;
    std::uint64_t last;

    [[nodiscard]] std::uint64_t size() const noexcept { return last - first + 1; }
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// What is had of a representation, where that is not all. RFC 9111 §3.3
struct Partial {
    std::uint64_t complete_length = 0;
    std::vector<ByteRange> parts;  // never empty; ascending, with a gap between any two; some byte is missing
    friend bool operator==(const Partial&, const Partial&) = default;
};

struct StoredResponse {
    std::string key;  // the whole key it is stored under, variant included: checked at every look-up
    unsigned status = 0;

    // Status line and field lines, each ended by CRLF, without the final empty line: ready to send. Hop-by-hop fields
    // and those made anew for each answer (Age, Cache-Status of ours, Connection) are not in it; Date always is, and
    // Content-Length where the status allows content.
    std::string head;

    Arrival arrival;
    Freshness freshness;

    // From the forwarded request sent to the response complete. Freshening keeps it: a response that has changed takes
    // a fetch again, whatever its validation took.
    std::chrono::milliseconds fetch_time{0};

    // The request header fields that selected it, as Vary names them: lower case, sorted, separated by commas; empty
    // without Vary. RFC 9111 §4.1
    std::string selecting_fields;

    std::vector<std::string> surrogate_keys;  // by which it may be purged

    BodyPtr body;                            // never null; of a partial response the bytes of all parts, in their order
    std::shared_ptr<const Partial> partial;  // null: the body is complete

    // Of the complete content, whether it is had or not.
    [[nodiscard]] std::uint64_t complete_length() const noexcept {
        return partial ? partial->complete_length : body->size;
    }

    [[nodiscard]] Time fresh_until() const noexcept;  // by the clock of this node, for housekeeping only

    // How long it is of any use from `now` on: freshness, the longest stale window, and then, with a validator, the
    // time it is kept for validation. Never negative.
    [[nodiscard]] seconds useful_for(Time now, seconds keep_for_validation) const noexcept;
};

// Shared by both tiers and by every answer in flight.
using StoredPtr = std::shared_ptr<const StoredResponse>;

// Its lifetime where that is over at `end`, if not before.
[[nodiscard]] seconds lifetime_until(const StoredResponse& stored, Time end);

// The same, sharing the content, with its freshness ended at `since`; itself where that was over already.
[[nodiscard]] StoredPtr stale_since(StoredPtr stored, Time since);

// The field lines of a stored head, as views into it.
[[nodiscard]] std::vector<Field> fields_of(std::string_view head);

// The first field of that name in a stored head, without splitting the rest; empty where absent.
[[nodiscard]] std::string_view field_in(std::string_view head, std::string_view name) noexcept;

// The head to store for a response that may be stored. Dropped: hop-by-hop fields, Age, Trailer, the fields of
// `no-cache="..."` and `private="..."`, those of surrogate keys, Set-Cookie unless the policy stores it, an invalid
// Date. Added: Via, Date where there is none, Content-Length where it is known and the status allows content. A 206
// becomes the 200 that it is a part of, without Content-Range; `content_length` is then the complete one. RFC 9111 §3.3
[[nodiscard]] std::string stored_head(const ResponseHeader& response, const Arrival& arrival,
                                      std::optional<std::uint64_t> content_length, std::string_view proxy_name,
                                      const Policy& policy);

// `outline`, whose content was still to come, with its content.
[[nodiscard]] StoredPtr completed(const StoredResponse& outline, BodyPtr body, std::chrono::milliseconds fetch_time);

// A stored head with the fields of a later 304 or HEAD response: they replace those of the same name, but for
// Content-Encoding, Content-Length, Content-MD5, Content-Range, ETag and Via; dropped and added is the same as above.
// RFC 9111 §3.2
[[nodiscard]] std::string updated_head(std::string_view head, const ResponseHeader& update, const Arrival& arrival,
                                       const Policy& policy);

}  // namespace proxy::rules
