#pragma once
// Where the load goes.

#include <stdexcept>
#include <string>
#include <string_view>

namespace loadgen {

struct Url {
    std::string host;
    std::string port = "80";
    std::string authority;  // what Host says
    std::string path;       // without a slash at the end
    std::string query;      // with `?`; empty where there is none

    // The path and query of one key: `/items/popular?a=1` of `http://host/items?a=1`.
    [[nodiscard]] std::string target(std::string_view key) const;
};

struct BadUrl : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// An absolute http URL. Throws BadUrl saying what is wrong with any other.
[[nodiscard]] Url parse_url(std::string_view text);

}  // namespace loadgen
