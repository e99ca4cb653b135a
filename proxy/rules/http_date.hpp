#pragma once
// HTTP-date. RFC 9110 §5.6.7.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace proxy::rules {

// All three formats; strict in shape, blind to letter case; a two-digit year more than 50 years in the future of `now`
// is of the last century. Empty where it is none.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text,
                                                                      std::chrono::sys_seconds now);

// "Sun, 06 Nov 1994 08:49:37 GMT", always 29 characters.
[[nodiscard]] std::string format_http_date(std::chrono::sys_seconds time);

}  // namespace proxy::rules
