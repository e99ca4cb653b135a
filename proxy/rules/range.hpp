#pragma once
// Range requests answered from a stored response. RFC 9110 §14.

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

// Whether the request asks for ranges in a way that decide_range understands.
[[nodiscard]] bool asks_for_ranges(const RequestHeader& request);

// Whether all bytes that the answer needs are stored; always so for a complete response.
[[nodiscard]] bool has_content_for(const RequestHeader& request, const StoredResponse& stored);

}  // namespace proxy::rules
