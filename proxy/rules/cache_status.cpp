#include "proxy/rules/cache_status.hpp"

namespace proxy::rules {

void append_cache_status(Appender& out, std::string_view name, const CacheStatus& status) {
    out.append(name);
    if (status.forwarded)
        out.append("; fwd=").append(to_string(*status.forwarded));
    else if (status.hit)
        out.append("; hit");
    if (status.ttl) out.append("; ttl=").append(status.ttl->count());
    if (status.forward_status) out.append("; fwd-status=").append(std::int64_t{*status.forward_status});
    if (status.stored) out.append("; stored");
    if (status.collapsed) out.append("; collapsed");
    if (!status.detail.empty()) out.append("; detail=").append(status.detail);
}

}  // namespace proxy::rules
