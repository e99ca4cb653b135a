#include "proxy/admin/purge_api.hpp"

namespace proxy::admin {
namespace {

LocalResponse refused(unsigned status, std::string_view reason) {
    return {.status = status, .body = error_json(reason)};
}

}  // namespace

std::variant<store::Purge, LocalResponse> PurgeApi::read(std::string_view content) const {
    const auto request = parse_purge_request(content);
    if (const auto* bad = std::get_if<store::BadPurge>(&request)) return refused(400, bad->reason);
    const std::shared_ptr<const Config> in_force = config();
    auto resolved =
        store::resolve_purge(std::get<store::PurgeRequest>(request), in_force->routes, in_force->purge.max_things);
    if (const auto* bad = std::get_if<store::BadPurge>(&resolved)) return refused(400, bad->reason);
    return std::get<store::Purge>(std::move(resolved));
}

LocalResponse PurgeApi::answer(std::size_t things, const std::optional<Result<std::uint64_t>>& position) {
    if (!position) return refused(503, "the node is stopping, or too busy");
    if (!*position) return refused(503, "the purge log in Redis cannot be reached: " + position->error().message());
    return {.body = purged_json(**position, things)};
}

LocalResponse PurgeApi::state() const { return {.body = purge_state_json(purges, log)}; }

}  // namespace proxy::admin
