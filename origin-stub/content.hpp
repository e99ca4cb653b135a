#pragma once
// What a response carries: a short text, or a pattern as long as one likes, made as it is sent.

#include <cstdint>
#include <string>
#include <string_view>

namespace origin_stub {

// Spread evenly over all 64 bits; the same on every run and machine.
[[nodiscard]] std::uint64_t hash_of(std::string_view text) noexcept;

// `length` printable bytes from `offset` of an endless text that depends on the key alone: the same on every run and
// machine, different at every offset, so that lost, doubled or swapped pieces show.
[[nodiscard]] std::string pattern(std::string_view key, std::uint64_t offset, std::size_t length);

class Content {
 public:
    Content() = default;
    explicit Content(std::string text) : text_(std::move(text)), end_(text_.size()) {}
    Content(std::string key, std::uint64_t size) : text_(std::move(key)), is_pattern_(true), end_(size) {}

    [[nodiscard]] std::uint64_t size() const noexcept { return end_ - begin_; }
    [[nodiscard]] std::string read(std::uint64_t offset, std::size_t length) const;

    // Only the bytes from `first` up to and including `last` remain.
    void cut(std::uint64_t first, std::uint64_t last) noexcept {
        end_ = begin_ + last + 1;
        begin_ += first;
    }

 private:
    std::string text_;  // or the pattern's key
    bool is_pattern_ = false;
    std::uint64_t begin_ = 0;
    std::uint64_t end_ = 0;
};

}  // namespace origin_stub
