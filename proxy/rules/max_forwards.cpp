#include "proxy/rules/max_forwards.hpp"

#include <charconv>

namespace proxy::rules {

std::optional<std::uint64_t> max_forwards(const RequestHeader& request) noexcept {
    if (request.method != http::verb::trace && request.method != http::verb::options) return std::nullopt;
    const std::string_view text = value_of(request.fields, http::field::max_forwards);
    std::uint64_t count = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (text.empty() || ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return count;
}

}  // namespace proxy::rules
