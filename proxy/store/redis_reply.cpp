#include "proxy/store/redis_reply.hpp"

#include <algorithm>

namespace proxy::store {

RedisError error_of(const Reply& reply) noexcept {
    const std::string_view text = reply.text;
    const auto* const found = std::ranges::find(redis_error_names, text.substr(0, text.find(' ')));
    const auto index = static_cast<std::size_t>(found - redis_error_names.begin());
    return static_cast<RedisError>(std::min(index, redis_error_names.size() - 1));
}

bool is_unwell(RedisError error) noexcept {
    switch (error) {
        case RedisError::loading:
        case RedisError::busy:
        case RedisError::masterdown:
        case RedisError::noauth: return true;
        case RedisError::oom:
        case RedisError::readonly:
        case RedisError::noperm:
        case RedisError::misconf:
        case RedisError::wrongtype:
        case RedisError::other: return false;
    }
    return false;
}

}  // namespace proxy::store
