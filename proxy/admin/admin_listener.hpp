#pragma once
// The listener for operators: a thread and an io_context of its own, so that it answers when the workers are busy.

#include <chrono>
#include <cstdint>
#include <memory>

#include "proxy/admin/endpoints.hpp"
#include "proxy/admin/purge_api.hpp"
#include "proxy/config/config.hpp"

namespace proxy::admin {

class AdminListener {
 public:
    // Binds at once: throws boost::system::system_error where it cannot. `endpoints` and `purges` (null: no such API)
    // outlive it. A request that is not read within `deadline`, idleness before it included, or an answer not written
    // within it ends the connection.
    AdminListener(const Endpoint& listen, const Endpoints& endpoints,
                  std::chrono::milliseconds deadline = std::chrono::seconds{10}, const PurgeApi* purges = nullptr);
    ~AdminListener();  // closes every connection and joins the thread

    [[nodiscard]] std::uint16_t port() const;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace proxy::admin
