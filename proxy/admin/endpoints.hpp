#pragma once
// What the node answers about itself: /metrics /health /livez /readyz. Used by the admin listener and, for the paths
// the configuration publishes, by the traffic listener.

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/observe/metrics.hpp"

namespace proxy::admin {

struct LocalResponse {
    unsigned status = 200;
    std::string content_type = "application/json";
    std::string body;
};

// Whether the node may be sent traffic; set by main.
struct Readiness {
    std::atomic<bool> ready{false};
};

class Endpoints {
 public:
    // All outlive it. `redis`: one a worker; empty where no Redis is configured.
    Endpoints(const observe::Metrics& metrics, std::vector<const store::RedisStats*> redis, const Readiness& readiness);

    // Any thread. Empty where there is no such endpoint. /health: {"status":"ok"} while Redis answers (or none is
    // configured), else 503 with the reason, like the original demo. /livez: always ok. /readyz: 503 before start-up is
    // complete and while draining; does not depend on Redis, but names its state: ok where all workers use it, degraded
    // where some do, unavailable, off.
    [[nodiscard]] std::optional<LocalResponse> answer(std::string_view path) const;

    [[nodiscard]] static const std::vector<std::string_view>& paths();

 private:
    const observe::Metrics& metrics_;
    std::vector<const store::RedisStats*> redis_;
    const Readiness& readiness_;
};

}  // namespace proxy::admin
