#pragma once
// Gathers short pieces of text for a string: a dozen of its own appends take twice the instructions.

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace proxy::rules {

// What was appended is in `out` when this ends. Allocates where `out` has no room for `gathers` characters more.
class Appender {
 public:
    static constexpr std::size_t gathers = 240;

    explicit Appender(std::string& out) : out_(out) { make_room(); }
    ~Appender() { flush(); }
    Appender(const Appender&) = delete;
    Appender& operator=(const Appender&) = delete;

    // Inlined, a literal is a few stores.
    [[gnu::always_inline]] Appender& append(std::string_view piece) {
        if (piece.size() > gathers - size_) {
            flush();
            if (piece.size() > gathers) {
                out_.append(piece);
                make_room();
                return *this;
            }
            make_room();
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
    void make_room() { out_.reserve(out_.size() + gathers); }

    void flush() noexcept {  // there is room
        out_.append(gathered_, size_);
        size_ = 0;
    }

    std::string& out_;
    std::size_t size_ = 0;
    char gathered_[gathers];
};

}  // namespace proxy::rules
