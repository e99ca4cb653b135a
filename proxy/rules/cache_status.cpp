#include "proxy/rules/cache_status.hpp"

#include <charconv>

namespace proxy::rules {
namespace {

void append_number(std::string& out, std::int64_t number) {
    char digits[20];
    out.append(digits, std::to_chars(std::begin(digits), std::end(digits), number).ptr);
}

}  // namespace

void append_cache_status(std::string& out, std::string_view name, const CacheStatus& status) {
    out += name;
    if (status.forwarded)
        out.append("; fwd=").append(to_string(*status.forwarded));
    else if (status.hit)
        out += "; hit";
    if (status.ttl) {
        out += "; ttl=";
        append_number(out, status.ttl->count());
    }
    if (status.forward_status) {
        out += "; fwd-status=";
        append_number(out, *status.forward_status);
    }
    if (status.stored) out += "; stored";
    if (status.collapsed) out += "; collapsed";
    if (!status.detail.empty()) out.append("; detail=").append(status.detail);
}

}  // namespace proxy::rules
