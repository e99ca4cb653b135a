#pragma once
// Gathers short pieces of text for a string: a dozen of its own appends cost more than all else of a hit's fields.

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace proxy::rules {

// What was appended is in `out` when this ends.
class Appender {
 public:
    explicit Appender(std::string& out) noexcept : out_(out) {}
    ~Appender() { flush(); }
    Appender(const Appender&) = delete;
    Appender& operator=(const Appender&) = delete;

    // Inlined, a literal is a few stores.
    [[gnu::always_inline]] Appender& append(std::string_view piece) {
        if (piece.size() > sizeof gathered_ - size_) {
            flush();
            if (piece.size() > sizeof gathered_) {
                out_.append(piece);
                return *this;
            }
        }
        size_ += piece.copy(gathered_ + size_, piece.size());
        return *this;
    }

    Appender& append(std::int64_t number) {
        char digits[20];
        const char* const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
        return append({digits, static_cast<std::size_t>(end - digits)});
    }

 private:
    void flush() {
        out_.append(gathered_, size_);
        size_ = 0;
    }

    std::string& out_;
    std::size_t size_ = 0;
    char gathered_[240];
};

}  // namespace proxy::rules
