#pragma once
// Structured Field dictionaries. RFC 9651 §3.2, §4.2.2.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace proxy::rules {

struct OtherItem {};  // decimal, byte sequence, date, display string, inner list: well-formed, value not kept

// bool: a boolean, or a key without value (true). string: of a string or a token.
using DictionaryValue = std::variant<bool, std::int64_t, std::string, OtherItem>;

struct DictionaryMember {
    std::string_view key;
    DictionaryValue value;
};

// All members in order, also those of the same key: the last of them counts. Parameters are checked and dropped. Empty
// where any part does not parse. The keys refer to `text`.
[[nodiscard]] std::optional<std::vector<DictionaryMember>> parse_dictionary(std::string_view text);

}  // namespace proxy::rules
