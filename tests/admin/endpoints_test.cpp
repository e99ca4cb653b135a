#include "proxy/admin/endpoints.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace proxy;
using namespace proxy::admin;
using nlohmann::json;

TEST_CASE("endpoints: health, liveness and readiness") {
    struct Row {
        const char* name;
        const char* redis;  // one letter a worker: Connected, Disconnected, Breaker is open
        bool ready;
        const char* path;
        unsigned status;
        const char* body;
    };
    constexpr const char* ok = R"({"status":"ok"})";
    constexpr const char* no_redis = R"({"status":"unavailable","reason":"redis is not connected"})";
    constexpr const char* not_ready =
        R"({"status":"unavailable","reason":"the node is starting or draining","redis":"ok"})";
    constexpr const char* unwell = R"({"status":"unavailable","reason":"redis is unwell"})";
    const Row rows[] = {
        {"healthy without Redis configured", "", false, "/health", 200, ok},
        {"healthy with Redis", "C", false, "/health", 200, ok},
        {"one worker's connection is enough", "DCB", false, "/health", 200, ok},
        {"Redis is gone", "DD", true, "/health", 503, no_redis},
        {"Redis is there, and of no use", "DB", true, "/health", 503, unwell},
        {"alive without Redis and before start-up", "D", false, "/livez", 200, ok},
        {"ready without Redis configured", "", true, "/readyz", 200, R"({"status":"ok","redis":"off"})"},
        {"ready with Redis", "CC", true, "/readyz", 200, R"({"status":"ok","redis":"ok"})"},
        {"ready, some without Redis", "CD", true, "/readyz", 200, R"({"status":"ok","redis":"degraded"})"},
        {"ready, some left alone", "CB", true, "/readyz", 200, R"({"status":"ok","redis":"degraded"})"},
        {"ready without Redis", "DB", true, "/readyz", 200, R"({"status":"ok","redis":"unavailable"})"},
        {"starting or draining", "C", false, "/readyz", 503, not_ready},
    };
    const observe::Metrics metrics({});
    for (const Row& row : rows) {
        CAPTURE(row.name);
        std::vector<store::RedisStats> stats(std::string_view(row.redis).size());
        std::vector<const store::RedisStats*> redis;
        for (std::size_t i = 0; i < stats.size(); ++i) {
            stats[i].connected = row.redis[i] != 'D';
            if (row.redis[i] == 'B') stats[i].breaker = store::BreakerState::open;
            redis.push_back(&stats[i]);
        }
        Readiness readiness;
        readiness.ready = row.ready;

        const std::optional<LocalResponse> response = Endpoints(metrics, redis, readiness).answer(row.path);
        REQUIRE(response.has_value());
        CHECK(response->status == row.status);
        CHECK(response->content_type == "application/json");
        CHECK(response->body == row.body);
        CHECK(json::accept(response->body));
    }
}

TEST_CASE("endpoints: metrics, and only the paths that are listed") {
    const observe::Metrics metrics({});
    const Readiness readiness;
    const Endpoints endpoints(metrics, {}, readiness);
    for (std::string_view path : Endpoints::paths()) {
        CAPTURE(path);
        CHECK(endpoints.answer(path).has_value());
    }
    for (const char* path : {"", "/", "/metrics/", "/Health", "/metricsx"}) {
        CAPTURE(path);
        CHECK_FALSE(endpoints.answer(path).has_value());
    }
    const std::optional<LocalResponse> response = endpoints.answer("/metrics");
    CHECK(response->content_type == "text/plain; version=0.0.4; charset=utf-8");
    CHECK(response->body.find("# TYPE cache_hits_total counter\n") != std::string::npos);
}
