#include "proxy/rules/media_type.hpp"

#include <doctest/doctest.h>

using namespace proxy::rules;

TEST_CASE("fits_extension: what a path pretends to be") {
    struct Row {
        std::string_view target, content_type;
        bool expected;
    };
    const Row rows[] = {
        {"/a.css", "text/css", true},
        {"/a.css", "Text/CSS; charset=utf-8", true},
        {"/a.CSS?v=1", "text/css", true},
        {"/a.css", "text/html", false},
        {"/a.css", "text/html; charset=utf-8", false},
        {"/a.css", "application/json", false},
        {"/a.css", "", false},
        {"/account/a.css", "text/html", false},
        {"/account;a.css", "text/html", true},  // a parameter: the segment is account
        {"/account/a.css;v=1", "text/html", false},
        {"/account%2Fa.css", "text/html", false},
        {"/account%3Fa.css", "text/html", false},
        {"/account%00.css", "text/html", false},
        {"/account/.css", "text/html", false},
        {"/account/a.css%3Fb", "text/html", false},
        {"/account/a.css/", "text/html", true},  // the last segment is empty
        {"/account?a.css", "text/html", true},
        {"/account", "text/html", true},
        {"/", "text/html", true},
        {"*", "", true},
        {"/a.js", "text/javascript", true},
        {"/a.js", "application/javascript", true},
        {"/a.js", "text/html", false},
        {"/a.min.js.map", "application/json", true},
        {"/a.png", "image/webp", true},
        {"/a.png", "application/octet-stream", true},
        {"/a.svg", "image/svg+xml", true},
        {"/a.jpg", "text/plain", false},
        {"/a.woff2", "font/woff2", true},
        {"/a.woff2", "application/font-woff2", true},
        {"/a.mp4", "video/mp4", true},
        {"/a.m3u8", "application/vnd.apple.mpegurl", true},
        {"/a.pdf", "application/pdf", true},
        {"/a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", true},
        {"/a.tar.gz", "application/x-gzip", true},
        {"/a.txt", "text/plain", true},
        {"/a.txt", "text/html", false},
        {"/a.html", "application/json", true},
        {"/a.php", "image/png", true},
        {"/a.json", "text/html", true},
        {"/v1.2/a", "text/html", true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.target);
        CAPTURE(row.content_type);
        CHECK(fits_extension(row.target, row.content_type) == row.expected);
    }
}
