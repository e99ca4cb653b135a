#include "proxy/rules/structured_field.hpp"

#include <algorithm>

namespace proxy::rules {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
bool is_alpha(char c) noexcept { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_visible_or_space(char c) noexcept { return c >= 0x20 && c <= 0x7e; }

bool is_one_of(char c, std::string_view set) noexcept { return set.find(c) != std::string_view::npos; }

// The algorithms of RFC 9651 §4.2, by the names they bear there. Each takes what it reads off the front of `rest_`;
// after a failure `failed_` is set, and nothing that was returned counts.
class Parser {
 public:
    explicit Parser(std::string_view text) : rest_(text) {}

    std::optional<std::vector<DictionaryMember>> dictionary() {
        skip(" ");
        std::vector<DictionaryMember> members;
        while (!rest_.empty() && !failed_) {
            const std::string_view member_key = key();
            DictionaryValue value = true;
            if (take('=')) value = next() == '(' ? inner_list() : bare_item();
            parameters();
            members.push_back({member_key, std::move(value)});
            skip(" \t");
            if (rest_.empty()) break;
            require(take(','));
            skip(" \t");
            require(!rest_.empty());  // a trailing comma
        }
        if (failed_) return {};
        return members;
    }

 private:
    char next() const { return rest_.empty() ? '\0' : rest_.front(); }

    bool take(char c) {
        if (next() != c || rest_.empty()) return false;
        rest_.remove_prefix(1);
        return true;
    }

    void skip(std::string_view set) { rest_.remove_prefix(std::min(rest_.find_first_not_of(set), rest_.size())); }

    template <class Predicate>
    std::string_view take_while(Predicate predicate) {
        const auto end = std::find_if_not(rest_.begin(), rest_.end(), predicate);
        const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
        rest_.remove_prefix(taken.size());
        return taken;
    }

    void require(bool condition) { failed_ = failed_ || !condition; }

    std::string_view key() {
        require(is_lower(next()) || next() == '*');
        return take_while([](char c) { return is_lower(c) || is_digit(c) || is_one_of(c, "_-.*"); });
    }

    void parameters() {
        while (!failed_ && take(';')) {
            skip(" ");
            (void)key();
            if (take('=')) bare_item();
        }
    }

    DictionaryValue inner_list() {
        take('(');
        for (;;) {
            skip(" ");
            if (take(')')) return OtherItem{};
            bare_item();
            parameters();
            require(next() == ' ' || next() == ')');
            if (failed_) return OtherItem{};
        }
    }

    DictionaryValue bare_item() {
        const char c = next();
        if (is_digit(c) || c == '-') return number();
        if (take('"')) return string();
        if (is_alpha(c) || c == '*') return token();
        if (take('?')) return boolean();
        if (take(':')) return byte_sequence();
        if (take('@')) return date();
        if (take('%')) return display_string();
        failed_ = true;
        return OtherItem{};
    }

    DictionaryValue number() {
        const bool negative = take('-');
        const std::string_view digits = take_while(is_digit);
        if (take('.')) {
            const std::string_view fraction = take_while(is_digit);
            require(!digits.empty() && digits.size() <= 12 && !fraction.empty() && fraction.size() <= 3);
            return OtherItem{};
        }
        require(!digits.empty() && digits.size() <= 15);
        if (failed_) return OtherItem{};
        std::int64_t value = 0;
        for (const char digit : digits) value = value * 10 + (digit - '0');
        return negative ? -value : value;
    }

    DictionaryValue string() {
        std::string value;
        while (!failed_ && !take('"')) {
            if (take('\\')) require(next() == '"' || next() == '\\');
            require(is_visible_or_space(next()));  // the end is neither
            if (failed_) break;
            value += next();
            rest_.remove_prefix(1);
        }
        return value;
    }

    DictionaryValue token() {
        return std::string{
            take_while([](char c) { return is_alpha(c) || is_digit(c) || is_one_of(c, "!#$%&'*+-.^_`|~:/"); })};
    }

    DictionaryValue boolean() {
        if (take('1')) return true;
        require(take('0'));
        return false;
    }

    DictionaryValue byte_sequence() {
        (void)take_while([](char c) { return is_alpha(c) || is_digit(c) || is_one_of(c, "+/="); });
        require(take(':'));
        return OtherItem{};
    }

    DictionaryValue date() {
        require(std::holds_alternative<std::int64_t>(number()));
        return OtherItem{};
    }

    // Percent-encoded bytes; whether they are UTF-8 is not looked at.
    DictionaryValue display_string() {
        require(take('"'));
        while (!failed_ && !take('"')) {
            const bool encoded = take('%');
            const std::size_t length = encoded ? 2 : 1;
            const std::string_view bytes = rest_.substr(0, length);
            require(bytes.size() == length && std::all_of(bytes.begin(), bytes.end(), [encoded](char c) {
                        return encoded ? is_digit(c) || (c >= 'a' && c <= 'f') : is_visible_or_space(c);
                    }));
            rest_.remove_prefix(bytes.size());
        }
        return OtherItem{};
    }

    std::string_view rest_;
    bool failed_ = false;
};

}  // namespace

std::optional<std::vector<DictionaryMember>> parse_dictionary(std::string_view text) {
    return Parser{text}.dictionary();
}

}  // namespace proxy::rules
