#pragma once
// Asking the origin on no client's behalf.

#include "proxy/serving/worker.hpp"
#include "proxy/upstream/fetch.hpp"

namespace proxy::serving {

// For all of what `request` asks for: its conditions and ranges are left out. `conditions`: field lines of ours. All
// arguments, and the snapshot that the route is of, live until the awaitable completes. Errors: as upstream::fetch.
Awaitable<Result<std::unique_ptr<upstream::Exchange>>> fetch_in_background(Worker& worker, const Route& route,
                                                                           const rules::RequestHeader& request,
                                                                           std::string_view conditions);

}  // namespace proxy::serving
