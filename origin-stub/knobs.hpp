#pragma once
// How a request wants to be answered, or ill-treated: `/items/foo?latency_ms=500&cache_control=max-age=60`.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "origin-stub/request.hpp"

namespace origin_stub {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::sys_seconds;

// Seconds since the epoch, or (written with a sign) from the moment of the answer.
struct Moment {
    seconds offset{0};
    bool from_now = false;

    [[nodiscard]] sys_seconds at(sys_seconds now) const { return (from_now ? now : sys_seconds{}) + offset; }
    friend bool operator==(const Moment&, const Moment&) = default;
};

struct Knobs {
    std::optional<milliseconds> latency;  // instead of the server's
    std::optional<std::uint64_t> size;    // content of so many bytes, a pattern made from the key
    unsigned status = 200;
    std::optional<std::string> cache_control;  // sent as given, like all fields here
    std::optional<std::string> etag;           // quoted where the knob's value was not
    std::optional<Moment> last_modified;
    std::optional<std::string> vary;
    std::optional<std::variant<Moment, std::string>> expires;  // with a sign: from now; else sent as given
    std::optional<std::string> age;
    std::vector<std::string> set_cookie;    // repeatable
    std::vector<FieldLine> header;          // repeatable: Name:Value
    milliseconds drip{0};                   // the content comes in pieces, the last after so long
    std::optional<std::uint64_t> truncate;  // the connection ends after so many bytes of content
    std::optional<unsigned> interim;        // 100, 102 or 103 before the final response
    std::string surplus;                    // bytes after the end of the response
    bool chunked = false;
    bool trailers = false;  // one trailer field; chunked
    bool http10 = false;    // an HTTP/1.0 response, its content ended by closing
    bool close = false;     // Connection: close
    bool no_date = false;
    bool range = false;    // Range is supported
    bool reset = false;    // TCP reset instead of a response
    bool hang = false;     // no response as long as the client stays
    bool garbage = false;  // bytes that are not HTTP, then the end
};

// The knobs in a query (without `?`), or one sentence naming the wrong one. Parameters that are no knobs are ignored,
// so that queries can tell cache keys apart. A later value of the same knob counts, but for the repeatable ones.
[[nodiscard]] std::variant<Knobs, std::string> parse_knobs(std::string_view query);

// %XX decoded; empty where an escape is malformed. `+` stays as it is.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

}  // namespace origin_stub
