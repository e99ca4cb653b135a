#include "proxy/admin/admin_listener.hpp"

#include <doctest/doctest.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <list>
#include <nlohmann/json.hpp>
#include <string>

using namespace proxy;
using namespace proxy::admin;
using namespace std::chrono_literals;
using boost::system::error_code;
namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

using Answer = http::response<http::string_body>;

// One connection to the listener; a socket of the test's own, with no deadline but the test runner's.
class Client {
 public:
    explicit Client(std::uint16_t port) { socket_.connect({asio::ip::make_address("127.0.0.1"), port}); }

    void send(std::string_view bytes) { asio::write(socket_, asio::buffer(bytes)); }

    Answer receive(bool head = false) {
        http::response_parser<http::string_body> parser;
        parser.skip(head);
        http::read(socket_, buffer_, parser);
        return parser.release();
    }

    Answer exchange(std::string_view request) {
        send(request);
        return receive(request.starts_with("HEAD "));
    }

    // Waits until the listener has closed the connection; false where it sends instead.
    bool closed() {
        std::array<char, 1> byte{};
        error_code error;
        return socket_.read_some(asio::buffer(byte), error) == 0 && buffer_.size() == 0;
    }

 private:
    asio::io_context context_;
    asio::ip::tcp::socket socket_{context_};
    boost::beast::flat_buffer buffer_;
};

struct Node {
    observe::Metrics metrics{{}};
    store::RedisStats redis;
    Readiness readiness;
    Endpoints endpoints{metrics, {&redis}, readiness};
};

std::string output_of(const std::string& command) {
    std::FILE* pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string output;
    std::array<char, 4096> buffer{};
    while (std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), n);
    ::pclose(pipe);
    return output;
}

}  // namespace

