#pragma once
// What Beast lets pass in the chunked transfer coding, of either direction, and other readers may cut otherwise.
// RFC 9112 §7.1

#include <cstdint>
#include <string_view>

namespace proxy::upstream {

// Bytes of one chunk's extensions. Nobody here reads them: content must not come at any price.
inline constexpr std::size_t max_chunk_extensions = 256;

// For basic_parser's on_chunk_header_impl, of a chunk of that size. Looks behind the extensions of the last chunk,
// where the trailer section lies: when Beast calls, its end has been found.
[[nodiscard]] bool is_sound_chunk(std::uint64_t size, std::string_view extensions) noexcept;

// Whether the chunk line that `unparsed` begins with has ended within a quoted string; the end of the chunk before it
// may still be in front. Beast would wait for the string's end.
[[nodiscard]] bool ends_in_quotes(std::string_view unparsed) noexcept;

}  // namespace proxy::upstream
