#pragma once
// Addresses of clients, as in 10.0.0.0/8 or 2001:db8::/32.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace proxy {

struct AddressRange {
    std::array<std::uint8_t, 16> address{};  // IPv4 as ::ffff:a.b.c.d
    unsigned bits = 128;                     // of it that count; the others are 0

    // `text` is one address. A range of IPv6 has none of IPv4, not even ::/0.
    [[nodiscard]] bool contains(std::string_view text) const;

    friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

// An address, or one with a slash and how many of its bits count; nothing where the text is neither, or where a bit
// beyond those is set.
[[nodiscard]] std::optional<AddressRange> address_range_from(std::string_view text);

[[nodiscard]] std::string to_text(const AddressRange& range);

[[nodiscard]] std::vector<AddressRange> this_machine();  // the loopback's addresses

}  // namespace proxy
