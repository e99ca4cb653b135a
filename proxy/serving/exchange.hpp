#pragma once
// One request that takes more than a look-up in memory: what its handling needs from one step to the next, and the
// answers it can end with.

#include <string>

#include "proxy/observe/exchange_record.hpp"
#include "proxy/rules/range.hpp"
#include "proxy/rules/upgrade.hpp"
#include "proxy/serving/client_connection.hpp"
#include "proxy/serving/worker.hpp"

namespace proxy::serving {

struct ClientExchange {
    ClientExchange(Worker& worker, ClientConnection& client, bool keep_alive);
    ~ClientExchange();  // hands the record over

    Worker& worker;
    ClientConnection& client;
    const rules::RequestHeader& request;
    const SnapshotPtr snapshot;  // whose route it is
    const Route& route;
    std::string request_id;
    std::string key;          // primary
    store::Mark looked_up{};  // taken before anything was looked up
    bool keep_alive;          // whether another request may follow
    observe::ExchangeRecord record;
    Clock::time_point started = Clock::now();

    [[nodiscard]] const Config& config() const noexcept { return *snapshot->config; }
    [[nodiscard]] const rules::Policy& policy() const noexcept { return route.config->policy; }

    // With which the client would like to go on, and the route lets it; empty: none.
    [[nodiscard]] std::string_view offered_protocol() const noexcept {
        if (client.request_has_content()) return {};
        return rules::offered_protocol(request, route.config->upgrade);
    }
};

// Writes an answer's pieces; after a failure nothing more may follow on the connection.
Awaitable<bool> send(ClientExchange& exchange, std::span<asio::const_buffer> buffers);

// A stored response as the request wants it: whole, without content (HEAD), ranges of it, or 304. It has the content
// for that (rules::has_content_for). The record says how it came about.
Awaitable<void> answer_stored(ClientExchange& exchange, const store::StoredPtr& stored, seconds age);

// An error of ours; `detail` is static. The connection is kept where the request was read whole.
Awaitable<void> answer_error(ClientExchange& exchange, unsigned status, std::string_view detail,
                             std::string_view extra_fields = {});

Awaitable<void> answer_local(ClientExchange& exchange, LocalResponse response);

}  // namespace proxy::serving
