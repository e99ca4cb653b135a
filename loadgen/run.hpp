#pragma once
// Carries out the load that the options ask for.

#include <functional>
#include <stdexcept>

#include "loadgen/options.hpp"
#include "loadgen/summary.hpp"
#include "loadgen/url.hpp"

namespace loadgen {

struct CannotConnect : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// What to tell along the way; both may be empty.
struct Observer {
    std::function<void(const Exchange&, std::uint64_t total)> exchange;  // after each request of the demo
    std::function<void(const Summary&, double part)> progress;           // now and then; part of the whole, 0 to 1
};

// Returns when all is done, or at SIGINT or SIGTERM with what is known by then. Throws CannotConnect where there is
// nobody to talk to from the start.
[[nodiscard]] Summary run(const Options& options, const Url& url, const Observer& observer);

}  // namespace loadgen
