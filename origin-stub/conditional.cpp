#include "origin-stub/conditional.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace origin_stub {

namespace {

constexpr const char* imf_fixdate = "%a, %d %b %Y %H:%M:%S GMT";

std::string_view trim(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view opaque_tag(std::string_view etag) { return etag.starts_with("W/") ? etag.substr(2) : etag; }

bool parse_offset(std::string_view digits, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} && end == digits.data() + digits.size();
}

}  // namespace

std::string http_date(std::chrono::sys_seconds time) {
    const time_t since_epoch = time.time_since_epoch().count();
    tm parts{};
    gmtime_r(&since_epoch, &parts);
    std::array<char, 64> text{};
    return {text.data(), strftime(text.data(), text.size(), imf_fixdate, &parts)};
}

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
    tm parts{};
    const std::string terminated(text);
    const char* end = strptime(terminated.c_str(), imf_fixdate, &parts);
    if (end == nullptr || *end != '\0') return std::nullopt;
    return std::chrono::sys_seconds(std::chrono::seconds{timegm(&parts)});
}

bool lists_etag(std::string_view if_none_match, std::string_view etag) {
    while (!if_none_match.empty()) {
        const std::string_view member = if_none_match.substr(0, if_none_match.find(','));
        if_none_match.remove_prefix(std::min(if_none_match.size(), member.size() + 1));
        if (trim(member) == "*" || opaque_tag(trim(member)) == opaque_tag(etag)) return true;
    }
    return false;
}

std::variant<WholeContent, ByteRange, Unsatisfiable> parse_range(std::string_view value, std::uint64_t size) {
    constexpr std::string_view unit = "bytes=";
    const std::size_t dash = value.find('-');
    if (!value.starts_with(unit) || dash == std::string_view::npos) return WholeContent{};
    const std::string_view first_text = value.substr(unit.size(), dash - unit.size());
    const std::string_view last_text = value.substr(dash + 1);

    std::uint64_t first = 0, last = 0;
    if (first_text.empty()) {  // the last so many bytes
        if (!parse_offset(last_text, last)) return WholeContent{};
        if (last == 0 || size == 0) return Unsatisfiable{};
        return ByteRange{size - std::min(last, size), size - 1};
    }
    if (!parse_offset(first_text, first)) return WholeContent{};
    if (last_text.empty())
        last = size - 1;
    else if (!parse_offset(last_text, last) || last < first)
        return WholeContent{};
    if (first >= size) return Unsatisfiable{};
    return ByteRange{first, std::min(last, size - 1)};
}

}  // namespace origin_stub
