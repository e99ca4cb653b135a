// Input: authority, target and a reference, a line each.

#include "proxy/rules/uri.hpp"

#include "tests/fuzz/fuzz.hpp"

using namespace proxy::rules;
using namespace tests;

namespace {

bool has_dot_segment(std::string_view target) {
    const std::string path = std::string(target.substr(0, target.find('?'))) + "/";
    return path.find("/./") != path.npos || path.find("/../") != path.npos;
}

}  // namespace

void fuzz_one(std::string_view bytes) {
    RequestHeader request;
    request.authority = take_line(bytes);
    request.target = take_line(bytes);
    const std::string_view reference = bytes;

    std::string origin;
    append_origin(origin, request.scheme, request.authority);
    require(origin.find_first_of("/?#@\\ ", std::string_view("http://").size()) == origin.npos,
            "no authority looks like one with a path");

    if (!request.target.starts_with('/') || request.target.find('#') != request.target.npos) return;  // as accepted
    const auto target = same_origin_target(request, reference);
    if (!target) return;
    require(target->starts_with('/'), "a path");
    require(target->find('#') == target->npos, "without fragment");
    require(!has_dot_segment(*target), "without dot segments");
    require(target->size() <= request.target.size() + reference.size() + 1, "no longer than its parts");
    if (!target->starts_with("//"))  // which as a reference names a host
        require(same_origin_target(request, *target) == target, "a target is a reference to itself");
    if (request.authority.find_first_of("/?#") == request.authority.npos)
        require(same_origin_target(request, "http://" + std::string(request.authority) + *target) == target,
                "so is it in absolute form");
}
