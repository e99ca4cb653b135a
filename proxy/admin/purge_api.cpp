#include "proxy/admin/purge_api.hpp"

#include "proxy/rules/fields.hpp"

namespace proxy::admin {
namespace {

LocalResponse refused(unsigned status, std::string_view reason) {
    return {.status = status, .body = error_json(reason)};
}

// A form on a foreign page can be posted to any address the browser reaches, but not as this type.
bool is_json(std::string_view content_type) {
    return rules::iequals(rules::trim(content_type.substr(0, content_type.find(';'))), "application/json");
}

}  // namespace

std::variant<store::Purge, LocalResponse> PurgeApi::read(std::string_view content_type,
                                                         std::string_view content) const {
    if (!is_json(content_type)) return refused(415, "Content-Type is another one, expected application/json");
    const auto request = parse_purge_request(content);
    if (const auto* bad = std::get_if<store::BadPurge>(&request)) return refused(400, bad->reason);
    auto resolved = store::resolve_purge(std::get<store::PurgeRequest>(request), routes, max_things);
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
