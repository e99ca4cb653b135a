#pragma once
// A format turns the text of a key into a value and back. `read` throws BadValue.

#include <bit>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/problems.hpp"
#include "proxy/config/values.hpp"

namespace proxy::config {

struct Switch {
    void read(std::string_view text, bool& value) const { value = switch_from(text); }
    [[nodiscard]] std::string write(bool value) const { return value ? "true" : "false"; }
};

struct Number {
    std::uint64_t min, max;
    template <class T>
    void read(std::string_view text, T& value) const {
        value = static_cast<T>(number_from(text, min, max));
    }
    [[nodiscard]] std::string write(std::uint64_t value) const { return std::to_string(value); }
};

inline constexpr Number any_port{1, 65'535};
inline constexpr Number any_database{0, max_database};
inline constexpr Number worker_count{0, 1024};

struct PowerOfTwo {
    std::uint64_t max;
    void read(std::string_view text, std::size_t& value) const {
        const std::uint64_t number = number_from(text, 1, max);
        if (!std::has_single_bit(number))
            throw BadValue(in_quotes(text) + " is no power of two, expected one such as 16");
        value = number;
    }
    [[nodiscard]] std::string write(std::size_t value) const { return std::to_string(value); }
};

struct Size {
    std::uint64_t min, max;
    template <class T>
    void read(std::string_view text, T& value) const {
        value = static_cast<T>(size_from(text, min, max));
    }
    [[nodiscard]] std::string write(std::uint64_t value) const { return size_text(value); }
};

struct FactorOrOff {
    double min, max;
    void read(std::string_view text, double& value) const { value = factor_from(text, min, max); }
    [[nodiscard]] std::string write(double value) const { return factor_text(value); }
};

struct Percent {
    unsigned max;
    void read(std::string_view text, unsigned& value) const { value = percent_from(text, max); }
    [[nodiscard]] std::string write(unsigned value) const { return std::to_string(value) + '%'; }
};

struct Duration {
    milliseconds min, max;
    void read(std::string_view text, milliseconds& value) const { value = duration_from(text, min, max); }
    [[nodiscard]] std::string write(milliseconds value) const { return duration_text(value); }
};

// What HTTP counts in seconds.
struct Lifetime {
    void read(std::string_view text, seconds& value) const {
        const milliseconds exact = duration_from(text, milliseconds{0}, std::chrono::days{3650});
        value = std::chrono::duration_cast<seconds>(exact);
        if (value != exact) throw BadValue(in_quotes(text) + " is no whole second, expected whole seconds such as 1s");
    }
    [[nodiscard]] std::string write(seconds value) const { return duration_text(value); }
};

struct OptionalLifetime {
    void read(std::string_view text, std::optional<seconds>& value) const {
        if (text == "off") {
            value.reset();
        } else {
            Lifetime{}.read(text, value.emplace());
        }
    }
    [[nodiscard]] std::string write(const std::optional<seconds>& value) const {
        return value ? Lifetime{}.write(*value) : "off";
    }
};

// A text that `check` accepts, or changes into how it is to be stored.
struct Text {
    std::string (*check)(std::string_view) = any_text;
    void read(std::string_view text, std::string& value) const { value = check(text); }
    [[nodiscard]] std::string write(const std::string& value) const { return value; }
};

// Shown as ***.
struct Secret {
    void read(std::string_view text, std::string& value) const { value = text; }
    [[nodiscard]] std::string write(const std::string& value) const { return value.empty() ? "" : "***"; }
};

struct TextOrOff {
    void read(std::string_view text, std::string& value) const { value = text == "off" ? "" : any_text(text); }
    [[nodiscard]] std::string write(const std::string& value) const { return value.empty() ? "off" : value; }
};

template <class E>
struct Name {
    std::string_view text;
    E value;
};

// One of a few words.
template <class E>
struct Choice {
    std::span<const Name<E>> names;
    void read(std::string_view text, E& value) const {
        std::vector<std::string> known;
        for (const Name<E>& name : names) {
            if (name.text == text) value = name.value;
            if (name.text == text) return;
            known.emplace_back(name.text);
        }
        throw BadValue(in_quotes(text) + " is unknown, expected " + joined(known) + did_you_mean(text, known));
    }
    [[nodiscard]] std::string write(E value) const {
        for (const Name<E>& name : names)
            if (name.value == value) return std::string(name.text);
        return {};
    }
};

inline constexpr Name<LogLevel> log_level_names[] = {
    {"debug", LogLevel::debug}, {"info", LogLevel::info}, {"warning", LogLevel::warning}, {"error", LogLevel::error}};
inline constexpr Name<StoreFailure> store_failure_names[] = {{"bypass", StoreFailure::bypass},
                                                             {"fail", StoreFailure::fail}};
inline constexpr Name<rules::SetCookiePolicy> set_cookie_names[] = {{"refuse", rules::SetCookiePolicy::refuse},
                                                                    {"strip", rules::SetCookiePolicy::strip},
                                                                    {"store", rules::SetCookiePolicy::store}};
inline constexpr Name<rules::PathPolicy> path_names[] = {{"keep", rules::PathPolicy::keep},
                                                         {"normalise", rules::PathPolicy::normalise}};
inline constexpr Name<rules::QueryPolicy> query_names[] = {
    {"keep", rules::QueryPolicy::keep}, {"sort", rules::QueryPolicy::sort}, {"drop", rules::QueryPolicy::drop}};

// Clients come from anywhere: a port alone is that of all IPv4 addresses.
struct ListenAddress {
    void read(std::string_view text, Endpoint& value) const { value = endpoint_from(text, "0.0.0.0"); }
    [[nodiscard]] std::string write(const Endpoint& value) const { return endpoint_text(value); }
};

// Operators are on the machine: a port alone is that of the loopback.
struct AdminAddress {
    void read(std::string_view text, std::optional<Endpoint>& value) const {
        if (text == "off") {
            value.reset();
        } else {
            value = endpoint_from(text, "127.0.0.1");
        }
    }
    [[nodiscard]] std::string write(const std::optional<Endpoint>& value) const {
        return value ? endpoint_text(*value) : "off";
    }
};

struct Addresses {
    void read(std::string_view text, AddressRange& value) const { value = address_range_of(text); }
    [[nodiscard]] std::string write(const AddressRange& value) const { return to_text(value); }
};

struct Server {
    void read(std::string_view text, Endpoint& value) const { value = server_from(text); }
    [[nodiscard]] std::string write(const Endpoint& value) const { return "http://" + endpoint_text(value); }
};

}  // namespace proxy::config
