#include "proxy/observe/exchange_record.hpp"

namespace proxy::observe {

std::string_view to_string(Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::hit: return "hit";
        case Outcome::stale: return "stale";
        case Outcome::revalidated: return "revalidated";
        case Outcome::miss: return "miss";
        case Outcome::bypass: return "bypass";
        case Outcome::local: return "local";
        case Outcome::error: return "error";
    }
    return "error";
}

std::string_view to_string(Tier tier) noexcept {
    switch (tier) {
        case Tier::none: return "none";
        case Tier::memory: return "memory";
        case Tier::redis: return "redis";
    }
    return "none";
}

}  // namespace proxy::observe
