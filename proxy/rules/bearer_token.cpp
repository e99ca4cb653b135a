#include "proxy/rules/bearer_token.hpp"

namespace proxy::rules {

bool is_bearer_of(std::string_view authorization, std::string_view token) noexcept {
    constexpr std::string_view scheme = "Bearer ";
    if (token.empty() || !iequals(authorization.substr(0, scheme.size()), scheme)) return false;
    const std::string_view given = trim(authorization.substr(scheme.size()));
    if (given.size() != token.size()) return false;
    unsigned difference = 0;
    for (std::size_t i = 0; i < token.size(); ++i)
        difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(token[i]);
    return difference == 0;
}

bool bears_token(Fields fields, std::string_view token) noexcept {
    return is_bearer_of(value_of(fields, http::field::authorization), token);
}

}  // namespace proxy::rules
