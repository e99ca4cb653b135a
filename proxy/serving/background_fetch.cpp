#include "proxy/serving/background_fetch.hpp"

#include "proxy/serving/heads.hpp"

namespace proxy::serving {

Awaitable<Result<std::unique_ptr<upstream::Exchange>>> fetch_in_background(Worker& worker, const Route& route,
                                                                           const rules::RequestHeader& request,
                                                                           std::string_view conditions) {
    const std::string request_id = worker.new_request_id();
    const ForwardedRequest forwarded(request, route.config->policy.key, true, route.pool->config().host);
    const ForwardingInfo info{.host = forwarded.host(),
                              .client = "",
                              .request_id = request_id,
                              .proxy_name = worker.config().name,
                              .policy = route.config->policy};
    const upstream::OutgoingRequest outgoing =
        outgoing_request(forwarded.header(), false, std::nullopt, true, conditions, info);
    co_return co_await upstream::fetch(*route.pool, outgoing, nullptr);
}

}  // namespace proxy::serving
