// The program itself, on a free port, asked with plain sockets.

#include <doctest/doctest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <nlohmann/json.hpp>

#include "origin-stub/content.hpp"
#include "tests/origin_stub/child_process.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

struct Answered {
    std::string text;
    boost::system::error_code end;  // eof after an orderly close
    Clock::duration time{0};
    bool has(std::string_view part) const { return text.find(part) != std::string::npos; }
};

tcp::socket connect(asio::io_context& io, const OriginProcess& origin) {
    tcp::socket socket(io);
    asio::connect(socket, tcp::resolver(io).resolve("127.0.0.1", origin.port));
    return socket;
}

// Sends the bytes, says that no more come, and reads what is answered to the end.
Answered talk(const OriginProcess& origin, const std::string& bytes) {
    asio::io_context io;
    tcp::socket socket = connect(io, origin);
    const auto begin = Clock::now();
    asio::write(socket, asio::buffer(bytes));
    Answered answered;
    socket.shutdown(tcp::socket::shutdown_send, answered.end);  // fails where the answer was a reset already
    asio::read(socket, asio::dynamic_buffer(answered.text), answered.end);
    answered.time = Clock::now() - begin;
    return answered;
}

Answered get(const OriginProcess& origin, const std::string& target) {
    return talk(origin, "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
}

nlohmann::json content_json(const Answered& answered) {
    return nlohmann::json::parse(answered.text.substr(answered.text.find("\r\n\r\n") + 4));
}

}  // namespace

