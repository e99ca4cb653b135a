#pragma once
// The numbers of one worker's share of an upstream pool; any thread may read them.

#include "proxy/counters.hpp"
#include "proxy/error.hpp"

namespace proxy::upstream {

struct PoolStats {
    Counter ok, errors, timeouts;       // exchanges by how they ended
    Counter refused;                    // the queue was full
    Counter retries;                    // on a connection that had died while idle
    Counter connects, reused;           // connections opened; exchanges on one that was open
    Counter connections, idle, queued;  // now
    Histogram first_byte;               // request sent to response header complete

    void count(boost::system::error_code failed) noexcept {
        if (failed == Errc::upstream_overloaded) {
            refused.add();
        } else {
            (failed == Errc::deadline_exceeded ? timeouts : errors).add();
        }
    }
};

}  // namespace proxy::upstream
