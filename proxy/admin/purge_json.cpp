#include "proxy/admin/purge_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "proxy/store/stream_position.hpp"

namespace proxy::admin {
namespace {

using nlohmann::json;
using store::BadPurge;
using store::PurgeRequest;

struct ListMember {
    const char* name;
    std::vector<std::string> PurgeRequest::* member;
};
struct SwitchMember {
    const char* name;
    bool PurgeRequest::* member;
};

constexpr ListMember lists[] = {{"urls", &PurgeRequest::urls},
                                {"surrogate_keys", &PurgeRequest::surrogate_keys},
                                {"prefixes", &PurgeRequest::prefixes},
                                {"hosts", &PurgeRequest::hosts}};
constexpr SwitchMember switches[] = {{"everything", &PurgeRequest::everything}, {"soft", &PurgeRequest::soft}};

constexpr const char* members = "urls, surrogate_keys, prefixes, hosts, everything and soft";

std::string dumped(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

json position_json(std::uint64_t position) { return position == 0 ? json() : json(store::stream_id(position)); }

// Why not; empty where it was taken.
std::string take(PurgeRequest& request, const std::string& name, const json& value) {
    const auto list = std::ranges::find(lists, name, &ListMember::name);
    if (list != std::end(lists)) {
        if (!value.is_array()) return name + ": is no list, expected one of strings";
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (!value[i].is_string()) return name + '[' + std::to_string(i) + "]: is no string, expected one";
            (request.*list->member).push_back(value[i].get<std::string>());
        }
        return {};
    }
    const auto flag = std::ranges::find(switches, name, &SwitchMember::name);
    if (flag == std::end(switches)) return dumped(name) + ": unknown member, expected " + members;
    if (!value.is_boolean()) return name + ": is no boolean, expected true or false";
    request.*flag->member = value.get<bool>();
    return {};
}

}  // namespace

std::variant<PurgeRequest, BadPurge> parse_purge_request(std::string_view text) {
    const json document = json::parse(text, nullptr, false);
    if (!document.is_object())
        return BadPurge{std::string("the content is no JSON object, expected one with ") + members};
    PurgeRequest request;
    for (const auto& [name, value] : document.items())
        if (std::string reason = take(request, name, value); !reason.empty()) return BadPurge{std::move(reason)};
    return request;
}

std::string purge_request_json(const PurgeRequest& request) {
    json document = json::object();
    for (const ListMember& list : lists)
        if (!(request.*list.member).empty()) document[list.name] = request.*list.member;
    for (const SwitchMember& flag : switches)
        if (request.*flag.member) document[flag.name] = true;
    return dumped(document);
}

std::string error_json(std::string_view reason) { return dumped({{"error", std::string(reason)}}); }

std::string purged_json(std::uint64_t position, std::size_t things) {
    return dumped({{"position", position_json(position)}, {"purged", things}});
}

std::string purge_state_json(const store::Purges& purges, const store::PurgeLog* log) {
    json state{{"entries", purges.entries()}, {"position", nullptr}, {"newest", nullptr}, {"following", false}};
    if (log == nullptr) return dumped(state);
    const std::uint64_t applied = log->stats().applied.load();
    const std::uint64_t newest = std::max(applied, log->stats().newest.load());
    const std::uint64_t lag = store::milliseconds_of(newest) - store::milliseconds_of(applied);
    state["position"] = position_json(applied);
    state["newest"] = position_json(newest);
    state["lag_seconds"] = static_cast<double>(lag) / 1e3;
    state["following"] = purges.is_current();
    state["pending"] = log->stats().pending.load();
    return dumped(state);
}

}  // namespace proxy::admin
