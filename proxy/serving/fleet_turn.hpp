#pragma once
// Which node of the fleet asks the origin.

#include "proxy/serving/worker.hpp"

namespace proxy::serving {

enum class Turn {
    ours,       // nobody else does, or nobody knows: ask
    stored,     // another node has asked, and what it got can be found in Redis
    not_stored  // another node has asked, and what it got is not for others
};

// Takes the lease of what `lead` wants, or waits for what becomes of another node's, until `limit`. A holder that died
// is waited for no longer than its lease lasts. The lead has the lease then.
Awaitable<Turn> take_turn(Worker& worker, std::string_view primary_key, Lead& lead, Clock::time_point limit);

}  // namespace proxy::serving
