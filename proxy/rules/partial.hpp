#pragma once
// Responses that are a part of their content: kept, combined and completed. RFC 9111 §3.3, §3.4.

#include <optional>
#include <string>
#include <vector>

#include "proxy/rules/stored_response.hpp"

namespace proxy::rules {

// Ascending; those that overlap or touch become one.
[[nodiscard]] std::vector<ByteRange> united(std::vector<ByteRange> ranges);

// An offset or a length in decimal digits; 2^64 and more is 2^64 - 1. Empty where it is anything else.
[[nodiscard]] std::optional<std::uint64_t> parse_offset(std::string_view digits) noexcept;

// Whether all bytes of the range are stored.
[[nodiscard]] bool holds(const StoredResponse& stored, ByteRange range) noexcept;

// Where the bytes of a range begin in the content that is stored, which holds them all.
[[nodiscard]] std::uint64_t offset_in_body(const StoredResponse& stored, ByteRange range) noexcept;

// The Content-Range of a 206 that is one part of known place and complete length. RFC 9110 §14.4
struct ContentRange {
    ByteRange range;
    std::uint64_t complete_length;
};
[[nodiscard]] std::optional<ContentRange> content_range_of(const ResponseHeader& response);

// What is missing of a partial response, if it is one range and the rest may be combined with it: that takes a strong
// entity tag.
[[nodiscard]] std::optional<ByteRange> missing_range(const StoredResponse& stored);

// The field lines that ask for it, and for the whole where it has changed meanwhile. RFC 9110 §13.1.5
void append_range_fields(std::string& out, const StoredResponse& stored, ByteRange missing);

// No response is kept in more parts.
inline constexpr std::size_t max_parts = 32;

// Two parts of one representation as one response, or the complete one that they make: `later` with the content of
// both, under `head`. Null unless both bear the same strong entity tag and the same complete length, and where there
// would be more than max_parts.
[[nodiscard]] StoredPtr merged(const StoredResponse& stored, const StoredResponse& later, std::string_view head);

}  // namespace proxy::rules
