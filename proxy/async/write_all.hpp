#pragma once
// Gathered writes on a non-blocking socket: at once where the kernel takes it, waiting only for the rest.

#include <boost/asio/buffer.hpp>
#include <span>

#include "proxy/async/deadlines.hpp"

namespace proxy {

// Writes what the kernel takes now, and advances `buffers` (whose elements it changes) past it. A full socket buffer is
// no error: then something is left in `buffers`.
boost::system::error_code write_now(Socket& socket, std::span<asio::const_buffer>& buffers);

// Writes everything. Where it has to wait, the deadline is `stall` after the last progress, and is cleared at the end.
Awaitable<boost::system::error_code> write_all(Socket& socket, std::span<asio::const_buffer> buffers,
                                               Deadline& deadline, std::chrono::milliseconds stall);

}  // namespace proxy
