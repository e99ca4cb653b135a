#pragma once
// Fetches that no client waits for: a stale response that answers meanwhile is validated. RFC 5861 §3

#include "proxy/serving/worker.hpp"

namespace proxy::serving {

// Freshens `stored`, or replaces it; once per response and node at a time. `mark`: taken before it was looked up.
// Nothing refers to the arguments afterwards.
void refresh_in_background(Worker& worker, const Route& route, const rules::RequestHeader& request,
                           const std::string& primary_key, const store::StoredPtr& stored, store::Mark mark);

// The same now and then for what is fresh yet, where the route asks for it: see rules::should_refresh_early.
void maybe_refresh_early(Worker& worker, const Route& route, const rules::RequestHeader& request,
                         const std::string& primary_key, const store::StoredPtr& stored, store::Mark mark);

}  // namespace proxy::serving