TEST_CASE("admin listener: what each request gets") {
    Node node;
    node.redis.connected = true;
    const AdminListener listener({"127.0.0.1", 0}, node.endpoints);
    const std::string long_value(9'000, 'x');
    const std::string body(2'000, 'x');

    struct Row {
        const char* name;
        std::string request;
        unsigned status;
        bool closes;
    };
    const Row rows[] = {
        {"metrics", "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 200, false},
        {"health", "GET /health HTTP/1.1\r\nHost: a\r\n\r\n", 200, false},
        {"liveness", "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", 200, false},
        {"not ready", "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", 503, false},
        {"a query is ignored", "GET /health?verbose HTTP/1.1\r\nHost: a\r\n\r\n", 200, false},
        {"HEAD", "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n", 200, false},
        {"another method", "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", 405, false},
        {"an unknown method", "BREW /health HTTP/1.1\r\nHost: a\r\n\r\n", 405, false},
        {"an unknown path", "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404, false},
        {"the client closes", "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, true},
        {"HTTP/1.0", "GET /health HTTP/1.0\r\n\r\n", 200, true},
        {"no Host", "GET /health HTTP/1.1\r\n\r\n", 400, false},
        {"not HTTP", "hello\r\n\r\n", 400, true},
        {"a header too large", "GET /health HTTP/1.1\r\nHost: a\r\nX: " + long_value + "\r\n\r\n", 431, true},
        {"content too large", "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" + body, 413, true},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        Client client(listener.port());
        const Answer answer = client.exchange(row.request);
        CHECK(answer.result_int() == row.status);
        CHECK(answer.count(http::field::date) == 1);
        CHECK(answer[http::field::cache_control] == "no-store");
        CHECK((answer[http::field::connection] == "close") == row.closes);
        if (row.closes)
            CHECK(client.closed());
        else
            CHECK(client.exchange("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").result_int() == 200);
    }
}

TEST_CASE("admin listener: content and fields of the answers") {
    Node node;
    const AdminListener listener({"127.0.0.1", 0}, node.endpoints);
    Client client(listener.port());

    const Answer metrics = client.exchange("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(metrics[http::field::content_type] == "text/plain; version=0.0.4; charset=utf-8");
    CHECK(metrics.body().find("\ncache_hits_total 0\n") != std::string::npos);

    const Answer head = client.exchange("HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(head[http::field::content_length] == "15");
    CHECK(head.body().empty());

    const Answer missing = client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(missing[http::field::content_type] == "application/json");
    CHECK(nlohmann::json::parse(missing.body())["endpoints"] ==
          nlohmann::json({"/metrics", "/health", "/livez", "/readyz"}));

    CHECK(client.exchange("DELETE /health HTTP/1.1\r\nHost: a\r\n\r\n")[http::field::allow] == "GET, HEAD");

    const Answer unhealthy = client.exchange("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(unhealthy.result_int() == 503);
    CHECK(unhealthy.body() == R"({"status":"unavailable","reason":"redis is not connected"})");
    node.redis.connected = true;
    CHECK(client.exchange("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").body() == R"({"status":"ok"})");
}

TEST_CASE("admin listener: pipelined requests are answered in order") {
    Node node;
    const AdminListener listener({"127.0.0.1", 0}, node.endpoints);
    Client client(listener.port());
    client.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.receive().result_int() == 200);
    CHECK(client.receive().result_int() == 503);
}

TEST_CASE("admin listener: who says nothing, or stops midway, is cut off") {
    Node node;
    const AdminListener listener({"127.0.0.1", 0}, node.endpoints, 50ms);
    for (const char* begun :
         {"", "GET /health HT", "POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"}) {
        CAPTURE(begun);
        Client client(listener.port());
        client.send(begun);
        CHECK(client.closed());
    }
}

TEST_CASE("admin listener: one connection too many is closed, and a freed place is taken again") {
    Node node;
    const AdminListener listener({"127.0.0.1", 0}, node.endpoints);
    std::list<Client> clients;
    for (int i = 0; i < 64; ++i) {
        clients.emplace_back(listener.port());
        REQUIRE(clients.back().exchange("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").result_int() == 200);
    }
    CHECK(Client(listener.port()).closed());

    CHECK(clients.front().exchange("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").result_int() == 200);
    CHECK(clients.front().closed());
    Client next(listener.port());
    CHECK(next.exchange("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").result_int() == 200);
}

TEST_CASE("admin listener: its end closes idle and half-read connections") {
    Node node;
    auto listener = std::make_unique<AdminListener>(Endpoint{"127.0.0.1", 0}, node.endpoints);
    Client idle(listener->port());
    Client half(listener->port());
    Client served(listener->port());
    half.send("GET /he");
    CHECK(served.exchange("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").result_int() == 200);
    listener.reset();
    CHECK(idle.closed());
    CHECK(half.closed());
    CHECK(served.closed());
}

TEST_CASE("admin listener: ends while requests arrive") {
    Node node;
    for (int round = 0; round < 20; ++round) {
        auto listener = std::make_unique<AdminListener>(Endpoint{"127.0.0.1", 0}, node.endpoints);
        std::list<Client> clients;
        for (int i = 0; i < 8; ++i)
            clients.emplace_back(listener->port()).send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    }
}

TEST_CASE("admin listener: an address in use, or none at all, fails the start") {
    Node node;
    const AdminListener listener({"localhost", 0}, node.endpoints);
    CHECK_THROWS_AS(AdminListener({"localhost", listener.port()}, node.endpoints), boost::system::system_error);
    CHECK_THROWS_AS(AdminListener({"192.0.2.1", 0}, node.endpoints), boost::system::system_error);
    CHECK_THROWS_AS(AdminListener({"not an address", 0}, node.endpoints), boost::system::system_error);
}

TEST_CASE("admin listener: curl agrees") {
    Node node;
    node.redis.connected = true;
    const AdminListener listener({"127.0.0.1", 0}, node.endpoints);
    const std::string url = "http://127.0.0.1:" + std::to_string(listener.port());
    const std::string curl = "curl -sS --max-time 10 2>&1 ";

    CHECK(output_of(curl + url + "/health") == R"({"status":"ok"})");
    CHECK(output_of(curl + "-o /dev/null -w '%{http_code} %{num_connects} ' " + url + "/livez -o /dev/null " + url +
                    "/metrics") == "200 1 200 0 ");
    CHECK(output_of(curl + "-I -o /dev/null -w '%{http_code} %{size_download}' " + url + "/metrics") == "200 0");
    CHECK(output_of(curl + "-o /dev/null -w %{http_code} -H 'Expect: 100-continue' -d x=y " + url + "/health") ==
          "405");
}
