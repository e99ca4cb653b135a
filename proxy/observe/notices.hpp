#pragma once
// What the log says of requests: those that Weir itself answered with an error, and what could not be stored for a
// reason the operator should know. At most so many lines a second of each worker, whatever clients do.

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "proxy/config/config.hpp"
#include "proxy/observe/exchange_record.hpp"

namespace proxy::observe {

// On one thread.
class Notices {
 public:
    using Time = std::chrono::steady_clock::time_point;
    using Log = std::function<void(LogLevel, std::string_view)>;
    static constexpr unsigned lines_a_second = 10;  // of each kind

    explicit Notices(Log log) : log_(std::move(log)) {}

    [[nodiscard]] static bool concerns(const ExchangeRecord& record) noexcept {
        return is_answered_with_error(record) || record.uncacheable == rules::Uncacheable::surrogate_keys;
    }
    void take(const ExchangeRecord& record, Time now);

 private:
    // A client that is gone, or is sent away because the node ends, was told nothing.
    static bool is_answered_with_error(const ExchangeRecord& record) noexcept {
        return !record.detail.empty() && record.bytes_sent > 0;
    }

    enum Kind : std::uint8_t { failed, refused, untagged };  // 5xx, 4xx, too many surrogate keys
    struct Second {
        Time begin{};
        unsigned lines = 0;
        std::uint64_t left_out = 0;
    };
    void write(Kind kind, const std::string& line, Time now);

    Log log_;
    std::array<Second, 3> seconds_;
};

}  // namespace proxy::observe
