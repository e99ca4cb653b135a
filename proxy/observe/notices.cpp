#include "proxy/observe/notices.hpp"

namespace proxy::observe {
namespace {

constexpr std::size_t max_asked = 512;  // bytes of what was asked, in a line

std::string what_was_asked(const ExchangeRecord& record) {
    std::string asked = std::string(record.method) + ' ' + std::string(record.authority) + std::string(record.target);
    if (asked.size() > max_asked) asked.resize(max_asked);
    return asked;
}

constexpr std::array<std::string_view, 3> kind_names{"failed requests", "refused requests",
                                                     "responses with too many surrogate keys"};

// It got what it asked for: an answer out of the cache, or none. RFC 9111 §5.2.1.7
bool is_only_if_cached(const ExchangeRecord& record) { return record.status == 504 && !record.error; }

std::string answered(const ExchangeRecord& record) {
    std::string line = "request " + std::string(record.request_id) + " of " + std::string(record.client) +
                       " was answered " + std::to_string(record.status) + ", " + std::string(record.detail);
    if (record.error) line += " (" + record.error.message() + ')';
    if (!record.method.empty()) line += ": " + what_was_asked(record);
    return line;
}

}  // namespace

void Notices::take(const ExchangeRecord& record, Time now) {
    const bool has_failed = record.status >= 500 && !is_only_if_cached(record);
    if (is_answered_with_error(record)) write(has_failed ? failed : refused, answered(record), now);
    if (record.uncacheable == rules::Uncacheable::surrogate_keys)
        write(untagged, "not stored, as it has too many surrogate keys: " + what_was_asked(record), now);
}

void Notices::write(Kind kind, const std::string& line, Time now) {
    const LogLevel level = kind == refused ? LogLevel::info : LogLevel::warning;
    Second& second = seconds_[kind];
    if (now - second.begin >= std::chrono::seconds(1)) {
        if (second.left_out > 0)
            log_(level, "left out: " + std::to_string(second.left_out) + " lines of " + std::string(kind_names[kind]));
        second = {.begin = now};
    }
    if (++second.lines > lines_a_second)
        ++second.left_out;
    else
        log_(level, line);
}

}  // namespace proxy::observe
