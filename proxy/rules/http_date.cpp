#include "proxy/rules/http_date.hpp"

#include <array>
#include <span>

#include "proxy/rules/fields.hpp"

namespace proxy::rules {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> day_names{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> long_day_names{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                         "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> month_names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Reads from the front; once something was not as expected, `failed` stays.
struct Reader {
    std::string_view rest;
    bool failed = false;

    void literal(std::string_view expected) {
        if (iequals(rest.substr(0, expected.size()), expected))
            rest.remove_prefix(expected.size());
        else
            failed = true;
    }

    int digits(std::size_t count) {
        int value = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (rest.empty() || rest.front() < '0' || rest.front() > '9') {
                failed = true;
                return 0;
            }
            value = value * 10 + (rest.front() - '0');
            rest.remove_prefix(1);
        }
        return value;
    }

    // The index of the name that stands next.
    unsigned name(std::span<const std::string_view> names) {
        for (unsigned i = 0; i < names.size(); ++i) {
            if (!iequals(rest.substr(0, names[i].size()), names[i])) continue;
            rest.remove_prefix(names[i].size());
            return i;
        }
        failed = true;
        return 0;
    }

    month month_name() { return month{name(month_names) + 1}; }

    // "08:49:37"; 60 is a leap second.
    seconds time_of_day() {
        const int hour = digits(2);
        literal(":");
        const int minute = digits(2);
        literal(":");
        const int second = digits(2);
        failed = failed || hour > 23 || minute > 59 || second > 60;
        return hours{hour} + minutes{minute} + seconds{second};
    }

    std::optional<sys_seconds> result(year_month_day date, seconds time) const {
        if (failed || !rest.empty() || !date.ok()) return {};
        const sys_seconds moment = sys_days{date} + time;
        if (moment >= sys_days{year{10'000} / 1 / 1}) return {};  // by a leap second; nobody could write it
        return moment;
    }
};

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<sys_seconds> parse_imf_fixdate(Reader reader) {
    reader.name(day_names);
    reader.literal(", ");
    const day d{static_cast<unsigned>(reader.digits(2))};
    reader.literal(" ");
    const month m = reader.month_name();
    reader.literal(" ");
    const year y{reader.digits(4)};
    reader.literal(" ");
    const seconds time = reader.time_of_day();
    reader.literal(" GMT");
    return reader.result({y, m, d}, time);
}

// "Sunday, 06-Nov-94 08:49:37 GMT"
std::optional<sys_seconds> parse_rfc850_date(Reader reader, sys_seconds now) {
    reader.name(long_day_names);
    reader.literal(", ");
    const day d{static_cast<unsigned>(reader.digits(2))};
    reader.literal("-");
    const month m = reader.month_name();
    reader.literal("-");
    const int two_digits = reader.digits(2);
    reader.literal(" ");
    const seconds time = reader.time_of_day();
    reader.literal(" GMT");

    const year_month_day today{floor<days>(now)};
    year y{static_cast<int>(today.year()) / 100 * 100 + two_digits};
    if (sys_days{y / m / d} + time > now + years{50}) y -= years{100};
    return reader.result({y, m, d}, time);
}

// "Sun Nov  6 08:49:37 1994"
std::optional<sys_seconds> parse_asctime_date(Reader reader) {
    reader.name(day_names);
    reader.literal(" ");
    const month m = reader.month_name();
    reader.literal(" ");
    const bool one_digit = reader.rest.starts_with(' ');
    if (one_digit) reader.literal(" ");
    const day d{static_cast<unsigned>(reader.digits(one_digit ? 1 : 2))};
    reader.literal(" ");
    const seconds time = reader.time_of_day();
    reader.literal(" ");
    const year y{reader.digits(4)};
    return reader.result({y, m, d}, time);
}

}  // namespace

std::optional<sys_seconds> parse_http_date(std::string_view text, sys_seconds now) {
    const std::size_t after_day = text.find_first_of(", ");
    if (after_day == std::string_view::npos) return {};
    if (text[after_day] == ' ') return parse_asctime_date({text});
    return after_day == 3 ? parse_imf_fixdate({text}) : parse_rfc850_date({text}, now);
}

std::string format_http_date(sys_seconds time) {
    const sys_days date = floor<days>(time);
    const year_month_day ymd{date};
    const hh_mm_ss time_of_day{time - date};
    std::string out;
    out.reserve(29);
    const auto append_number = [&out](auto value, std::size_t width) {
        const std::string digits = std::to_string(value);
        out.append(width > digits.size() ? width - digits.size() : 0, '0').append(digits);
    };
    out.append(day_names[weekday{date}.c_encoding()]).append(", ");
    append_number(static_cast<unsigned>(ymd.day()), 2);
    out.append(" ").append(month_names[static_cast<unsigned>(ymd.month()) - 1]).append(" ");
    append_number(static_cast<int>(ymd.year()), 4);
    out += ' ';
    append_number(time_of_day.hours().count(), 2);
    out += ':';
    append_number(time_of_day.minutes().count(), 2);
    out += ':';
    append_number(time_of_day.seconds().count(), 2);
    out.append(" GMT");
    return out;
}

}  // namespace proxy::rules
