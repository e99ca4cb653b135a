#pragma once
// Conditional and range requests, as an origin answers them. RFC 9110 §13, §14.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace origin_stub {

[[nodiscard]] std::string http_date(std::chrono::sys_seconds time);
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);  // IMF-fixdate only

// Whether an If-None-Match value lists the entity tag, by weak comparison, or is `*`. RFC 9110 §13.1.2
[[nodiscard]] bool lists_etag(std::string_view if_none_match, std::string_view etag);

struct ByteRange {
    std::uint64_t first;  // both inclusive, first <= last < size
    std::uint64_t last;
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

struct WholeContent {
    friend bool operator==(WholeContent, WholeContent) = default;
};
struct Unsatisfiable {
    friend bool operator==(Unsatisfiable, Unsatisfiable) = default;
};

// What a Range value asks of content of that size. Several ranges, other units and malformed ones: the whole.
[[nodiscard]] std::variant<WholeContent, ByteRange, Unsatisfiable> parse_range(std::string_view value,
                                                                               std::uint64_t size);

}  // namespace origin_stub
