#include "proxy/upstream/chunks.hpp"

#include <algorithm>
#include <cstring>

#include "proxy/rules/lines.hpp"

namespace proxy::upstream {
namespace {

// From the end of the last chunk's line to the empty line behind the trailers.
std::string_view trailer_section(const char* line_end) noexcept {
    constexpr std::string_view end = "\r\n\r\n";
    std::size_t size = 0;
    while (std::memcmp(line_end + size, end.data(), end.size()) != 0) ++size;
    return {line_end, size + end.size()};
}

}  // namespace

bool is_sound_chunk(std::uint64_t size, std::string_view extensions) noexcept {
    const auto is_control = [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; };
    if (extensions.size() > max_chunk_extensions) return false;
    if (std::any_of(extensions.begin(), extensions.end(), is_control)) return false;  // in a quoted string
    return size > 0 ||
           rules::line_fault(trailer_section(extensions.data() + extensions.size())) == rules::LineFault::none;
}

bool ends_in_quotes(std::string_view unparsed) noexcept {
    if (unparsed.starts_with("\r\n")) unparsed.remove_prefix(2);
    const std::size_t end = unparsed.find("\r\n");
    if (end == unparsed.npos) return false;
    bool quoted = false;
    for (std::size_t i = 0; i < end; ++i) {
        if (unparsed[i] == '"') quoted = !quoted;
        if (quoted && unparsed[i] == '\\') ++i;
    }
    return quoted;
}

}  // namespace proxy::upstream
