// Input: authority, target, and request fields, a line each.

#include <algorithm>

#include "proxy/rules/cache_key.hpp"
#include "proxy/rules/uri.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy::rules;
using namespace tests;

namespace {

KeyPolicy policy_of(PathPolicy path, QueryPolicy query, std::vector<std::string> ignored_parameters) {
    KeyPolicy policy;
    policy.path = path;
    policy.query = query;
    policy.ignore_tracking = !ignored_parameters.empty();
    policy.ignored_parameters = std::move(ignored_parameters);
    return policy;
}

std::string key_of(const RequestHeader& request, const KeyPolicy& policy) {
    std::string key = "left over from the request before";
    primary_key(key, request, policy);
    require(key.starts_with("http://"), "a target URI");
    require(std::none_of(key.begin(), key.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }),
            "no control characters");
    require(!policy.request_fields.empty() || !policy.cookies.empty() || key.find(' ') == key.npos, "no spaces");
    return key;
}

// The key as the request would have been sent for it.
std::string key_of_its_target(RequestHeader request, const std::string& key, const KeyPolicy& policy) {
    std::string origin;
    append_origin(origin, request.scheme, request.authority);
    request.target = std::string_view{key}.substr(origin.size());
    return key_of(request, policy);
}

}  // namespace

void fuzz_one(std::string_view bytes) {
    RequestHeader request;
    request.authority = take_line(bytes);
    request.target = take_line(bytes);
    const std::vector<Field> fields = take_fields(bytes);
    request.fields = fields;

    const bool is_visible = std::all_of(request.target.begin(), request.target.end(),
                                        [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
    const bool is_clean = std::all_of(request.authority.begin(), request.authority.end(),
                                      [](char c) { return is_token({&c, 1}) ? c != '#' && c != '%' : c == ':'; });
    const std::string plain = key_of(request, {});
    const KeyPolicy policies[] = {policy_of(PathPolicy::keep, QueryPolicy::sort, {}),
                                  policy_of(PathPolicy::keep, QueryPolicy::keep, {"a*", "b"}),
                                  policy_of(PathPolicy::normalise, QueryPolicy::drop, {}),
                                  policy_of(PathPolicy::normalise, QueryPolicy::sort, {"a*"})};
    for (const KeyPolicy& policy : policies) {
        const std::string key = key_of(request, policy);
        require(!is_visible || key_of_its_target(request, key, policy) == key, "normalised twice is normalised once");
        require(policy.query != QueryPolicy::drop || key.find('?') == key.npos, "a dropped query is gone");
        require(key.size() <= plain.size(), "nothing is added to the target");
        require(
            !is_clean || key == "http://" + forwarded_authority(request, policy) + forwarded_target(request, policy),
            "the origin is told what the key says");
    }

    KeyPolicy with_fields;
    with_fields.request_fields = {"X-Tenant"};
    with_fields.cookies = {"theme"};
    const std::string longer = key_of(request, with_fields);
    require(longer.starts_with(plain + " field:x-tenant"), "what the policy adds stands behind");
    require(longer.find(" cookie:theme") != longer.npos, "also where it is absent");

    const std::string shouted = upper(request.authority);
    RequestHeader other = request;
    other.authority = shouted;
    require(key_of(other, {}) == plain, "the authority is blind to letter case");
    if (request.authority.find(':') != request.authority.npos) return;
    const std::string with_port = shouted + ":80";
    other.authority = with_port;
    require(key_of(other, {}) == plain, "the default port says nothing");
}
