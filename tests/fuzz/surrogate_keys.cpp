// Input: response fields.

#include "proxy/rules/surrogate_keys.hpp"

#include <set>

#include "tests/fuzz/fuzz.hpp"

using namespace proxy::rules;
using namespace tests;

void fuzz_one(std::string_view bytes) {
    const std::vector<Field> fields = take_fields(bytes);
    const Policy policy;
    const auto keys = surrogate_keys(fields, policy);

    std::string lines, joined;
    for (const Field& field : fields) {
        append_field(lines, field.name, field.value);
        if (is_surrogate_key_field(field.name, policy)) joined.append(field.value).append(" ");
    }
    require(joined.empty() == !has_surrogate_keys(fields, policy), "some field names them, or none does");
    require(keys || joined.size() > max_surrogate_keys, "a few are never too many");
    const std::string rest = without_surrogate_keys(lines, policy);
    require(without_surrogate_keys(rest, policy) == rest, "what is left out is left out at once");
    require((rest == lines) == joined.empty(), "where there are none, nothing is left out");
    if (!keys) return;

    std::set<std::string_view> seen;
    for_each_surrogate_key(*keys, [&](std::string_view key) {
        require(!key.empty() && key.find_first_of("\t,") == key.npos, "a key is not empty, nor two");
        require(joined.find(key) != joined.npos, "none is made up");
        require(seen.insert(key).second, "none twice");
    });
    require(seen.size() <= max_surrogate_keys, "never more than may be");
    const Field one{http::field::unknown, "XKEY", joined};
    const auto again = surrogate_keys({&one, 1}, policy);
    require(!again || *again == *keys, "all fields are one list");
}
