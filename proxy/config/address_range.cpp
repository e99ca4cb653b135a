#include "proxy/config/address_range.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace proxy {
namespace {

using Address = std::array<std::uint8_t, 16>;

constexpr std::array<std::uint8_t, 12> ipv4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned ipv4_bits = 96;

std::optional<Address> address_from(std::string_view text) {
    const std::string terminated(text);
    Address address{};
    std::copy(ipv4_prefix.begin(), ipv4_prefix.end(), address.begin());
    if (inet_pton(AF_INET, terminated.c_str(), address.data() + ipv4_prefix.size()) == 1) return address;
    if (inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
    return std::nullopt;
}

bool is_ipv4(const Address& address) noexcept {
    return std::equal(ipv4_prefix.begin(), ipv4_prefix.end(), address.begin());
}

Address masked(Address address, unsigned bits) noexcept {
    for (unsigned i = 0; i < address.size(); ++i) {
        const unsigned counted = std::min(8u, bits > 8 * i ? bits - 8 * i : 0);
        address[i] &= static_cast<std::uint8_t>(0xff00u >> counted);
    }
    return address;
}

}  // namespace

bool AddressRange::contains(std::string_view text) const {
    const auto other = address_from(text);
    return other && is_ipv4(*other) == is_ipv4(address) && masked(*other, bits) == address;
}

std::optional<AddressRange> address_range_from(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = address_from(text.substr(0, slash));
    if (!address) return std::nullopt;
    AddressRange range{.address = *address};
    if (slash == text.npos) return range;
    const bool is_dotted = text.find(':') == text.npos;
    const std::string_view digits = text.substr(slash + 1);
    unsigned bits = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    if (bits > (is_dotted ? 32u : 128u)) return std::nullopt;
    range.bits = is_dotted ? bits + ipv4_bits : bits;
    if (masked(range.address, range.bits) != range.address) return std::nullopt;
    return range;
}

std::string to_text(const AddressRange& range) {
    char text[INET6_ADDRSTRLEN];
    const bool dotted = is_ipv4(range.address);
    if (dotted)
        inet_ntop(AF_INET, range.address.data() + ipv4_prefix.size(), text, sizeof text);
    else
        inet_ntop(AF_INET6, range.address.data(), text, sizeof text);
    return std::string(text) + '/' + std::to_string(dotted ? range.bits - ipv4_bits : range.bits);
}

std::vector<AddressRange> this_machine() {
    return {address_range_from("127.0.0.0/8").value(), address_range_from("::1").value()};
}

}  // namespace proxy
