// The program itself against a real origin on a free port.

#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <nlohmann/json.hpp>

#include "tests/origin_stub/child_process.hpp"

namespace {

struct Finished {
    int status;
    std::string out, err;
    bool has(std::string_view part) const { return out.find(part) != std::string::npos; }
};

Finished load(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), WEIR_LOADGEN);
    ChildProcess process(std::move(arguments));
    Finished finished{};
    finished.out = process.out.read_all();
    finished.err = process.err.read_all();
    finished.status = process.wait();
    return finished;
}

std::string url(const OriginProcess& origin, const std::string& knobs) {
    return "http://127.0.0.1:" + origin.port + "/items?" + knobs;
}

nlohmann::json stats(const OriginProcess& origin) {
    namespace asio = boost::asio;
    asio::io_context io;
    asio::ip::tcp::iostream stream("127.0.0.1", origin.port);
    stream << "GET /stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" << std::flush;
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    return nlohmann::json::parse(text.substr(text.find("\r\n\r\n") + 4));
}

// A port where nobody listens: one that was free a moment ago.
std::string closed_port() {
    boost::asio::io_context io;
    boost::asio::ip::tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
    return std::to_string(acceptor.local_endpoint().port());
}

}  // namespace

TEST_CASE("the demo: fifty lines and the summary, over one connection") {
    OriginProcess origin;
    const Finished finished = load({url(origin, "header=Cache-Status:Weir;%20hit")});
    CHECK(finished.status == 0);
    CHECK(finished.err.empty());
    CHECK(finished.out.starts_with("[ 1/50] popular  HIT "));
    CHECK(finished.has("\n[50/50] "));
    CHECK(
        finished.has("\nTotal requests: 50\nCache hits:     50\nCache misses:   0\nErrors:         0\n"
                     "Cache-hit rate: 100.00 %\nAvg latency:    "));
    const auto seen = stats(origin);
    CHECK(seen["requests"] == 50);
    CHECK(seen["targets"].size() == 11);
    CHECK(seen["targets"]["/items/popular?header=Cache-Status:Weir;%20hit"] == 35);
    CHECK(seen["max_concurrent"] == 1);
    CHECK(seen["connections"] == 2);  // ours and the one that asks for the stats
}

TEST_CASE("exit status") {
    OriginProcess origin;
    const std::string nobody = "http://127.0.0.1:" + closed_port() + "/items";
    struct Row {
        std::string name;
        std::vector<std::string> arguments;
        int status;
        const char* out;
        const char* err;
    };
    const Row rows[] = {
        {"well", {url(origin, ""), "--max-errors", "0", "--max-p99", "10s"}, 0, "Cache misses:   50", ""},
        {"no hits", {url(origin, ""), "--min-hit-rate", "70"}, 2, "Cache hits:     0", "is below --min-hit-rate 70"},
        {"errors",
         {url(origin, "status=503"), "--max-errors", "9"},
         2,
         "status 503:     50",
         "are above --max-errors 9"},
        {"slow",
         {url(origin, "latency_ms=20"), "--requests", "3", "--max-p99", "10ms"},
         2,
         "p99:",
         "is above --max-p99 10 ms"},
        {"nobody there", {nobody}, 1, "", "cannot connect to http://127.0.0.1:"},
        {"https", {"https://localhost/"}, 1, "", "https is not supported"},
        {"no URL", {"localhost"}, 1, "", "expected a URL like"},
        {"no such flag", {"--request", "5"}, 1, "", "--request"},
        {"no unit", {"--duration", "5"}, 1, "", "expected a duration like"},
        {"help", {"--help"}, 0, "Examples:", ""},
        {"version", {"--version"}, 0, "weir-loadgen " WEIR_VERSION, ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Finished finished = load(row.arguments);
        CHECK(finished.status == row.status);
        CHECK_MESSAGE(finished.has(row.out), finished.out);
        CHECK_MESSAGE(finished.err.find(row.err) != std::string::npos, finished.err);
        CHECK((finished.err.empty() || *row.err != '\0'));
    }
}

TEST_CASE("what counts as an error") {
    OriginProcess origin;
    struct Row {
        std::string name;
        const char* knobs;
        unsigned errors;
        const char* kind;
    };
    const Row rows[] = {
        {"a redirection is none", "status=302", 0, nullptr},
        {"a server that closes each time is none", "close=1", 0, nullptr},
        {"content that ends by closing is none", "http10=1", 0, nullptr},
        {"early hints are none", "interim=103", 0, nullptr},
        {"not found", "status=404", 4, "status 404"},
        {"truncated", "truncate=5", 4, "closed before the response was complete"},
        {"no answer", "hang=1", 4, "timed out"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        const Finished finished =
            load({url(origin, row.knobs), "--requests", "4", "--connections", "2", "--timeout", "300ms", "--json"});
        CHECK(finished.status == 0);
        const auto json = nlohmann::json::parse(finished.out);
        CHECK(json["requests"] == 4);
        CHECK(json["errors"] == row.errors);
        CHECK(json["misses"] == 4 - row.errors);
        if (row.kind != nullptr) CHECK(json["error_kinds"].begin().key() == row.kind);
    }
}

TEST_CASE("with a rate, latency counts from when a request was due") {
    OriginProcess origin;
    // one connection, 50 ms an answer: request number n is due after 10 n ms and answered after 50 (n + 1) ms
    const Finished finished =
        load({url(origin, "latency_ms=50"), "--rate", "100", "--requests", "10", "--connections", "1", "--json"});
    const auto json = nlohmann::json::parse(finished.out);
    CHECK(json["latency_ms"]["max"] >= 410);
    CHECK(json["latency_ms"]["p50"] >= 200);
    CHECK(json["not_sent"] == 0);
}

TEST_CASE("what could not be sent within the duration is told") {
    OriginProcess origin;
    const Finished finished = load({url(origin, "latency_ms=100"), "--rate", "100", "--duration", "500ms",
                                    "--connections", "1", "--json", "--max-errors", "0"});
    const auto json = nlohmann::json::parse(finished.out);
    CHECK(json["requests"].get<int>() + json["not_sent"].get<int>() == 50);
    CHECK(json["not_sent"] >= 44);
    CHECK(finished.status == 2);
}