TEST_CASE("answers in order on one connection, then the stats know") {
    OriginProcess origin;
    const std::string a = "GET /items/a HTTP/1.1\r\nHost: x\r\n\r\n",
                      b = "POST /items/b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
    const Answered answered = talk(origin, a + b + a);
    CHECK(answered.text.find("value_for_a") < answered.text.find(R"({"key":"b","method":"POST","received":4)"));
    CHECK(answered.text.rfind("value_for_a") > answered.text.find("POST"));
    CHECK(answered.end == asio::error::eof);

    const auto stats = content_json(get(origin, "/stats"));
    CHECK(stats["requests"] == 3);
    CHECK(stats["targets"] == nlohmann::json{{"/items/a", 2}, {"/items/b", 1}});
    CHECK(content_json(get(origin, "/health"))["status"] == "ok");
    CHECK(get(origin, "/stats/reset").has("HTTP/1.1 405"));
    talk(origin, "POST /stats/reset HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(content_json(get(origin, "/stats"))["requests"] == 0);
}

TEST_CASE("echo: what arrived, in order, with chunks and trailers") {
    OriginProcess origin;
    const auto json =
        content_json(talk(origin,
                          "PATCH /echo?q HTTP/1.1\r\nX-B: 1\r\nhost: x\r\nx-a:  2 \r\nX-B: 3\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: t\r\n\r\n"));
    CHECK(json["method"] == "PATCH");
    CHECK(json["fields"].dump() ==
          R"([["X-B","1"],["host","x"],["x-a","2"],["X-B","3"],["Transfer-Encoding","chunked"]])");
    CHECK(json["chunked"] == true);
    CHECK(json["body"].dump() == R"({"crc32":2240272485,"size":5,"start":"abcde"})");
    CHECK(json["trailers"].dump() == R"([["X-T","t"]])");
}

TEST_CASE("a body of any size is drained") {
    OriginProcess origin;
    const std::string body(3'000'000, 'x');
    const auto json = content_json(talk(
        origin, "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body));
    CHECK(json["body"]["size"] == body.size());
    CHECK(json["body"]["start"] == std::string(4096, 'x'));
}

TEST_CASE("Expect: 100-continue is answered before the body comes") {
    OriginProcess origin;
    asio::io_context io;
    tcp::socket socket = connect(io, origin);
    asio::write(socket, asio::buffer(std::string(
                            "POST /items/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")));
    std::string text(25, ' ');
    asio::read(socket, asio::buffer(text));
    CHECK(text == "HTTP/1.1 100 Continue\r\n\r\n");
    asio::write(socket, asio::buffer(std::string("ok")));
    text.resize(15);
    asio::read(socket, asio::buffer(text));
    CHECK(text == "HTTP/1.1 200 OK");
}

TEST_CASE("misbehaviour on demand") {
    OriginProcess origin;
    struct Row {
        std::string name;
        const char* query;
        const char* begins;
        const char* ends;
    };
    const Row rows[] = {
        {"chunked", "chunked=1", "HTTP/1.1 200 OK\r\n", "\r\n0\r\n\r\n"},
        {"trailers", "trailers=1", "HTTP/1.1 200 OK\r\n", "\r\n0\r\nX-Stub-Trailer: complete\r\n\r\n"},
        {"truncated with a length", "truncate=5", "HTTP/1.1 200 OK\r\n", "Content-Length: 55\r\n\r\n{\"key"},
        {"truncated in chunks", "truncate=5&chunked=1", "HTTP/1.1 200 OK\r\n", "\r\n\r\n5\r\n{\"key\r\n"},
        {"ended by closing", "http10=1", "HTTP/1.0 200 OK\r\n", "\"source\":\"origin\"}"},
        {"close", "close=1", "HTTP/1.1 200 OK\r\n",
         "Connection: close\r\n\r\n"
         R"({"key":"foo","value":"value_for_foo","source":"origin"})"},
        {"surplus", "surplus=HTTP/1.1%20666", "HTTP/1.1 200 OK\r\n", "}HTTP/1.1 666"},
        {"garbage", "garbage=1", "\x01", "\xff\xfe\r\n\r\n"},
        {"early hints", "interim=103", "HTTP/1.1 103 Early Hints\r\nLink: ", "}"},
        {"continue unasked", "interim=100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", "}"},
        {"no content", "status=204", "HTTP/1.1 204 No Content\r\n", "\r\n\r\n"},
        {"hang, until the client goes", "hang=1", "", ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Answered answered = get(origin, std::string("/items/foo?") + row.query);
        CHECK_MESSAGE(answered.text.starts_with(row.begins), answered.text);
        CHECK_MESSAGE(answered.text.ends_with(row.ends), answered.text);
        CHECK(answered.end == asio::error::eof);
        CHECK(answered.text.empty() == (std::string_view(row.ends).empty()));
    }
    const Answered reset = get(origin, "/items/foo?reset=1");
    CHECK(reset.text.empty());
    CHECK(reset.end == asio::error::connection_reset);
}

TEST_CASE("HEAD has the fields and no content, chunked or not") {
    OriginProcess origin;
    for (const std::string query : {"", "?chunked=1", "?http10=1"}) {
        CAPTURE(query);
        const Answered answered = talk(origin, "HEAD /items/a" + query + " HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK(answered.text.ends_with("\r\n\r\n"));
        CHECK_FALSE(answered.has("value"));
    }
}

TEST_CASE("a long answer comes whole, at once or drop by drop") {
    OriginProcess origin;
    const std::string expected = origin_stub::pattern("a", 0, 1'000'000);
    CHECK(get(origin, "/items/a?size=1000000").text.ends_with("\r\n\r\n" + expected));
    const Answered dripped = get(origin, "/items/a?size=1000000&drip_ms=200");
    CHECK(dripped.text.ends_with("\r\n\r\n" + expected));
    CHECK(dripped.time >= 200ms);
}

TEST_CASE("what is not HTTP is refused") {
    OriginProcess origin;
    const Answered answered = talk(origin, "GET / HTTP/1.1\r\nno colon\r\n\r\n");
    CHECK(answered.has("HTTP/1.1 400 Bad Request"));
    CHECK(answered.has("Connection: close"));
}

TEST_CASE("many delayed requests wait at once") {
    constexpr int count = 300;
    OriginProcess origin;
    asio::io_context io;
    std::deque<tcp::socket> sockets;
    const auto begin = Clock::now();
    for (int i = 0; i < count; ++i) {
        sockets.push_back(connect(io, origin));
        asio::write(sockets.back(),
                    asio::buffer(std::string("GET /items/a?latency_ms=1000 HTTP/1.1\r\nHost: x\r\n\r\n")));
    }
    for (tcp::socket& socket : sockets) {
        std::string text(15, ' ');
        asio::read(socket, asio::buffer(text));
        CHECK(text == "HTTP/1.1 200 OK");
    }
    CHECK(Clock::now() - begin >= 1s);
    CHECK(content_json(get(origin, "/stats"))["max_concurrent"] == count);
}

TEST_CASE("the latency: flag, environment, and neither") {
    struct Row {
        std::string name;
        std::vector<std::string> arguments;
        Clock::duration least;
    };
    const Row rows[] = {
        {"default", {WEIR_ORIGIN_STUB, "--listen", "127.0.0.1:0"}, 200ms},
        {"flag", {WEIR_ORIGIN_STUB, "--listen", "127.0.0.1:0", "--latency", "0.25s"}, 250ms},
        {"environment", {"/usr/bin/env", "ORIGIN_LATENCY_MS=220", WEIR_ORIGIN_STUB, "--listen", "127.0.0.1:0"}, 220ms},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const OriginProcess origin(row.arguments);
        CHECK(get(origin, "/items/a").time >= row.least);
        CHECK(get(origin, "/health").time < row.least);
    }
}

TEST_CASE("SIGTERM ends it with status 0, whoever still waits") {
    OriginProcess origin;
    asio::io_context io;
    tcp::socket socket = connect(io, origin);
    asio::write(socket, asio::buffer(std::string("GET /items/a HTTP/1.1\r\nHost: x\r\n\r\n"
                                                 "GET /items/a?hang=1 HTTP/1.1\r\nHost: x\r\n\r\n")));
    std::string first(100, ' ');
    asio::read(socket, asio::buffer(first));
    origin.terminate();
    CHECK(origin.wait() == 0);
}

TEST_CASE("command line") {
    struct Row {
        std::string name;
        std::vector<std::string> arguments;
        int status;
        const char* out;
        const char* err;
    };
    const Row rows[] = {
        {"help", {"--help"}, 0, "Examples:", ""},
        {"version", {"--version"}, 0, "weir-origin-stub " WEIR_VERSION, ""},
        {"no port", {"--listen", "localhost"}, 1, "", "cannot listen on localhost: expected HOST:PORT"},
        {"no duration", {"--latency", "soon"}, 1, "", "--latency"},
        {"no such flag", {"--lisen", "x"}, 1, "", "--lisen"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        std::vector<std::string> arguments{WEIR_ORIGIN_STUB};
        arguments.insert(arguments.end(), row.arguments.begin(), row.arguments.end());
        ChildProcess process(arguments);
        CHECK(process.out.read_all().find(row.out) != std::string::npos);
        CHECK(process.err.read_all().find(row.err) != std::string::npos);
        CHECK(process.wait() == row.status);
    }
}
