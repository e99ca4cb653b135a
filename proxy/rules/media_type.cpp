#include "proxy/rules/media_type.hpp"

#include <algorithm>

#include "proxy/rules/fields.hpp"

namespace proxy::rules {
namespace {

// Extensions, and how the media types begin that they stand for. Servers that do not know a file's own type say
// application/octet-stream, which no page is.
struct Kind {
    std::string_view extensions, types;
};
constexpr Kind kinds[] = {
    {"apng avif bmp cur gif ico jfif jpeg jpg png svg tif tiff webp", "image/ application/octet-stream"},
    {"aac flac m4a m4v mid midi mov mp3 mp4 mpeg mpg oga ogg ogv opus ts wav weba webm",
     "audio/ video/ application/ogg application/octet-stream"},
    {"m3u8 mpd", "application/vnd.apple.mpegurl application/x-mpegurl application/dash+xml audio/mpegurl"},
    {"eot otf ttf woff woff2",
     "font/ application/font application/x-font application/vnd.ms-fontobject application/octet-stream"},
    {"css", "text/css"},
    {"cjs js mjs", "text/javascript application/javascript application/x-javascript text/ecmascript"},
    {"wasm", "application/wasm application/octet-stream"},
    {"doc docx ods odt pdf ppt pptx xls xlsx",
     "application/pdf application/msword application/vnd. application/octet-stream"},
    {"7z apk br bz2 deb dmg exe gz iso jar rar rpm tar tgz xz zip zst",
     "application/zip application/gzip application/x- application/vnd. application/java-archive application/zstd "
     "application/octet-stream"},
    {"csv tsv txt", "text/plain text/csv text/tab-separated-values application/octet-stream"},
};

// Whether one of the words in `list` satisfies `is_it`.
template <class Condition>
constexpr bool any_word(std::string_view list, Condition is_it) {
    while (!list.empty()) {
        const std::string_view word = list.substr(0, list.find(' '));
        if (is_it(word)) return true;
        list.remove_prefix(std::min(word.size() + 1, list.size()));
    }
    return false;
}

// The letters and digits behind the last dot of the last segment, without the segment's parameters. RFC 3986 §3.3
std::string_view extension_of(std::string_view target) noexcept {
    const std::string_view path = target.substr(0, target.find('?'));
    std::string_view segment = path.substr(path.rfind('/') + 1);
    segment = segment.substr(0, segment.find(';'));
    const std::size_t dot = segment.rfind('.');
    if (dot == segment.npos) return {};
    const std::string_view rest = segment.substr(dot + 1);
    const auto is_part = [](char c) { return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z'); };
    const auto end = std::find_if_not(rest.begin(), rest.end(), is_part);  // of x.css%3Fy it is css
    return rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
}

}  // namespace

bool fits_extension(std::string_view target, std::string_view content_type) noexcept {
    const std::string_view extension = extension_of(target);
    const auto is_extension = [extension](std::string_view other) { return iequals(other, extension); };
    const auto begins_type = [content_type](std::string_view beginning) {
        return iequals(content_type.substr(0, beginning.size()), beginning);
    };
    for (const Kind& kind : kinds)
        if (any_word(kind.extensions, is_extension)) return any_word(kind.types, begins_type);
    return true;
}

}  // namespace proxy::rules
