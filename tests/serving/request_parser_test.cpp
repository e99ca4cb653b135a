#include "proxy/serving/request_parser.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace proxy;
using namespace proxy::serving;

namespace {

struct Parsed {
    std::vector<rules::Field> fields;
    LimitsConfig limits;
    std::string bytes;
    std::optional<RequestParser> parser;
    std::optional<Refusal> refusal;

    explicit Parsed(std::string text, LimitsConfig given = {}) : limits(given), bytes(std::move(text)) {
        parser.emplace(fields, limits, "default.example:8080");
        refusal = parser->parse(bytes);
    }
};

}  // namespace

TEST_CASE("a request header section is read as views: RFC 9112 §3") {
    struct Row {
        std::string name;
        const char* bytes;
        const char* authority;
        const char* target;
        bool keep_alive;
        bool has_content;
    };
    const Row rows[] = {
        {"origin form", "GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", "h", "/a?b=c", true, false},
        {"absolute form replaces Host", "GET http://other:81/x HTTP/1.1\r\nHost: h\r\n\r\n", "other:81", "/x", true,
         false},
        {"absolute form without a path", "GET http://other HTTP/1.1\r\nHost: h\r\n\r\n", "other", "/", true, false},
        {"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "h", "*", true, false},
        {"HTTP/1.0 closes", "GET / HTTP/1.0\r\nHost: h\r\n\r\n", "h", "/", false, false},
        {"HTTP/1.0 with keep-alive", "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", "h", "/", true,
         false},
        {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "default.example:8080", "/", false, false},
        {"close is asked for", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "h", "/", false, false},
        {"sized content", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n", "h", "/", true, true},
        {"content of no bytes", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "h", "/", true, false},
        {"chunked content", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n", "h", "/", true, true},
        {"an IPv6 authority", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "[::1]:80", "/", true, false},
        {"HTTP/1.0 with keep-alive and close", "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive, close\r\n\r\n",
         "h", "/", false, false},
        {"the word of a proxy says nothing", "GET / HTTP/1.1\r\nHost: h\r\nProxy-Connection: close\r\n\r\n", "h", "/",
         true, false},
        {"TRACE is the route's to judge", "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", "h", "/", true, false},
        {"equal lengths count once", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
         "h", "/", true, true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Parsed parsed(row.bytes);
        REQUIRE_FALSE(parsed.refusal.has_value());
        CHECK(parsed.parser->header().authority == row.authority);
        CHECK(parsed.parser->header().target == row.target);
        CHECK(parsed.parser->wants_keep_alive() == row.keep_alive);
        CHECK(parsed.parser->has_content() == row.has_content);
    }
}

TEST_CASE("a malformed or unsupported request is refused: RFC 9112") {
    struct Row {
        std::string name;
        std::string bytes;
        unsigned status;
    };
    const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";
    const Row rows[] = {
        {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"two Hosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
        {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
        {"a path in Host", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", 400},
        {"user information in Host", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400},
        {"a port that is none", "GET / HTTP/1.1\r\nHost: h:8x\r\n\r\n", 400},
        {"a list of Hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
        {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", 505},
        {"a version of two digits", "GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400},
        {"version 1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505},
        {"no version", "GET /\r\nHost: h\r\n\r\n", 400},
        {"a target that is no path", "GET x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"another scheme", "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"a bad authority in absolute form", "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"a fragment", "GET /#f HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"asterisk form of GET", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"a space in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 405},
        {"TRACE with content", "TRACE / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n", 400},
        {"a method longer than any", std::string(65, 'M').append(" / HTTP/1.1\r\nHost: h\r\n\r\n"), 501},
        {"a method that is no token", "G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"both framings", start + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"both framings, the other way", start + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400},
        {"lengths that differ", start + "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
        {"a signed length", start + "Content-Length: +3\r\n\r\n", 400},
        {"an empty length", start + "Content-Length:\r\n\r\n", 400},
        {"a length that overflows", start + "Content-Length: 18446744073709551616\r\n\r\n", 400},
        {"a length above the limit", start + "Content-Length: 1073741825\r\n\r\n", 413},
        {"a coding that is not chunked", start + "Transfer-Encoding: gzip\r\n\r\n", 400},
        {"chunked behind another", start + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"chunked before another", start + "Transfer-Encoding: chunked, gzip\r\n\r\n", 400},
        {"chunked twice in a list", start + "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
        {"an empty member before chunked", start + "Transfer-Encoding: , chunked\r\n\r\n", 400},
        {"chunked with a parameter", start + "Transfer-Encoding: chunked;a=b\r\n\r\n", 400},
        {"chunked twice", start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"an unknown expectation", start + "Expect: tea\r\n\r\n", 417},
        {"space before the colon", start + "A : b\r\n\r\n", 400},
        {"a field without a name", start + ": b\r\n\r\n", 400},
        {"no colon", start + "abc\r\n\r\n", 400},
        {"a folded field", start + "A: b\r\n c\r\n\r\n", 400},
        {"a folded field with nothing before", start + "A:\r\n c\r\n\r\n", 400},
        {"a bare LF in a value", start + "A: b\nC: d\r\n\r\n", 400},
        {"a bare CR in a value", start + "A: b\rC: d\r\n\r\n", 400},
        {"a NUL in a value", start + std::string("A: b\0c\r\n\r\n", 10), 400},
        {"a control byte in a value", start + "A: b\x01\r\n\r\n", 400},
        {"a space before the first field", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
        {"too many fields",
         start +
             [] {
                 std::string many;
                 for (int i = 0; i < 101; ++i) many += "A: b\r\n";
                 return many;
             }() +
             "\r\n",
         431},
        {"a target that is too long", "GET /" + std::string(8192, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Parsed parsed(row.bytes);
        REQUIRE(parsed.refusal.has_value());
        CHECK(parsed.refusal->status == row.status);
    }
}

TEST_CASE("what cannot become a header section is refused before its end") {
    struct Row {
        std::string name;
        std::string bytes;
        unsigned status;  // 0: wait for more
    };
    const Row rows[] = {
        {"the first letters of a method", "GE", 0},
        {"half a request line", "GET /items/foo HT", 0},
        {"half a header section", "GET / HTTP/1.1\r\nHost: h\r\n", 0},
        {"a CR whose LF is still to come", "GET / HTTP/1.1\r", 0},
        {"HTTP/0.9", "GET /\r\n", 400},
        {"a PROXY line", "PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", 400},
        {"SSH", "SSH-2.0-OpenSSH\r\n", 400},
        {"the beginning of what is no method", "G(", 400},
        {"a space in front", " ", 400},
        {"a version that is not ours", "GET / HTTP/3.0\r\n", 505},
        {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400},
        {"HTTP/2 preface", "PRI * HTTP/2.0\r\n", 505},
        {"bare LF line ends", "GET / HTTP/1.1\nHost: h\n\n", 400},
        {"an endless target", "GET /" + std::string(9000, 'a'), 414},
        {"an endless method", std::string(100, 'a'), 501},
        {"an endless header section", "GET / HTTP/1.1\r\nA: " + std::string(40'000, 'a'), 431},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const std::optional<Refusal> refusal = check_incomplete_head(row.bytes, LimitsConfig{});
        CHECK((refusal ? refusal->status : 0) == row.status);
    }
}
