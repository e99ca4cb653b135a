#include "origin-stub/stats.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace origin_stub {

namespace {
constexpr std::size_t max_methods = 64;
}

Stats::Open Stats::connection_accepted() {
    ++connections_;
    return Open(open_connections_);
}

Stats::Open Stats::request_received(std::string_view method, std::string_view target) {
    ++requests_;
    if (methods_.size() < max_methods || methods_.contains(method)) ++methods_[std::string(method)];
    if (targets_.size() < max_targets || targets_.contains(target))
        ++targets_[std::string(target)];
    else
        ++other_targets_;
    max_concurrent_ = std::max(max_concurrent_, open_requests_ + 1);
    return Open(open_requests_);
}

void Stats::reset() {
    requests_ = other_targets_ = connections_ = 0;
    max_concurrent_ = open_requests_;
    targets_.clear();
    methods_.clear();
}

std::string Stats::to_json() const {
    const nlohmann::ordered_json json = {
        {"requests", requests_},
        {"methods", methods_},
        {"targets", targets_},
        {"other_targets", other_targets_},
        {"open_requests", open_requests_},
        {"max_concurrent", max_concurrent_},
        {"connections", connections_},
        {"open_connections", open_connections_},
    };
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace origin_stub
