#include "origin-stub/knobs.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace origin_stub {

namespace {

constexpr std::uint64_t max_delay = 600'000;          // milliseconds
constexpr std::uint64_t max_size = 1ull << 40;        // bytes
constexpr std::int64_t max_moment = 253'402'300'799;  // the end of the year 9999

template <class Number>
std::optional<Number> parse_number(std::string_view text, Number least, Number most) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    if (number < least || number > most) return std::nullopt;
    return number;
}

std::optional<Moment> parse_moment(std::string_view text) {
    const bool from_now = text.starts_with('+') || text.starts_with('-');
    if (text.starts_with("+-")) return std::nullopt;
    if (text.starts_with('+')) text.remove_prefix(1);
    const auto offset = parse_number(text, -max_moment, max_moment);
    if (!offset) return std::nullopt;
    return Moment{seconds{*offset}, from_now};
}

bool is_token(std::string_view text) {
    const auto is_tchar = [](char c) {
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    };
    return !text.empty() && std::ranges::all_of(text, is_tchar);
}

bool is_field_value(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// Each sets its knob, or is false where the value will not do.
using Set = bool (*)(Knobs&, const std::string& value);

template <auto member>
bool set_flag(Knobs& knobs, const std::string& value) {
    knobs.*member = value != "0";
    return value.empty() || value == "0" || value == "1";
}

template <auto member>
bool set_delay(Knobs& knobs, const std::string& value) {
    const auto delay = parse_number<std::uint64_t>(value, 0, max_delay);
    if (delay) knobs.*member = milliseconds{*delay};
    return delay.has_value();
}

template <auto member>
bool set_size(Knobs& knobs, const std::string& value) {
    knobs.*member = parse_number<std::uint64_t>(value, 0, max_size);
    return (knobs.*member).has_value();
}

template <auto member>
bool set_field(Knobs& knobs, const std::string& value) {
    knobs.*member = value;
    return is_field_value(value);
}

bool set_status(Knobs& knobs, const std::string& value) {
    const auto status = parse_number(value, 200u, 599u);
    knobs.status = status.value_or(200);
    return status.has_value();
}

bool set_etag(Knobs& knobs, const std::string& value) {
    const bool quoted = value.starts_with('"') || value.starts_with("W/\"");
    knobs.etag = quoted ? value : '"' + value + '"';
    return is_field_value(value);
}

bool set_last_modified(Knobs& knobs, const std::string& value) {
    knobs.last_modified = parse_moment(value);
    return knobs.last_modified.has_value();
}

bool set_expires(Knobs& knobs, const std::string& value) {
    const auto moment = parse_moment(value);
    if (moment && moment->from_now)
        knobs.expires = *moment;
    else
        knobs.expires = value;
    return is_field_value(value);
}

bool add_cookie(Knobs& knobs, const std::string& value) {
    knobs.set_cookie.push_back(value);
    return is_field_value(value);
}

bool add_header(Knobs& knobs, const std::string& value) {
    const std::size_t colon = value.find(':');
    if (colon == std::string::npos) return false;
    const std::size_t start = value.find_first_not_of(' ', colon + 1);
    knobs.header.push_back({value.substr(0, colon), start == std::string::npos ? "" : value.substr(start)});
    return is_token(knobs.header.back().name) && is_field_value(value);
}

bool set_interim(Knobs& knobs, const std::string& value) {
    knobs.interim = parse_number(value, 100u, 103u);
    return knobs.interim && knobs.interim != 101u;
}

bool set_surplus(Knobs& knobs, const std::string& value) {
    knobs.surplus = value;
    return true;
}

struct Knob {
    std::string_view name;
    Set set;
    std::string_view expected;
};

constexpr std::string_view a_flag = "1 or 0", a_delay = "milliseconds from 0 to 600000",
                           a_size = "bytes from 0 to 2^40", a_field = "a field value";
constexpr Knob all_knobs[] = {
    {"latency_ms", set_delay<&Knobs::latency>, a_delay},
    {"size", set_size<&Knobs::size>, a_size},
    {"status", set_status, "a status from 200 to 599"},
    {"cache_control", set_field<&Knobs::cache_control>, a_field},
    {"etag", set_etag, a_field},
    {"last_modified", set_last_modified, "seconds since 1970, or from now with a sign"},
    {"vary", set_field<&Knobs::vary>, a_field},
    {"expires", set_expires, a_field},
    {"age", set_field<&Knobs::age>, a_field},
    {"set_cookie", add_cookie, a_field},
    {"header", add_header, "Name:Value"},
    {"drip_ms", set_delay<&Knobs::drip>, a_delay},
    {"truncate", set_size<&Knobs::truncate>, a_size},
    {"interim", set_interim, "100, 102 or 103"},
    {"surplus", set_surplus, "bytes"},
    {"chunked", set_flag<&Knobs::chunked>, a_flag},
    {"trailers", set_flag<&Knobs::trailers>, a_flag},
    {"http10", set_flag<&Knobs::http10>, a_flag},
    {"close", set_flag<&Knobs::close>, a_flag},
    {"no_date", set_flag<&Knobs::no_date>, a_flag},
    {"range", set_flag<&Knobs::range>, a_flag},
    {"reset", set_flag<&Knobs::reset>, a_flag},
    {"hang", set_flag<&Knobs::hang>, a_flag},
    {"garbage", set_flag<&Knobs::garbage>, a_flag},
};

}  // namespace

std::variant<Knobs, std::string> parse_knobs(std::string_view query) {
    Knobs knobs;
    while (!query.empty()) {
        const std::string_view parameter = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), parameter.size() + 1));
        const std::string_view name = parameter.substr(0, parameter.find('='));
        const std::string_view value = parameter.substr(std::min(parameter.size(), name.size() + 1));

        const Knob* knob = std::ranges::find(all_knobs, name, &Knob::name);
        if (knob == std::end(all_knobs)) continue;
        const auto decoded = percent_decode(value);
        if (!decoded || !knob->set(knobs, *decoded))
            return std::string(name) + ": expected " + std::string(knob->expected) + ", got '" + std::string(value) +
                   "'";
    }
    return knobs;
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        if (text.size() - i < 3) return std::nullopt;
        unsigned char byte = 0;
        const auto [end, error] = std::from_chars(&text[i + 1], text.data() + i + 3, byte, 16);
        if (error != std::errc{} || end != text.data() + i + 3) return std::nullopt;
        decoded += static_cast<char>(byte);
        i += 2;
    }
    return decoded;
}

}  // namespace origin_stub
