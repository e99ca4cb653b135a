#pragma once
// Which node of the fleet asks the origin.

#include "proxy/serving/worker.hpp"

namespace proxy::serving {

enum class Turn {
    ours,       // nobody else does, or in vain, or nobody knows: ask
    stored,     // another node has asked, and what it got can be found in Redis
    not_stored  // another node has asked, and what it got is not for others
};

// There is a Redis. Takes the lease of what is wanted, or waits for what becomes of another node's, until `limit`. A
// holder that died is waited for no longer than its lease lasts. The lead has the lease then. `wanted`: the name others
// ask for it under (transfer_name), as far as any tier knows it.
Awaitable<Turn> take_turn(Worker& worker, std::string_view primary_key, std::string_view wanted, Lead& lead,
                          Clock::time_point limit);

}  // namespace proxy::serving
