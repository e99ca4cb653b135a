#pragma once
// Resources that change when they are told to, and whose content says which version of what it is: a reader can tell an
// old one, a mixed one, a truncated one, and one under the wrong key.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace origin_stub {

class Versions {
 public:
    static constexpr std::size_t max_keys = 100'000;

    [[nodiscard]] std::uint64_t of(std::string_view key) const noexcept;  // 1 where it was never raised

    // The new version; nothing where too many keys have been raised.
    std::optional<std::uint64_t> raise(std::string_view key);

 private:
    std::map<std::string, std::uint64_t, std::less<>> raised_;
};

// "KEY VERSION LENGTH CRC32\n" and so many bytes that depend on key and version alone, with their CRC-32 in eight
// hexadecimal digits. Of 64 versions about one has 2 to 3 MiB, seven have 200 to 600 KiB, and the others less than 4
// KiB.
[[nodiscard]] std::string versioned_content(std::string_view key, std::uint64_t version);

// The parts of the key between slashes, separated by spaces: what Surrogate-Key says of it.
[[nodiscard]] std::string surrogate_keys_of(std::string_view key);

}  // namespace origin_stub
