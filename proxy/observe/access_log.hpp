#pragma once
// One JSON object a line for each request, written by a thread of its own: a worker never waits for the disk. Where the
// queue is full, lines are dropped and counted.

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/observe/exchange_record.hpp"

namespace proxy::observe {

class AccessLog {
 public:
    // `file`: "-" is standard output. Throws std::runtime_error where it cannot be opened.
    explicit AccessLog(const std::string& file);
    ~AccessLog();  // writes what is queued

    void write(const ExchangeRecord& record);  // any thread
    void reopen();                             // after logrotate

    [[nodiscard]] std::uint64_t dropped() const noexcept;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace proxy::observe
