#pragma once
// Range requests answered from a complete stored response. RFC 9110 §14.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "proxy/rules/stored_response.hpp"

namespace proxy::rules {

struct ByteRange {
    std::uint64_t first;  // offsets, both inclusive; first <= last < size
    std::uint64_t last;
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

struct WholeContent {};   // no Range, not bytes, malformed, If-Range says no, or too many ranges: 200
struct Unsatisfiable {};  // 416
using RangeAnswer =
    std::variant<WholeContent, std::vector<ByteRange>, Unsatisfiable>;  // one range: 206; more: multipart

// If-Range by strong comparison, or an exact Last-Modified. Ranges are combined or refused so that the answer is never
// longer than the content plus a fixed overhead. RFC 9110 §14.1.2, §14.2, §13.1.5
[[nodiscard]] RangeAnswer decide_range(const RequestHeader& request, const StoredResponse& stored);

}  // namespace proxy::rules
