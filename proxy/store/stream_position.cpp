#include "proxy/store/stream_position.hpp"

#include <charconv>

namespace proxy::store {
namespace {

constexpr unsigned number_bits = 22;

}  // namespace

std::optional<std::uint64_t> position_of(std::string_view id) noexcept {
    std::uint64_t time = 0;
    std::uint64_t number = 0;
    const char* const end = id.data() + id.size();
    const auto [dash, error] = std::from_chars(id.data(), end, time);
    if (error != std::errc() || dash == end || *dash != '-') return std::nullopt;
    const auto [rest, number_error] = std::from_chars(dash + 1, end, number);
    if (number_error != std::errc() || rest != end) return std::nullopt;
    if (time >> (64 - number_bits) != 0 || number >> number_bits != 0) return std::nullopt;
    return time << number_bits | number;
}

std::string stream_id(std::uint64_t position) {
    const std::uint64_t number = position & ((std::uint64_t{1} << number_bits) - 1);
    return std::to_string(milliseconds_of(position)) + '-' + std::to_string(number);
}

std::string position_as_json(std::uint64_t position) {
    return position == 0 ? "null" : '"' + stream_id(position) + '"';
}

}  // namespace proxy::store
