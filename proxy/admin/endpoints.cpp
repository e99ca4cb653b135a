#include "proxy/admin/endpoints.hpp"

#include <algorithm>

namespace proxy::admin {
namespace {

LocalResponse ok() { return {.body = R"({"status":"ok"})"}; }

LocalResponse unavailable(std::string_view reason) {
    return {.status = 503, .body = R"({"status":"unavailable","reason":")" + std::string(reason) + "\"}"};
}

}  // namespace

Endpoints::Endpoints(const observe::Metrics& metrics, std::vector<const store::RedisStats*> redis,
                     const Readiness& readiness)
    : metrics_(metrics), redis_(std::move(redis)), readiness_(readiness) {}

std::optional<LocalResponse> Endpoints::answer(std::string_view path) const {
    if (path == "/metrics")
        return LocalResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics_.expose()};
    if (path == "/health") {
        const bool connected = std::any_of(redis_.begin(), redis_.end(),
                                           [](const store::RedisStats* redis) { return redis->connected.load(); });
        return redis_.empty() || connected ? ok() : unavailable("redis is not connected");
    }
    if (path == "/livez") return ok();
    if (path == "/readyz") return readiness_.ready ? ok() : unavailable("the node is starting or draining");
    return std::nullopt;
}

const std::vector<std::string_view>& Endpoints::paths() {
    static const std::vector<std::string_view> all{"/metrics", "/health", "/livez", "/readyz"};
    return all;
}

}  // namespace proxy::admin
