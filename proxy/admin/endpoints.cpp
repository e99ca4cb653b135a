#include "proxy/admin/endpoints.hpp"

#include <algorithm>

namespace proxy::admin {
namespace {

LocalResponse ok() { return {.body = R"({"status":"ok"})"}; }

LocalResponse unavailable(std::string_view reason) {
    return {.status = 503, .body = R"({"status":"unavailable","reason":")" + std::string(reason) + "\"}"};
}

std::string_view state_of(const std::vector<const store::RedisStats*>& redis) {
    if (redis.empty()) return "off";
    const auto usable = std::ranges::count_if(redis, &store::RedisStats::usable);
    if (usable == 0) return "unavailable";
    return usable == std::ssize(redis) ? "ok" : "degraded";
}

}  // namespace

Endpoints::Endpoints(const observe::Metrics& metrics, std::vector<const store::RedisStats*> redis,
                     const Readiness& readiness)
    : metrics_(metrics), redis_(std::move(redis)), readiness_(readiness) {}

std::optional<LocalResponse> Endpoints::answer(std::string_view path) const {
    if (path == "/metrics")
        return LocalResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_.expose()};
    if (path == "/health") {
        const bool connected =
            std::ranges::any_of(redis_, [](const store::RedisStats* redis) { return redis->connected.load(); });
        if (redis_.empty() || std::ranges::any_of(redis_, &store::RedisStats::usable)) return ok();
        return unavailable(connected ? "redis is unwell" : "redis is not connected");
    }
    if (path == "/livez") return ok();
    if (path == "/readyz") {
        LocalResponse response = readiness_.ready ? ok() : unavailable("the node is starting or draining");
        response.body.insert(response.body.size() - 1, R"(,"redis":")" + std::string(state_of(redis_)) + '"');
        return response;
    }
    return std::nullopt;
}

const std::vector<std::string_view>& Endpoints::paths() {
    static const std::vector<std::string_view> all{"/metrics", "/health", "/livez", "/readyz"};
    return all;
}

}  // namespace proxy::admin
