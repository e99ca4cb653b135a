#pragma once
// POST /purge and GET /purge of the admin listener, as far as they need no network.

#include <functional>
#include <memory>
#include <optional>

#include "proxy/admin/endpoints.hpp"
#include "proxy/admin/purge_json.hpp"
#include "proxy/error.hpp"

namespace proxy::admin {

struct PurgeApi {
    using Done = std::function<void(Result<std::uint64_t> position)>;

    std::function<std::shared_ptr<const Config>()> config;  // the one in force
    const store::Purges& purges;
    const store::PurgeLog* log;  // null: no Redis

    // Any thread. Calls `done` on some other one; not at all while the node stops.
    std::function<void(store::Purge, Done done)> purge;

    // What is to be purged, or a 4xx.
    [[nodiscard]] std::variant<store::Purge, LocalResponse> read(std::string_view content) const;

    // `position`: empty where nothing was heard of it.
    [[nodiscard]] static LocalResponse answer(std::size_t things, const std::optional<Result<std::uint64_t>>& position);

    [[nodiscard]] LocalResponse state() const;
};

}  // namespace proxy::admin
