#include "proxy/observe/escape.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>

using namespace proxy::observe;
using namespace std::string_literals;

TEST_CASE("append_json_string: any bytes give a JSON string") {
    struct Row {
        const char* name;
        std::string bytes;
        std::string expected;
    };
    const Row rows[] = {
        {"empty", "", R"("")"},
        {"plain text", "/a?b=c", R"("/a?b=c")"},
        {"quote and backslash", R"(a"b\c)", R"("a\"b\\c")"},
        {"line ends and NUL", "a\r\n\0b"s, R"("a\u000d\u000a\u0000b")"},
        {"DEL", "\x7f", R"("\u007f")"},
        {"two to four bytes of UTF-8", "ü€😀", R"("ü€😀")"},
        {"a C1 control is escaped", "\xc2\x9b", R"("\u009b")"},
        {"a lone continuation byte", "a\x80z", "\"a\xef\xbf\xbdz\""},
        {"Latin-1", "caf\xe9", "\"caf\xef\xbf\xbd\""},
        {"cut off within a character", "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"the rest of a broken character is kept", "\xe2(x", "\"\xef\xbf\xbd(x\""},
        {"overlong", "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"overlong in three bytes", "\xe0\x80\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"a surrogate", "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"above U+10FFFF", "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        std::string out;
        append_json_string(out, row.bytes);
        CHECK(out == row.expected);
        CHECK(nlohmann::json::accept(out));
    }
}

TEST_CASE("append_json_string: random bytes parse, and valid text comes back as it was") {
    std::mt19937 random(1);
    std::uniform_int_distribution<int> byte(0, 255);
    for (int round = 0; round < 2000; ++round) {
        std::string bytes(static_cast<std::size_t>(round % 40), '\0');
        for (char& one : bytes) one = static_cast<char>(byte(random));
        std::string out;
        append_json_string(out, bytes);
        REQUIRE(nlohmann::json::accept(out));
    }
    const std::string text = "\"\\/\b\f\n\r\t\x1f ü€😀";
    std::string out;
    append_json_string(out, text);
    CHECK(nlohmann::json::parse(out).get<std::string>() == text);
}

TEST_CASE("printable: one line, and nothing a terminal obeys") {
    struct Row {
        const char* name;
        std::string bytes;
        std::string expected;
    };
    const Row rows[] = {
        {"plain text", "connected to 127.0.0.1", "connected to 127.0.0.1"},
        {"a forged line", "x\n2024 error y", R"(x\x0a2024 error y)"},
        {"an escape sequence", "\x1b[2J", R"(\x1b[2J)"},
        {"a C1 control", "\xc2\x9b", R"(\xc2\x9b)"},
        {"letters of any script", "/srv/Gemüse", "/srv/Gemüse"},
        {"not UTF-8", "\xff", R"(\xff)"},
        {"a backslash cannot pass for an escape", R"(\x0a)", R"(\\x0a)"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(printable(row.bytes) == row.expected);
    }
}
