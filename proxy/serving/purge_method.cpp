#include "proxy/serving/purge_method.hpp"

#include <algorithm>

#include "proxy/rules/bearer_token.hpp"
#include "proxy/rules/cache_key.hpp"
#include "proxy/store/stream_position.hpp"

namespace proxy::serving {
namespace {

namespace http = rules::http;

bool is_soft(rules::Fields fields) {
    return std::ranges::any_of(fields, [](const rules::Field& field) {
        const bool names_it =
            rules::iequals(field.name, "Soft-Purge") || rules::iequals(field.name, "Fastly-Soft-Purge");
        return names_it && field.value == "1";
    });
}

}  // namespace

Awaitable<void> answer_purge(ClientExchange& exchange) {
    const PurgeConfig& config = exchange.config().purge;
    const rules::RequestHeader& request = exchange.request;
    const bool is_allowed = std::ranges::any_of(
        config.allow, [&](const AddressRange& range) { return range.contains(exchange.client.peer()); });
    if (!is_allowed && !rules::bears_token(request.fields, config.token)) {
        const bool may_try = !config.token.empty() && !rules::has(request.fields, http::field::authorization);
        if (may_try)
            co_await answer_error(exchange, 401, "purging needs a token", "WWW-Authenticate: Bearer\r\n");
        else
            co_await answer_error(exchange, 403, "purging is not allowed from this address or with this token");
        co_return;
    }
    store::Purge purge{.soft = is_soft(request.fields)};
    rules::primary_key(exchange.key, request, exchange.policy().key);
    purge.urls.push_back(exchange.key.substr(0, exchange.key.find(' ')));
    if (purge.urls.front().size() > rules::max_primary_key) {
        co_await answer_error(exchange, 414, "nothing so long is stored");
        co_return;
    }
    const Result<std::uint64_t> position =
        co_await exchange.worker.purge(std::move(purge), observe::PurgeSource::client);
    if (!position) {
        co_await answer_error(exchange, 503, "the purge log in Redis cannot be reached", "Retry-After: 1\r\n");
        co_return;
    }
    LocalResponse response{.status = 200, .content_type = "application/json", .body = {}};
    response.body = R"({"position":)" + store::position_as_json(*position) + R"(,"purged":1})";
    co_await answer_local(exchange, std::move(response));
}

}  // namespace proxy::serving
