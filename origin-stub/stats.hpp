#pragma once
// What the origin has been asked, so that a test can tell what a cache in front of it kept away.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace origin_stub {

class Stats {
 public:
    static constexpr std::size_t max_targets = 10'000;  // further ones are counted together

    // Counts one thing that has a beginning and an end: hold it for as long.
    class Open {
     public:
        explicit Open(std::uint64_t& count) : count_(count) { ++count_; }
        ~Open() { --count_; }
        Open(const Open&) = delete;
        Open& operator=(const Open&) = delete;

     private:
        std::uint64_t& count_;
    };

    [[nodiscard]] Open connection_accepted();
    [[nodiscard]] Open request_received(std::string_view method, std::string_view target);

    // Everything back to zero, but for what is open now.
    void reset();

    [[nodiscard]] std::string to_json() const;

 private:
    std::uint64_t requests_ = 0;
    std::uint64_t other_targets_ = 0;
    std::map<std::string, std::uint64_t, std::less<>> targets_;
    std::map<std::string, std::uint64_t, std::less<>> methods_;
    std::uint64_t open_requests_ = 0;
    std::uint64_t max_concurrent_ = 0;  // requests being answered at the same time
    std::uint64_t connections_ = 0;
    std::uint64_t open_connections_ = 0;
};

}  // namespace origin_stub
