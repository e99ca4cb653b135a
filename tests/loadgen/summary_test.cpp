#include "loadgen/summary.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace loadgen;
using namespace std::chrono_literals;

namespace {

Exchange exchange(Outcome outcome, nanoseconds latency, std::string error = "") {
    return {.number = 0, .key = "popular", .outcome = outcome, .error = std::move(error), .latency = latency};
}

// What a cold cache in front of an origin of 200 ms gives.
Summary demo_summary() {
    Summary summary;
    for (int i = 0; i < 11; ++i) summary.add(exchange(Outcome::miss, 200ms));
    for (int i = 0; i < 39; ++i) summary.add(exchange(Outcome::hit, 1ms));
    summary.elapsed = 2s;
    return summary;
}

}  // namespace

TEST_CASE("to_text: the demo's summary") {
    CHECK(to_text(demo_summary(), false) ==
          "Total requests: 50\n"
          "Cache hits:     39\n"
          "Cache misses:   11\n"
          "Errors:         0\n"
          "Cache-hit rate: 78.00 %\n"
          "Avg latency:    44.78 ms\n"
          "Median latency: 1.00 ms\n");
}

TEST_CASE("to_text: details, errors by kind, requests not sent") {
    Summary summary = demo_summary();
    summary.add(exchange(Outcome::error, 5ms, "status 502"));
    summary.not_sent = 3;
    const std::string text = to_text(summary, true);
    for (const std::string line :
         {"Total requests: 51\n", "Errors:         1\n", "Cache-hit rate: 78.00 %\n", "Requests/s:     25.5\n",
          "p99:            200.00 ms\n", "max:            200.00 ms\n", "Not sent:       3\n", "status 502:     1\n"}) {
        CAPTURE(line);
        CHECK(text.find(line) != std::string::npos);
    }
}

TEST_CASE("to_text: nothing at all") {
    CHECK(to_text(Summary{}, false).find("Cache-hit rate: 0.00 %\nAvg latency:    0.00 ms\n") != std::string::npos);
}

TEST_CASE("to_json") {
    Summary summary = demo_summary();
    summary.add(exchange(Outcome::error, 200ms, "status 502"));
    const auto json = nlohmann::json::parse(to_json(summary, "http://x/items", {"too slow"}));
    CHECK(json["url"] == "http://x/items");
    CHECK(json["requests"] == 51);
    CHECK(json["hits"] == 39);
    CHECK(json["misses"] == 11);
    CHECK(json["errors"] == 1);
    CHECK(json["hit_rate_percent"] == doctest::Approx(78));
    CHECK(json["latency_ms"]["p50"] == doctest::Approx(1).epsilon(0.004));
    CHECK(json["latency_ms"]["max"] == doctest::Approx(200));
    CHECK(json["error_kinds"] == nlohmann::json{{"status 502", 1}});
    CHECK(json["failed_thresholds"] == nlohmann::json::array({"too slow"}));
}

TEST_CASE("Summary::add: only answers and time-outs have a latency; kinds of errors are bounded") {
    Summary summary;
    Exchange refused = exchange(Outcome::error, 1us, "Connection refused");
    refused.has_latency = false;
    summary.add(refused);
    CHECK(summary.errors == 1);
    CHECK(summary.latency.count() == 0);
    for (int i = 0; i < 100; ++i) summary.add(exchange(Outcome::error, 1ms, "status " + std::to_string(i)));
    CHECK(summary.errors == 101);
    CHECK(summary.error_kinds.size() == 21);
    CHECK(summary.error_kinds["others"] == 81);
}

TEST_CASE("failed_thresholds") {
    Summary with_errors = demo_summary();
    with_errors.add(exchange(Outcome::error, 1ms, "status 500"));
    Summary behind = demo_summary();
    behind.not_sent = 7;
    const Summary fine = demo_summary(), none;
    struct Row {
        std::string name;
        const Summary* summary;
        Thresholds thresholds;
        std::vector<std::string> expected;
    };
    const Row rows[] = {
        {"none asked for", &with_errors, {}, {}},
        {"all met", &fine, {70.0, 0, 300ms}, {}},
        {"met exactly", &fine, {78.0, 0, 200ms}, {}},
        {"too few hits", &fine, {80.0, {}, {}}, {"cache-hit rate 78.00 % is below --min-hit-rate 80"}},
        {"too many errors", &with_errors, {{}, 0, {}}, {"1 errors and requests not sent are above --max-errors 0"}},
        {"not sent is an error", &behind, {{}, 5, {}}, {"7 errors and requests not sent are above --max-errors 5"}},
        {"too slow", &fine, {{}, {}, 50ms}, {"p99 latency 200.00 ms is above --max-p99 50 ms"}},
        {"nothing measured", &none, {{}, {}, 50ms}, {"no latency was measured, so --max-p99 is not met"}},
        {"two at once",
         &fine,
         {99.0, {}, 1ms},
         {"cache-hit rate 78.00 % is below --min-hit-rate 99", "p99 latency 200.00 ms is above --max-p99 1 ms"}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CHECK(failed_thresholds(*row.summary, row.thresholds) == row.expected);
    }
}

TEST_CASE("exchange_line") {
    CHECK(exchange_line(exchange(Outcome::miss, 203'100us), 50) == "[ 1/50] popular  MISS    203.1 ms");
    CHECK(exchange_line(exchange(Outcome::hit, 400us), 50) == "[ 1/50] popular  HIT       0.4 ms");
    CHECK(exchange_line(exchange(Outcome::error, 1ms, "status 502"), 7) ==
          "[1/7] popular  ERROR     1.0 ms  status 502");
}
