#include "proxy/observe/access_log.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "proxy/error.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace proxy;
using namespace proxy::observe;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

std::vector<json> parse_lines(std::istream& in) {
    std::vector<json> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
    return lines;
}

std::vector<json> lines_of(const std::string& file) {
    std::ifstream in(file);
    return parse_lines(in);
}

void await_lines(const std::string& file, std::size_t count) {
    for (int i = 0; i < 500 && lines_of(file).size() < count; ++i) std::this_thread::sleep_for(10ms);
    REQUIRE(lines_of(file).size() == count);
}

}  // namespace

TEST_CASE("access log: every field of a record") {
    const tests::TemporaryFolder folder;
    const std::string file = folder.file("access.log");
    {
        AccessLog log(file);
        log.write({.client = "192.0.2.1",
                   .method = "GET",
                   .authority = "example.org",
                   .target = "/a?b=\"c\"",
                   .request_id = "0123abc",
                   .outcome = Outcome::miss,
                   .forwarded = rules::ForwardReason::uri_miss,
                   .forward_status = 200,
                   .uncacheable = rules::Uncacheable::no_store,
                   .collapsed = true,
                   .status = 200,
                   .bytes_sent = 12'345'678'901,
                   .total = 1'234'567ns,
                   .upstream = 1'000'999ns,
                   .error = Errc::client_closed});
        log.write({.client = "2001:db8::1", .outcome = Outcome::hit, .tier = Tier::redis, .stored = true});
        CHECK(log.dropped() == 0);
    }
    std::vector<json> lines = lines_of(file);
    REQUIRE(lines.size() == 2);
    const std::string time = lines[0]["time"];
    CHECK(time.size() == std::string("2024-05-01T12:34:56.789Z").size());
    CHECK(time.back() == 'Z');
    for (json& line : lines) line.erase("time");
    CHECK(lines[0] == json::parse(R"({"client":"192.0.2.1","method":"GET","host":"example.org","target":"/a?b=\"c\"",
        "status":200,"outcome":"miss","tier":null,"forward_reason":"uri-miss","forward_status":200,"stored":false,
        "collapsed":true,"uncacheable":"no-store","bytes":12345678901,"duration_us":1234,"upstream_us":1000,
        "request_id":"0123abc","error":"client closed the connection"})"));
    CHECK(lines[1] == json::parse(R"({"client":"2001:db8::1","method":"","host":"","target":"",
        "status":0,"outcome":"hit","tier":"redis","forward_reason":null,"forward_status":null,"stored":true,
        "collapsed":false,"uncacheable":null,"bytes":0,"duration_us":0,"upstream_us":0,
        "request_id":"","error":null})"));
}

TEST_CASE("access log: hostile bytes cannot forge a line") {
    const tests::TemporaryFolder folder;
    const std::string file = folder.file("access.log");
    std::string every_byte;
    for (int byte = 0; byte < 256; ++byte) every_byte.push_back(static_cast<char>(byte));
    {
        AccessLog log(file);
        log.write({.method = "GE\"T", .authority = "a\\\n{}", .target = every_byte, .request_id = "\xff"});
    }
    const std::vector<json> lines = lines_of(file);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["method"] == "GE\"T");
    CHECK(lines[0]["host"] == "a\\\n{}");
    CHECK(lines[0]["request_id"] == "\xef\xbf\xbd");
}

TEST_CASE("access log: a file that cannot be opened fails the start") {
    CHECK_THROWS_WITH_AS(AccessLog("/nonexistent/access.log"),
                         "access log /nonexistent/access.log: No such file or directory", std::runtime_error);
}

TEST_CASE("access log: written soon, appended to, and reopened after it was moved away") {
    const tests::TemporaryFolder folder;
    const std::string file = folder.file("access.log");
    {
        AccessLog(file).write({.target = "/old"});
    }
    {
        AccessLog log(file);
        log.write({.target = "/one"});
        await_lines(file, 2);
        std::filesystem::rename(file, folder.file("access.log.1"));
        log.reopen();
        log.write({.target = "/two"});
    }
    CHECK(lines_of(folder.file("access.log.1")).size() == 2);
    const std::vector<json> lines = lines_of(file);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["target"] == "/two");
}

TEST_CASE("access log: a full disk costs lines, not the node") {
    AccessLog log("/dev/full");
    for (int i = 0; i < 10; ++i) log.write({.target = "/a"});
    for (int i = 0; i < 500 && log.dropped() < 10; ++i) std::this_thread::sleep_for(10ms);
    CHECK(log.dropped() == 10);
}

TEST_CASE("access log: many writers, every line whole") {
    const tests::TemporaryFolder folder;
    const std::string file = folder.file("access.log");
    constexpr int writers = 4;
    constexpr int lines_each = 2'000;
    std::uint64_t dropped = 0;
    {
        AccessLog log(file);
        std::vector<std::thread> threads;
        for (int writer = 0; writer < writers; ++writer)
            threads.emplace_back([&log] {
                for (int i = 0; i < lines_each; ++i) log.write({.method = "GET", .target = "/items/1"});
            });
        for (std::thread& thread : threads) thread.join();
        dropped = log.dropped();
    }
    CHECK(lines_of(file).size() + dropped == writers * lines_each);
}

TEST_CASE("access log: nobody waits for a stuck disk; what does not fit is counted") {
    const tests::TemporaryFolder folder;
    const std::string pipe = folder.file("pipe");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const int reading_end = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
    REQUIRE(reading_end >= 0);

    const std::string target(8'000, 'x');
    std::uint64_t written = 0;
    std::uint64_t dropped = 0;
    std::string received;
    std::thread reader;
    {
        AccessLog log(pipe);
        while (log.dropped() < 10) {
            log.write({.target = target});
            ++written;
        }
        dropped = log.dropped();
        ::fcntl(reading_end, F_SETFL, 0);
        reader = std::thread([&] {
            char buffer[65536];
            for (ssize_t n = 0; (n = ::read(reading_end, buffer, sizeof buffer)) > 0;)
                received.append(buffer, static_cast<std::size_t>(n));
        });
    }
    reader.join();
    ::close(reading_end);
    std::istringstream lines(received);
    CHECK(parse_lines(lines).size() + dropped == written);
}
