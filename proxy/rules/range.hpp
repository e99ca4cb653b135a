#pragma once
// Range requests, and responses that are a part of the content. RFC 9110 §14, RFC 9111 §3.3, §3.4.

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proxy/rules/stored_response.hpp"

namespace proxy::rules {

struct WholeContent {};   // no Range, not bytes, malformed, If-Range says no, or too many ranges: 200
struct Unsatisfiable {};  // 416
using RangeAnswer =
    std::variant<WholeContent, std::vector<ByteRange>, Unsatisfiable>;  // one range: 206; more: multipart

// If-Range by strong comparison, or an exact Last-Modified. Ranges are combined or refused so that the answer is never
// longer than the content plus a fixed overhead. Whether all of it is stored is another question.
// RFC 9110 §14.1.2, §14.2, §13.1.5
[[nodiscard]] RangeAnswer decide_range(const RequestHeader& request, const StoredResponse& stored);

// Whether all bytes that the answer needs are stored; always so for a complete response.
[[nodiscard]] bool has_content_for(const RequestHeader& request, const StoredResponse& stored);

// Where the bytes of a range begin in the stored body. All of them are stored.
[[nodiscard]] std::uint64_t offset_in_body(const StoredResponse& stored, ByteRange range) noexcept;

// The Content-Range of a 206 that is one part of known place and complete length. RFC 9110 §14.4
struct ContentRange {
    ByteRange range;
    std::uint64_t complete_length;
};
[[nodiscard]] std::optional<ContentRange> content_range_of(const ResponseHeader& response);

// What is missing of a partial response, if it is one range and the rest may be combined with it: that takes a strong
// entity tag. RFC 9111 §3.4
[[nodiscard]] std::optional<ByteRange> missing_range(const StoredResponse& stored);

// The field lines that ask for it, and for the whole where it has changed meanwhile. RFC 9110 §13.1.5
void append_range_fields(std::string& out, const StoredResponse& stored, ByteRange missing);

// Two parts of one representation as one response, or the complete one that they make. Arrival and freshness are those
// of `later`, and so are the fields, beside those that only `stored` has. Null unless both bear the same strong entity
// tag and the same complete length. RFC 9111 §3.4
[[nodiscard]] StoredPtr combined(const StoredResponse& stored, const StoredResponse& later);

}  // namespace proxy::rules
