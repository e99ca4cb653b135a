#include "proxy/rules/upgrade.hpp"

#include "tests/rules/messages.hpp"

using namespace proxy::rules;

TEST_CASE("offered_protocol: RFC 9110 §7.8") {
    using enum http::verb;
    const std::vector<std::string> allowed{"websocket", "other/1.0"};
    struct Row {
        std::string_view name;
        http::verb method;
        const char* lines;
        std::string_view expected;
    };
    const Row rows[] = {
        {"one", get, "Connection: Upgrade\nUpgrade: websocket", "websocket"},
        {"letter case", get, "Connection: keep-alive, UPGRADE\nUpgrade: WebSocket", "WebSocket"},
        {"one of several", get, "Connection: Upgrade\nUpgrade: h2c, websocket", "websocket"},
        {"on several lines", get, "Connection: Upgrade\nUpgrade: h2c\nUpgrade: websocket", "websocket"},
        {"with a version", get, "Connection: Upgrade\nUpgrade: other/1.0", "other/1.0"},
        {"another version", get, "Connection: Upgrade\nUpgrade: other/2.0", ""},
        {"not allowed", get, "Connection: Upgrade\nUpgrade: h2c", ""},
        {"not of this connection", get, "Upgrade: websocket", ""},
        {"no protocol", get, "Connection: Upgrade", ""},
        {"another method", post, "Connection: Upgrade\nUpgrade: websocket", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Lines lines(row.lines);
        RequestHeader request = request_with(lines, row.method);
        CHECK(offered_protocol(request, allowed) == row.expected);
        CHECK(offered_protocol(request, {}).empty());
        request.version = 10;
        CHECK(offered_protocol(request, allowed).empty());
    }
}

TEST_CASE("switches_to: what was offered, and that alone") {
    struct Row {
        const char* lines;
        bool expected;
    };
    const Row rows[] = {
        {"Connection: Upgrade\nUpgrade: WebSocket", true},
        {"Connection: Upgrade\nUpgrade: h2c", false},
        {"Connection: Upgrade\nUpgrade: websocket, h2c", false},
        {"Connection: Upgrade\nUpgrade: websocket\nUpgrade: h2c", false},
        {"Connection: Upgrade", false},
        {"Upgrade: websocket", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.lines);
        const Lines lines(row.lines);
        CHECK(switches_to(response_with(lines, 101), "websocket") == row.expected);
    }
}
