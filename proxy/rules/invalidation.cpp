#include "proxy/rules/invalidation.hpp"

#include <algorithm>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/uri.hpp"

namespace proxy::rules {

std::vector<std::string> invalidated_keys(const RequestHeader& request, const ResponseHeader& response,
                                          const KeyPolicy& policy) {
    std::vector<std::string> keys;
    if (is_safe(request.method) || response.status < 200 || response.status > 399) return keys;
    const auto add = [&](std::string_view target) {
        RequestHeader of_target = request;
        of_target.target = target;
        std::string key;
        primary_key(key, of_target, policy);
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(std::move(key));
    };
    add(request.target);
    RequestHeader by_fixed_host = request;  // all hosts of the route are that one
    if (!policy.host.empty()) by_fixed_host.authority = policy.host;
    for (const http::field id : {http::field::location, http::field::content_location})
        for (const RequestHeader& base : {request, by_fixed_host})
            if (const auto target = same_origin_target(base, value_of(response.fields, id))) add(*target);
    return keys;
}

}  // namespace proxy::rules
